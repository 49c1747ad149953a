// Owns how commands write decisions by hand: never over a wipe unasked, never over what changed meanwhile.
import type { DirectoryStore } from '../directory/store.ts';
import { deviceAliases } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ManualDecision } from '../policy/model.ts';
import { describeWipe, isOpenWipe, isWipe } from '../policy/wipe.ts';
import { CommandError } from './context.ts';
import { parseUser, target } from './device-names.ts';

/** The user that a typed name means, by the directory's aliases; null for none given. */
export async function canonicalUser(
  store: DirectoryStore,
  device: DeviceKey,
  name: string | undefined,
): Promise<UserKey | null> {
  return name === undefined ? null : (await store.lookup(parseUser(name), [device])).user;
}

/** The decision on the device (`user` null) or on the partnership. */
export async function storedDecision(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
): Promise<ManualDecision | null> {
  if (user === null) return (await store.getDevice(device))?.decision ?? null;
  return (await store.lookup(user, [device])).partnershipDecision;
}

/** Writes over exactly the decision that was looked at. @throws CommandError when it is another one by now */
export async function replace(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  before: ManualDecision | null,
  decision: ManualDecision | null,
): Promise<void> {
  if (await store.replaceDecision(user, device, before, decision)) return;
  throw new CommandError(
    'EASGATE_CHANGED',
    `${target(device, user)}: decided anew meanwhile; look, and repeat`,
  );
}

/**
 * Decides, or takes back (`decision` null). A phone may come under another spelling of its id: a block of a hex id is
 * also written under the text it spells, whose capitals the hex form alone remembers; clearing takes both back.
 * A wipe is only ever cleared, and one that the device acknowledged only with `force`.
 */
export async function changeDecision(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  decision: ManualDecision | null,
  force: boolean,
): Promise<void> {
  const spelled = deviceAliases(device).filter((alias) => alias.length < device.length);
  const keys = decision === null || decision.action === 'block' ? [device, ...spelled] : [device];
  const before = new Map<DeviceKey, ManualDecision | null>();
  for (const key of keys) {
    const stored = await storedDecision(store, key, user);
    if (decision !== null || !(force || isOpenWipe(stored))) refuseOverWipe(key, user, stored);
    before.set(key, stored);
  }
  for (const [key, stored] of before) await replace(store, key, user, stored, decision);
}

/** @throws CommandError when the decision is a wipe, in whatever state */
export function refuseOverWipe(device: DeviceKey, user: UserKey | null, stored: ManualDecision | null): void {
  if (!isWipe(stored)) return;
  const clear = `easgate devices clear ${device}${user === null ? '' : ` --user ${user}`}`;
  if (isOpenWipe(stored)) {
    throw new CommandError(
      'EASGATE_WIPE_IN_PLACE',
      `${target(device, user)}: ${wipeText(stored)}; take it back first: ${clear}`,
    );
  }
  throw new CommandError(
    'EASGATE_WIPED',
    `${target(device, user)}: ${wipeText(stored)}; too late to take back; to let the device in again: ${clear} --force`,
  );
}

/** One cell for the decisions on a partnership and its device: a wipe first, then the narrower one. */
export function decisionText(partnership: ManualDecision | null, device: ManualDecision | null): string {
  const decision = decisive(partnership, device);
  return decision === null ? '-' : wipeText(decision);
}

/** Which of the decisions on a partnership and its device a list shows: a wipe first, then the narrower one. */
export function decisive(
  partnership: ManualDecision | null,
  device: ManualDecision | null,
): ManualDecision | null {
  const wipe = [device, partnership].find(isOpenWipe) ?? [device, partnership].find(isWipe);
  return wipe ?? partnership ?? device;
}

/** A wipe and how far it has come, in words. */
export function wipeText(decision: ManualDecision): string {
  return isWipe(decision)
    ? `${decision.action === 'wipe' ? 'wipe' : 'account-only wipe'} ${describeWipe(decision.wipe)}`
    : decision.action;
}
