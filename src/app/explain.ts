// Owns the use case that explains an access: the verdict of a user on a device now, and every step that led to it.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { explain } from '../policy/evaluate.ts';
import type { Explanation } from '../policy/evaluate.ts';
import type { Policy } from '../policy/model.ts';
import { parseDevice, parseUser } from './names.ts';

/** Whom it is about, the verdict, and the steps. */
export interface ExplainedAccess extends Explanation {
  /** The user that the given name means. */
  readonly user: UserKey;
  readonly device: DeviceKey;
}

/** Decides as the gateway would at `now`, milliseconds since the epoch. @throws ProgramError */
export async function explainAccess(
  store: DirectoryStore,
  policy: Policy,
  subject: { readonly user: string; readonly device: string },
  now: number,
): Promise<ExplainedAccess> {
  const device = parseDevice(subject.device);
  const found = await store.lookup(parseUser(subject.user), device);
  return { user: found.user, device, ...explain(policy, { ...found, now }) };
}
