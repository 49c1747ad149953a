// Owns the use case that writes a device report manually, in place of a feed.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey } from '../identity/keys.ts';
import type { DeviceObservation } from '../model/device.ts';
import { parseDevice } from './names.ts';

/** Values to write; absent = as this source reported them before. */
export type ReportedValues = Pick<
  DeviceObservation,
  | 'managed'
  | 'compliant'
  | 'encrypted'
  | 'compromised'
  | 'managedMailProfile'
  | 'platform'
  | 'osVersion'
  | 'model'
  | 'os'
  | 'ownership'
  | 'owner'
  | 'removed'
  | 'unmetRequirements'
>;

/**
 * Writes a report at `now`, milliseconds since the epoch, under the name of a feed. Of a compliant device no unmet requirements
 * are kept. @throws ProgramError
 */
export async function reportDevice(
  store: DirectoryStore,
  id: string,
  values: ReportedValues,
  { source, now }: { readonly source: string; readonly now: number },
): Promise<DeviceKey> {
  const key = parseDevice(id);
  await store.putDevices([
    {
      key,
      source,
      observedAt: now,
      version: now,
      lastCheckIn: now,
      ...values,
      ...(values.compliant === true && { unmetRequirements: [] }),
    },
  ]);
  return key;
}
