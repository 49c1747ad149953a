// Owns the views of what the directory stores about devices: the device with its decision, its partnerships with theirs.
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ManualDecision } from '../model/decision.ts';
import type { DeviceRecord } from '../model/device.ts';
import type { PartnershipRecord } from '../model/partnership.ts';

/** A device with its decision. */
export interface DeviceListing {
  readonly key: DeviceKey;
  /** Put together from the reports of all feeds; null = no feed reports it. */
  readonly record: DeviceRecord | null;
  readonly decision: ManualDecision | null;
  /** Malformed records. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** A partnership with its decision. */
export interface PartnershipListing {
  readonly record: PartnershipRecord;
  readonly decision: ManualDecision | null;
}

/** A decision and its subject. */
export interface StoredDecision {
  /** Null = every device of the user. */
  readonly device: DeviceKey | null;
  /** Null = every user of the device. */
  readonly user: UserKey | null;
  readonly decision: ManualDecision;
}

/** Everything stored about every device. */
export async function allDevices(store: DirectoryStore): Promise<DeviceEntry[]> {
  const entries: DeviceEntry[] = [];
  for await (const part of store.scanDevices()) entries.push(...part);
  return entries;
}

/** Null = the entry holds partnerships alone. */
export function deviceListing(entry: DeviceEntry): DeviceListing | null {
  const { key, record, decided, unreadable } = entry;
  if (record === null && decided.decision === null && unreadable === undefined) return null;
  return { key, record, decision: decided.decision, ...(unreadable !== undefined && { unreadable }) };
}

export function partnershipListings({ partnerships, decidedByUser }: DeviceEntry): PartnershipListing[] {
  return partnerships.map((record) => ({
    record,
    decision: decidedByUser.get(record.user)?.decision ?? null,
  }));
}

/** Every decision on devices and partnerships of these entries that is not taken back. */
export function decisionsIn(entries: readonly DeviceEntry[]): StoredDecision[] {
  return entries.flatMap(({ key, decided, decidedByUser }) => {
    const found: StoredDecision[] = [];
    if (decided.decision !== null) found.push({ device: key, user: null, decision: decided.decision });
    for (const [user, { decision }] of decidedByUser)
      if (decision !== null) found.push({ device: key, user, decision });
    return found;
  });
}

/** Every decision, also those on users. */
export async function everyDecision(store: DirectoryStore): Promise<StoredDecision[]> {
  const found: StoredDecision[] = [];
  for await (const part of store.scanDevices()) found.push(...decisionsIn(part));
  for await (const part of store.scanUsers())
    for (const { key, decided } of part)
      if (decided.decision !== null) found.push({ device: null, user: key, decision: decided.decision });
  return found;
}
