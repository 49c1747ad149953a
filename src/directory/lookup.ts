// Owns the result of a look-up: everything for one verdict, made from the texts stored about the device and its user. No I/O.
import type { UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import { readDecisionRecord, readImported } from '../model/decision.ts';
import type { ImportedDecision, ManualDecision, WipePartnership } from '../model/decision.ts';
import { readDeviceReport } from '../model/device.ts';
import type { DeviceRecord, DeviceReport } from '../model/device.ts';
import { seenPartnership } from '../model/partnership.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import { isOpenWipe } from '../model/wipe.ts';
import { stricter } from '../policy/strictness.ts';
import { withItem } from './collected-records.ts';
import { effectiveDevice } from './device-reports.ts';
import type { SourceOrder } from './device-reports.ts';
import { LoginReader } from './login-reader.ts';
import { recordNames } from './record-names.ts';
import { joinPartnerships } from './seen-partnerships.ts';
import type { LogPosition, LookupResult, UserDecision } from './store.ts';
import type { StoredDevice } from './stored-records.ts';
import { TolerantReader } from './tolerant-reader.ts';
import { MAX_COUNTED } from './user-devices.ts';

const NONE: readonly never[] = Object.freeze([]);

/** One look-up: collects the users, then makes the result. Most lists in a result are empty, or have one item: no other list is made for these. */
export class Lookup {
  /** Which users are still to be read, and what is known of them. */
  readonly login: LoginReader;
  private readonly reader = new TolerantReader();
  private readonly names: UserNames;
  private readonly sources: SourceOrder;

  constructor(names: UserNames, sources: SourceOrder, name: UserKey) {
    this.names = names;
    this.sources = sources;
    this.login = new LoginReader(names, sources, name, this.reader);
  }

  /** `epoch`: of the store, for its wipes. `now`: milliseconds since the epoch. */
  result(device: StoredDevice, position: LogPosition, epoch: number, now: number): LookupResult {
    const { login, reader } = this;
    for (const failure of device.failures) reader.fail(failure);
    const deviceDecision = this.decision(device, null, device.decision, epoch);
    const exactDecisions = this.partnershipDecisions(device, 'own', epoch);
    const strictest = strictestOf(exactDecisions, now);
    const [onDevice, onUser] = [this.imported(device), login.imported()];
    const partnershipDecision = strictest?.decision ?? null;
    return {
      user: login.user,
      userRecord: login.record,
      userDevices: login.devices(),
      usersOnDevice: this.countUsers(device),
      device: this.device(device),
      deviceDecision,
      partnershipDecision,
      decidedFor: strictest?.user ?? null,
      exactDecisions,
      namesakeDecisions: this.partnershipDecisions(device, 'namesake', epoch),
      userDecisions: login.decisions('own', epoch),
      namesakeUserDecisions: login.decisions('namesake', epoch),
      importedDecisions: onUser.length === 0 ? onDevice : [...onDevice, ...onUser],
      deviceWipe: this.entryOf(deviceDecision),
      partnershipWipe: this.entryOf(partnershipDecision),
      partnership: this.partnership(device),
      position,
      ...reader.unreadable(),
    };
  }

  private device({ key, reports: stored }: StoredDevice): DeviceRecord | null {
    let reports: readonly DeviceReport[] = NONE;
    for (const { source, text } of stored) {
      const report = this.reader.read(text, (one) => readDeviceReport(key, source, one));
      if (report !== null) reports = withItem(reports, report);
    }
    return effectiveDevice(key, reports, this.sources);
  }

  private decision(
    { key }: StoredDevice,
    user: UserKey | null,
    text: string | null,
    epoch: number,
  ): ManualDecision | null {
    if (text === null) return null;
    const what = recordNames.decision(key, user);
    return this.reader.read(text, (stored) => readDecisionRecord(stored, what, epoch))?.decision ?? null;
  }

  private partnershipDecisions(
    device: StoredDevice,
    relation: 'own' | 'namesake',
    epoch: number,
  ): readonly UserDecision[] {
    let found: readonly UserDecision[] = NONE;
    for (const [user, text] of device.userDecisions) {
      if (this.login.relationOf(user) !== relation) continue;
      const decision = this.decision(device, user, text, epoch);
      if (decision !== null) found = withItem(found, { user, decision });
    }
    return found;
  }

  private imported({ key, imported }: StoredDevice): readonly ImportedDecision[] {
    let found: readonly ImportedDecision[] = NONE;
    for (const { user, source, text } of imported) {
      if (user !== null && !this.login.isOwn(user)) continue;
      const decision = this.reader.read(text, (stored) =>
        readImported(stored, recordNames.imported(source, key, user)),
      );
      if (decision !== null) found = withItem(found, { device: key, user, source, decision });
    }
    return found;
  }

  /** A malformed partnership counts as missing: the device is not denied for it. */
  private partnership({ key, partnerships }: StoredDevice): PartnershipRecord | null {
    let own: readonly PartnershipRecord[] = NONE;
    for (const [user, text] of partnerships) {
      const record = this.login.isOwn(user) ? seenPartnership(user, key, text) : null;
      if (record !== null) own = withItem(own, record);
    }
    return joinPartnerships(this.login.user, own);
  }

  private countUsers({ partnerships }: StoredDevice): number {
    // Most devices have one.
    if (partnerships.length < 2) return partnerships.length;
    const users = new Set<UserKey>();
    for (const [user] of partnerships) {
      users.add(this.login.isOwn(user) ? this.login.user : this.names.canonical(user));
      if (users.size === MAX_COUNTED) break;
    }
    return users.size;
  }

  private entryOf(decision: ManualDecision | null): WipePartnership | null {
    if (!isOpenWipe(decision)) return null;
    const { login, names } = this;
    return (
      decision.wipe.partnerships.find(
        ({ user }) => names.same(user as UserKey, login.user) || names.same(user as UserKey, login.name),
      ) ?? null
    );
  }
}

function strictestOf(decisions: readonly UserDecision[], now: number): UserDecision | null {
  let found: UserDecision | null = null;
  for (const next of decisions)
    if (found === null || stricter(found.decision, next.decision, now) === next.decision) found = next;
  return found;
}
