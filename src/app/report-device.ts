// Owns the use case that writes a device report manually, in place of a feed.
import type { DirectoryStore } from '../directory/store.ts';
import type { AuditSink } from '../journal/audit-log.ts';
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

/** Under the name of which feed a report is written, by whom, from where, and when, milliseconds since the epoch. */
export interface ReportOrigin {
  readonly source: string;
  readonly by: string;
  readonly via: string;
  readonly now: number;
}

/**
 * Writes a report at `now`, milliseconds since the epoch, under the name of a feed. Of a compliant device no unmet requirements
 * are kept. @throws ProgramError
 */
export async function reportDevice(
  store: DirectoryStore,
  id: string,
  values: ReportedValues,
  { source, by, via, now }: ReportOrigin,
  audit: AuditSink,
): Promise<DeviceKey> {
  const key = parseDevice(id);
  const reported = async () =>
    (await store.getDevice(key))?.reports.find((one) => one.source === source) ?? null;
  const before = await reported();
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
  await audit.record({
    at: now,
    by,
    via,
    operation: 'report_device',
    device: key,
    subject: source,
    before,
    after: await reported(),
  });
  return key;
}
