// Owns what lists show: everything stored about a device, or about a user, understood where it can be. No I/O.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { readDecisionRecord, readImported } from '../model/decision.ts';
import type { DecisionRecord, ImportedDecision } from '../model/decision.ts';
import { readDeviceReport } from '../model/device.ts';
import type { DeviceReport } from '../model/device.ts';
import { blankPartnership, readPartnership } from '../model/partnership.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import { readUserReport } from '../model/user.ts';
import type { UserReport } from '../model/user.ts';
import { withItem } from './collected-records.ts';
import { effectiveDevice, inOrder } from './device-reports.ts';
import type { SourceOrder } from './device-reports.ts';
import { recordNames } from './record-names.ts';
import type { DeviceEntry, UserEntry } from './store.ts';
import type { SourceText, StoredDevice, StoredUsers } from './stored-records.ts';
import { TolerantReader } from './tolerant-reader.ts';
import { effectiveUser } from './user-reports.ts';

/** Nothing was ever decided. */
export const UNDECIDED: DecisionRecord = Object.freeze({ decision: null, history: [] });

/** `epoch`: of the store, for its wipes. Null = nothing is stored. */
export function deviceEntry(stored: StoredDevice, sources: SourceOrder, epoch: number): DeviceEntry | null {
  const { key, failures } = stored;
  if (isEmptyDevice(stored)) return null;
  const reader = new TolerantReader();
  for (const failure of failures) reader.fail(failure);
  const reports = inOrder(reportsOn(reader, stored), sources);
  const decided = decisionRecord(reader, key, null, stored.decision, epoch);
  return {
    key,
    reports,
    record: effectiveDevice(key, reports, sources),
    decided,
    decidedByUser: decisionsByUser(reader, stored, epoch),
    imported: importedDecisions(reader, key, stored.imported),
    partnerships: partnershipsOn(reader, stored),
    ...reader.unreadable(),
  };
}

/** The entries of stored devices, each made when it is asked for (decisions/0197). */
export function* deviceEntries(
  stored: Iterable<StoredDevice>,
  sources: SourceOrder,
  epoch: number,
): Generator<DeviceEntry> {
  for (const one of stored) {
    const entry = deviceEntry(one, sources, epoch);
    if (entry !== null) yield entry;
  }
}

const NONE: readonly never[] = Object.freeze([]);

function reportsOn(reader: TolerantReader, { key, reports }: StoredDevice): readonly DeviceReport[] {
  let read: readonly DeviceReport[] = NONE;
  for (const { source, text } of reports) {
    const report = reader.read(text, (one) => readDeviceReport(key, source, one));
    if (report !== null) read = withItem(read, report);
  }
  return read;
}

function partnershipsOn(
  reader: TolerantReader,
  { key, partnerships }: StoredDevice,
): readonly PartnershipRecord[] {
  let seen: readonly PartnershipRecord[] = NONE;
  for (const [user, text] of partnerships) {
    const record = reader.read(text, (one) => readPartnership(user, key, one));
    seen = withItem(seen, record ?? blankPartnership(user, key));
  }
  return seen;
}

const NOTHING_DECIDED: ReadonlyMap<UserKey, DecisionRecord> = new Map();

function decisionsByUser(
  reader: TolerantReader,
  { key, userDecisions }: StoredDevice,
  epoch: number,
): ReadonlyMap<UserKey, DecisionRecord> {
  if (userDecisions.size === 0) return NOTHING_DECIDED;
  const decided = new Map<UserKey, DecisionRecord>();
  for (const [user, text] of userDecisions) decided.set(user, decisionRecord(reader, key, user, text, epoch));
  return decided;
}

/** What is stored under exactly this name; null = nothing. */
export function userEntry(
  key: UserKey,
  stored: StoredUsers,
  sources: SourceOrder,
  epoch: number,
): UserEntry | null {
  return entriesOf(narrowed(key, stored), sources, epoch)[0] ?? null;
}

/** What a source reports of a user. `text`: as it is stored, undefined = it is not. Null = nothing, or a malformed record. */
export function userReport(key: UserKey, source: string, text: string | undefined): UserReport | null {
  return new TolerantReader().read(text, (one) => readUserReport(key, source, one));
}

