// Owns the use case that writes a device report manually, in place of a feed.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey } from '../identity/keys.ts';
import { parseDevice } from './names.ts';

/** Values to write; absent = unchanged. */
export interface ReportedValues {
  readonly managed?: boolean | undefined;
  readonly compliant?: boolean | undefined;
  readonly model?: string | undefined;
  readonly os?: string | undefined;
  /** Unmet requirements, in the words shown to the user. Dropped for a compliant device. */
  readonly requirements?: readonly string[] | undefined;
}

/** Writes a report at `now`, milliseconds since the epoch, under the name of a feed. @throws ProgramError */
export async function reportDevice(
  store: DirectoryStore,
  id: string,
  values: ReportedValues,
  { source, now }: { readonly source: string; readonly now: number },
): Promise<DeviceKey> {
  const key = parseDevice(id);
  const before = (await store.getDevice(key))?.record ?? null;
  const compliant = values.compliant ?? before?.compliant ?? null;
  await store.putDevice({
    key,
    managed: values.managed ?? before?.managed ?? null,
    compliant,
    model: values.model ?? before?.model ?? null,
    os: values.os ?? before?.os ?? null,
    encrypted: before?.encrypted ?? null,
    compromised: before?.compromised ?? null,
    owner: before?.owner ?? null,
    lastCheckIn: now,
    source,
    version: now,
    observedAt: now,
    unmetRequirements: compliant === true ? [] : (values.requirements ?? before?.unmetRequirements ?? []),
  });
  return key;
}
