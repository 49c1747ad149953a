// Owns the use case that explains an access: the verdict of a user on a device now, and every step that led to it.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { explainRecords } from '../policy/access.ts';
import type { ExplainedVerdict } from '../policy/access.ts';
import { readAccess } from '../policy/access-facts.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { parseDevice, parseUser } from './names.ts';

/** Subject, verdict and steps. */
export interface ExplainedAccess extends ExplainedVerdict {
  /** The user that the given name stands for. */
  readonly user: UserKey;
  readonly device: DeviceKey;
}

/**
 * Decides like the gateway at `now` (milliseconds since the epoch), for a request of which only user and device are known.
 * @throws ProgramError
 */
export async function explainAccess(
  store: DirectoryStore,
  policy: CompiledPolicy,
  subject: { readonly user: string; readonly device: string },
  now: number,
): Promise<ExplainedAccess> {
  const device = parseDevice(subject.device);
  const user = parseUser(subject.user);
  const found = await store.lookup(user, device);
  const access = readAccess(found, { user, device, deviceType: null }, now);
  return { user: found.user, device, ...explainRecords(policy, access, now) };
}