/** The entries of the users in some records, each record understood when it is asked for (decisions/0197). */
export function* userEntries(
  stored: Iterable<StoredUsers>,
  sources: SourceOrder,
  epoch: number,
): Generator<UserEntry> {
  for (const one of stored) yield* entriesOf(one, sources, epoch);
}

/** One entry for each name under which anything is stored. Names that are only aliases have none. */
function entriesOf(stored: StoredUsers, sources: SourceOrder, epoch: number): UserEntry[] {
  const [only] = stored.reports;
  if (only !== undefined && stored.reports.length === 1 && hasReportsAlone(stored))
    return [entryOfReport(only, sources)];
  const reports = Map.groupBy(stored.reports, ({ user }) => user);
  const imported = Map.groupBy(stored.imported, ({ user }) => user);
  const devices = Map.groupBy(stored.devices, ({ user }) => user);
  const { failures, decisions } = stored;
  const names = new Set([...reports.keys(), ...decisions.keys(), ...imported.keys(), ...devices.keys()]);
  return [...names].map((key) => {
    const reader = new TolerantReader();
    for (const failure of failures) reader.fail(failure);
    const own = inOrder(
      (reports.get(key) ?? []).flatMap(
        ({ source, text }) => reader.read(text, (one) => readUserReport(key, source, one)) ?? [],
      ),
      sources,
    );
    return {
      key,
      reports: own,
      record: effectiveUser(key, own, sources),
      decided: decisionRecord(reader, null, key, decisions.get(key) ?? null, epoch),
      imported: importedDecisions(reader, null, imported.get(key) ?? []),
      devices: (devices.get(key) ?? [])
        .map(({ device, firstSeen, lastAllowed }) => ({ device, firstSeen, lastAllowed }))
        .sort((a, b) => a.firstSeen - b.firstSeen || (a.device < b.device ? -1 : 1)),
      ...reader.unreadable(),
    };
  });
}

function hasReportsAlone({ decisions, imported, devices, failures }: StoredUsers): boolean {
  return decisions.size === 0 && imported.length === 0 && devices.length === 0 && failures.length === 0;
}

/** The entry of a user who is known by one report alone, as most are where their devices are not read: walks are faster so. */
function entryOfReport(
  { user, source, text }: StoredUsers['reports'][number],
  sources: SourceOrder,
): UserEntry {
  const reader = new TolerantReader();
  const report = reader.read(text, (one) => readUserReport(user, source, one));
  const reports = report === null ? [] : [report];
  return {
    key: user,
    reports,
    record: effectiveUser(user, reports, sources),
    decided: UNDECIDED,
    imported: NONE,
    devices: [],
    ...reader.unreadable(),
  };
}

/** Whether nothing is stored about a device. */
function isEmptyDevice(stored: StoredDevice): boolean {
  return (
    stored.reports.length === 0 &&
    stored.decision === null &&
    stored.partnerships.length === 0 &&
    stored.userDecisions.size === 0 &&
    stored.imported.length === 0 &&
    stored.failures.length === 0
  );
}

function narrowed(key: UserKey, stored: StoredUsers): StoredUsers {
  const isKey = ({ user }: { readonly user: UserKey }): boolean => user === key;
  const decision = stored.decisions.get(key);
  return {
    reports: stored.reports.filter(isKey),
    aliases: stored.aliases,
    decisions: decision === undefined ? new Map() : new Map([[key, decision]]),
    imported: stored.imported.filter(isKey),
    devices: stored.devices.filter(isKey),
    failures: stored.failures,
  };
}

function decisionRecord(
  reader: TolerantReader,
  device: DeviceKey | null,
  user: UserKey | null,
  text: string | null,
  epoch: number,
): DecisionRecord {
  if (text === null) return UNDECIDED;
  const what = recordNames.decision(device, user);
  return reader.read(text, (stored) => readDecisionRecord(stored, what, epoch)) ?? UNDECIDED;
}

function importedDecisions(
  reader: TolerantReader,
  device: DeviceKey | null,
  stored: readonly (SourceText & { readonly user: UserKey | null })[],
): readonly ImportedDecision[] {
  if (stored.length === 0) return NONE;
  return stored.flatMap(({ source, user, text }) => {
    const what = recordNames.imported(source, device, user);
    const decision = reader.read(text, (one) => readImported(one, what));
    return decision === null ? [] : [{ source, device, user, decision }];
  });
}
