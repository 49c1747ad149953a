// Owns the use case that shows one device in full, as the directory has it. The lists are in device-list.ts.
import { otherSpellings } from '../identity/device.ts';
import type { DeviceKey } from '../identity/keys.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { DecisionChange, ImportedDecision, ManualDecision } from '../model/decision.ts';
import type { DeviceReport } from '../model/device.ts';
import { deviceListing, partnershipListings } from './device-views.ts';
import type { DeviceListing, PartnershipListing } from './device-views.ts';
import { parseDevice } from './names.ts';
import { nearText } from './text-filter.ts';

/** All data about one device. */
export interface DeviceDetails {
  readonly key: DeviceKey;
  /** Other spellings of its id. */
  readonly aliases: readonly string[];
  /** Put together from the reports; null = no feed reports it. */
  readonly record: DeviceListing['record'];
  /** What each feed reports, in the order of precedence. */
  readonly reports: readonly DeviceReport[];
  /** Its malformed records; absent = none. */
  readonly unreadable?: readonly string[];
  readonly decision: ManualDecision | null;
  /** The latest changes of that decision, the latest last. */
  readonly history: readonly DecisionChange[];
  /** Decisions of feeds on the device and its partnerships. */
  readonly imported: readonly ImportedDecision[];
  readonly partnerships: readonly (PartnershipListing & { readonly history: readonly DecisionChange[] })[];
}

/** Reads one device. @throws ProgramError when it is unknown */
export async function showDevice(store: DirectoryStore, id: string): Promise<DeviceDetails> {
  const key = parseDevice(id);
  const entry = await store.getDevice(key);
  if (entry === null) throw await deviceNotFound(store, key);
  const { record, reports, unreadable, decided, decidedByUser, imported } = entry;
  return {
    key,
    aliases: otherSpellings(key),
    record,
    reports,
    ...(unreadable !== undefined && { unreadable }),
    decision: decided.decision,
    history: decided.history,
    imported,
    partnerships: partnershipListings(entry).map((partnership) => ({
      ...partnership,
      history: decidedByUser.get(partnership.record.user)?.history ?? [],
    })),
  };
}

/** The error for an unknown device, with suggestions. */
export async function deviceNotFound(store: DirectoryStore, key: DeviceKey): Promise<ProgramError> {
  const known = new Set<DeviceKey>();
  for await (const part of store.scanDevices())
    for (const entry of part)
      if (entry.partnerships.length > 0 || deviceListing(entry) !== null) known.add(entry.key);
  return new ProgramError('EASGATE_NOT_FOUND', `no device ${key}${nearText(key, key.slice(0, 6), known)}`);
}
