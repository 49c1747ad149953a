// Owns one row of the read model: a user on a device, or a device that nobody was seen with; and how it is made of what the
// directory stores. Pure.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { stateOfAction } from '../../model/access-state.ts';
import type { AccessState } from '../../model/access-state.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { ImportedDecision, ManualDecision, WipeProgress } from '../../model/decision.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import { decisive, isWipe } from '../../model/wipe.ts';
import type { DeviceEntry } from '../store.ts';
import { STRICTNESS } from '../../policy/strictness.ts';

/** A user on a device, or (`user` null) a device that nobody was seen with. Times: milliseconds since the epoch. */
export interface ModelRow {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  /** By the verdict that a gateway last gave. */
  readonly state: AccessState;
  /** Of that verdict; null = none was given. */
  readonly reason: string | null;
  /** When the read model first saw it in this state; null = it was in it when the model was built. */
  readonly stateSince: number | null;
  readonly deviceType: string | null;
  /** As the device says, else as its feed reports; likewise `os`. */
  readonly model: string | null;
  readonly os: string | null;
  readonly osVersion: string | null;
  readonly imei: string | null;
  readonly serialNumber: string | null;
  /** A feed reports the device; then what it says, null = it did not say. */
  readonly reported: boolean;
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly encrypted: boolean | null;
  readonly ownership: string | null;
  readonly owner: string | null;
  readonly lastCheckIn: number | null;
  /** Of the user; null = no feed knows them. */
  readonly groups: readonly string[] | null;
  readonly firstSeen: number | null;
  readonly lastSeen: number | null;
  readonly lastAllowed: number | null;
  /** What the phone's app reports about itself; null = nobody was seen with the device. Likewise `protocolVersion`. */
  readonly userAgent: string | null;
  readonly protocolVersion: string | null;
  /** Action of the decision that decides, of those on the partnership and on the device; null = there is none. */
  readonly decision: ManualDecision['action'] | null;
  /** The feed that imported the decision; null = an operator made it, or there is none. */
  readonly decisionSource: string | null;
  readonly decisionBy: string | null;
  readonly decisionReason: string | null;
  /** The progress of a wipe; null = the decision is none. */
  readonly wipe: WipeProgress | null;
  /** Null = it does not end. */
  readonly decisionExpiresAt: number | null;
  /** Of the decision on the user with every device. */
  readonly userDecision: ManualDecision['action'] | null;
  readonly userDecisionExpiresAt: number | null;
  /** It has records that are not understood; their names. */
  readonly unreadable: boolean;
  readonly unreadableRecords: readonly string[];
}

/** A decision, and the feed that imported it; `source` null = an operator made it. */
export interface SourcedDecision {
  readonly decision: ManualDecision;
  readonly source: string | null;
}

/** The decision that a row shows: an operator's own; an imported one where that has ended or there is none. */
export function shownDecision(
  own: ManualDecision | null,
  imported: readonly ImportedDecision[],
  now: number,
): SourcedDecision | null {
  const holds = ({ expiresAt }: ManualDecision): boolean => expiresAt === null || expiresAt > now;
  if (own !== null && holds(own)) return { decision: own, source: null };
  let found: ImportedDecision | null = null;
  for (const one of imported)
    if (
      holds(one.decision) &&
      (found === null || STRICTNESS[one.decision.action] > STRICTNESS[found.decision.action])
    )
      found = one;
  return found ?? (own === null ? null : { decision: own, source: null });
}

/** What rows hold of a user. */
export interface UserFacts {
  readonly groups: readonly string[] | null;
  readonly decision: ManualDecision['action'] | null;
  readonly decisionExpiresAt: number | null;
}

/** Of a user of whom nothing is known. */
export const UNKNOWN_USER: UserFacts = Object.freeze({
  groups: null,
  decision: null,
  decisionExpiresAt: null,
});

/** A row as it is made of the directory; the model itself knows since when. */
export type FreshRow = Omit<ModelRow, 'stateSince'>;

/** The rows of a device; none where nothing but decisions on partnerships that were never seen is stored. */
export function rowsOfDevice(
  entry: DeviceEntry,
  factsOf: (user: UserKey) => UserFacts,
  names: UserNames,
  now: number,
): FreshRow[] {
  const { record, decided, unreadable, partnerships, decidedByUser, imported } = entry;
  const onDevice = imported.filter(({ user }) => user === null);
  if (partnerships.length > 0)
    return partnerships.map((partnership) => {
      const { user } = partnership;
      const own = decisive(decidedByUser.get(user)?.decision ?? null, decided.decision, now);
      const onUser = imported.filter((one) => one.user !== null && names.mayBeSame(user, one.user));
      const shown = shownDecision(own, [...onUser, ...onDevice], now);
      return rowOf(entry, partnership, shown, factsOf(user));
    });
  const shown = shownDecision(decided.decision, onDevice, now);
  if (record === null && shown === null && unreadable === undefined) return [];
  return [rowOf(entry, null, shown, UNKNOWN_USER)];
}

function rowOf(
  { key, record, unreadable }: DeviceEntry,
  seen: PartnershipRecord | null,
  shown: SourcedDecision | null,
  facts: UserFacts,
): FreshRow {
  const decision = shown?.decision ?? null;
  return {
    device: key,
    user: seen?.user ?? null,
    state: seen === null ? 'unseen' : stateOfAction(seen.lastVerdict),
    reason: textOf(seen?.lastReason),
    deviceType: textOf(seen?.deviceType),
    model: seen?.model ?? record?.model ?? null,
    os: seen?.os ?? record?.os ?? null,
    osVersion: record?.osVersion ?? null,
    imei: seen?.imei ?? record?.imei ?? null,
    serialNumber: record?.serialNumber ?? null,
    reported: record !== null,
    managed: record?.managed ?? null,
    compliant: record?.compliant ?? null,
    encrypted: record?.encrypted ?? null,
    ownership: record?.ownership ?? null,
    owner: record?.owner ?? null,
    lastCheckIn: record?.lastCheckIn ?? null,
    groups: facts.groups,
    firstSeen: seen?.firstSeen ?? null,
    lastSeen: seen?.lastSeen ?? null,
    lastAllowed: seen?.lastAllowed ?? null,
    userAgent: textOf(seen?.userAgent),
    protocolVersion: textOf(seen?.protocolVersion),
    decision: decision?.action ?? null,
    decisionSource: shown?.source ?? null,
    decisionBy: decision?.owner ?? null,
    decisionReason: decision?.reason ?? null,
    wipe: isWipe(decision) ? decision.wipe : null,
    decisionExpiresAt: decision?.expiresAt ?? null,
    userDecision: facts.decision,
    userDecisionExpiresAt: facts.decisionExpiresAt,
    unreadable: unreadable !== undefined,
    unreadableRecords: unreadable ?? [],
  };
}

function textOf(text: string | null | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** What users and owners are compared by: names that a directory may take for one are equal. */
export function localOf(name: string | null): string | null {
  return name === null ? null : foldedLocalPart(name);
}
