// Owns one row of the read model: a user on a device, or a device that nobody was seen with; and how it is made of what the
// directory stores. Pure.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { stateOfAction } from '../../model/access-state.ts';
import type { AccessState } from '../../model/access-state.ts';
import type { ManualDecision } from '../../model/decision.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import { decisive } from '../../model/wipe.ts';
import type { DeviceEntry } from '../store.ts';

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
  /** Action of the decision on the partnership, else on the device; null = there is none. */
  readonly decision: ManualDecision['action'] | null;
  /** Null = it does not end. */
  readonly decisionExpiresAt: number | null;
  /** Of the decision on the user with every device. */
  readonly userDecision: ManualDecision['action'] | null;
  readonly userDecisionExpiresAt: number | null;
  /** It has records that are not understood. */
  readonly unreadable: boolean;
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
export function rowsOfDevice(entry: DeviceEntry, factsOf: (user: UserKey) => UserFacts): FreshRow[] {
  const { record, decided, unreadable, partnerships, decidedByUser } = entry;
  if (partnerships.length > 0)
    return partnerships.map((partnership) => {
      const { user } = partnership;
      const decision = decisive(decidedByUser.get(user)?.decision ?? null, decided.decision);
      return rowOf(entry, partnership, decision, factsOf(user));
    });
  if (record === null && decided.decision === null && unreadable === undefined) return [];
  return [rowOf(entry, null, decisive(null, decided.decision), UNKNOWN_USER)];
}

function rowOf(
  { key, record, unreadable }: DeviceEntry,
  seen: PartnershipRecord | null,
  decision: ManualDecision | null,
  facts: UserFacts,
): FreshRow {
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
    decision: decision?.action ?? null,
    decisionExpiresAt: decision?.expiresAt ?? null,
    userDecision: facts.decision,
    userDecisionExpiresAt: facts.decisionExpiresAt,
    unreadable: unreadable !== undefined,
  };
}

function textOf(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** What users and owners are compared by: names that a directory may take for one are equal. */
export function localOf(name: string | null): string | null {
  return name === null ? null : foldedLocalPart(name);
}
