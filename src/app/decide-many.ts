// Owns the use case of the same decision for many devices: how many it concerns, and writing it, device by device.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { DeviceKey } from '../identity/keys.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { AccessDecision, DecisionOrigin } from '../model/decision.ts';
import { clearDecision } from './decide.ts';
import { clearable, decidedBefore, overwritten, write } from './write-decision.ts';
import { parseDevice } from './names.ts';
import { everyPhone, deviceModelFilter } from './device-list.ts';
import type { DeviceFilter } from './device-list.ts';

/** Most devices that are decided at once. The contract of the API has the same number (api/contract/decisions.ts). */
export const MAX_DECIDED = 2_000;
/** Devices that are decided side by side: each takes several round trips to the directory, and those of one turn share calls. */
const AT_ONCE = 32;

/** Devices by name, or all that match a filter. */
export type ManyDevices = { readonly devices: readonly string[] } | { readonly filter: DeviceFilter };

/** The devices that are meant. */
export interface MatchedDevices {
  /** {@link MAX_DECIDED} and one more at most. */
  readonly keys: readonly DeviceKey[];
  /** Their phones (users on devices) by state. */
  readonly byState: Readonly<Record<string, number>>;
}

/** The devices. @throws ProgramError for a filter without a condition */
export function matchedDevices(reader: ModelReader, many: ManyDevices): MatchedDevices {
  if ('filter' in many && Object.values(many.filter).every((value) => value === undefined))
    throw new ProgramError('EASGATE_FILTER', 'a filter without a condition means every device: name one');
  const keys = new Set<DeviceKey>();
  const byState: Record<string, number> = {};
  const filters =
    'filter' in many
      ? [deviceModelFilter(many.filter)]
      : [...new Set(many.devices.map((id) => parseDevice(id)))].map((device) => ({ device }));
  if ('devices' in many) for (const id of many.devices) keys.add(parseDevice(id));
  for (const filter of filters)
    for (const { device, state } of everyPhone(reader, filter, { field: 'device', descending: false })) {
      keys.add(device);
      if (keys.size > MAX_DECIDED) return { keys: [...keys], byState };
      byState[state] = (byState[state] ?? 0) + 1;
    }
  return { keys: [...keys], byState };
}

/** A device that was not decided, and why. */
export interface RefusedDevice {
  readonly device: DeviceKey;
  readonly code: string;
  readonly message: string;
}

/** What was done. */
export interface ManyOutcome {
  /** Devices that were decided, or whose decision was taken back. */
  readonly changed: number;
  readonly refused: readonly RefusedDevice[];
}

/**
 * Decides each device for every user, or (null) takes its decision back, with an entry in the audit for each. A device that
 * refuses, as over a wipe, does not stop the others. With `dryRun` it only finds what that would do. @throws ProgramError for more than {@link MAX_DECIDED}
 */
export async function decideMany(
  store: DirectoryStore,
  devices: readonly DeviceKey[],
  decision: AccessDecision | null,
  { dryRun = false, ...origin }: DecisionOrigin & { readonly dryRun?: boolean },
  audit: AuditSink,
): Promise<ManyOutcome> {
  if (devices.length > MAX_DECIDED)
    throw new ProgramError(
      'EASGATE_FILTER',
      `more than ${MAX_DECIDED} devices: narrow the filter, or write a rule of the policy`,
    );
  let changed = 0;
  const refused: RefusedDevice[] = [];
  const one = async (device: DeviceKey): Promise<void> => {
    try {
      const isChanged = dryRun
        ? await wouldChange(store, device, decision)
        : await decideOne(store, device, decision, origin, audit);
      if (isChanged) changed++;
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      refused.push({ device, code: error.code, message: error.message });
    }
  };
  for (let at = 0; at < devices.length; at += AT_ONCE) {
    await Promise.all(devices.slice(at, at + AT_ONCE).map(one));
    await nextTurn();
  }
  return { changed, refused };
}

/** Whether anything would be changed. @throws ProgramError where the device refuses it */
async function wouldChange(
  store: DirectoryStore,
  device: DeviceKey,
  decision: AccessDecision | null,
): Promise<boolean> {
  if (decision === null) return (await clearable(store, device, null, false)).length > 0;
  await overwritten(store, device, null);
  return true;
}

/** Whether anything was changed. */
async function decideOne(
  store: DirectoryStore,
  device: DeviceKey,
  decision: AccessDecision | null,
  origin: DecisionOrigin,
  audit: AuditSink,
): Promise<boolean> {
  if (decision === null) {
    const { cleared } = await clearDecision(store, { device }, { ...origin, force: false }, audit);
    return cleared.length > 0;
  }
  await write(store, device, null, decision, origin, (before) =>
    audit.record({
      ...origin,
      operation: 'decide',
      device,
      user: null,
      before: decidedBefore(before),
      after: decision,
      comment: decision.reason,
    }),
  );
  return true;
}
