// Owns how commands write decisions by hand: never over a wipe unasked, never over what changed meanwhile.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AccessDecision, ManualDecision } from '../policy/model.ts';
import { describeWipe, isOpenWipe, isWipe } from '../policy/wipe.ts';
import { CommandError } from './context.ts';
import { parseUser, target } from './device-names.ts';

/** A decision, and where it is stored; `user` null = on the device, for everyone. */
export interface Decided {
  readonly user: UserKey | null;
  readonly decision: ManualDecision;
}

/** The user that a typed name means, by the directory's aliases and the groups of domains; null for none given. */
export async function canonicalUser(
  store: DirectoryStore,
  device: DeviceKey,
  name: string | undefined,
): Promise<UserKey | null> {
  return name === undefined ? null : (await store.lookup(parseUser(name), device)).user;
}

/** Everything decided on a device and its users. */
export async function decidedOn(store: DirectoryStore, device: DeviceKey): Promise<Decided[]> {
  const decision = (await store.getDevice(device))?.decision ?? null;
  const onUsers = await store.listUserDecisions(device);
  return [...(decision === null ? [] : [{ user: null, decision }]), ...onUsers];
}

/** The decisions on the device (`user` null), or on the partnership under any name that is this user. */
export async function storedDecisions(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
): Promise<readonly Decided[]> {
  if (user === null) return (await decidedOn(store, device)).filter((stored) => stored.user === null);
  return (await store.lookup(user, device)).exactDecisions;
}

/** Writes over exactly the decision that was looked at. @throws CommandError when it is another one by now */
async function replace(
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
 * Writes a decision in place of those on the same device or partnership, which are returned. A decision on another name of
 * the same user is taken away once the new one stands. @throws CommandError over a wipe
 */
export async function decide(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  decision: AccessDecision,
): Promise<readonly Decided[]> {
  await refuseOverWipe(store, device, user);
  return overwrite(store, device, user, await storedDecisions(store, device, user), decision);
}

/** Like {@link decide}, over decisions that were looked at before. */
export async function overwrite(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  before: readonly Decided[],
  decision: ManualDecision,
): Promise<readonly Decided[]> {
  const own = before.find((stored) => stored.user === user)?.decision ?? null;
  await replace(store, device, user, own, decision);
  for (const other of before)
    if (other.user !== user) await replace(store, device, other.user, other.decision, null);
  return before;
}

/**
 * Takes decisions back, which are returned; none = there was nothing. A wipe that the device acknowledged is taken back only
 * with `force`. @throws CommandError
 */
export async function clear(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  force: boolean,
): Promise<readonly Decided[]> {
  const before = await storedDecisions(store, device, user);
  for (const { user: name, decision } of before)
    if (!force && isWipe(decision) && !isOpenWipe(decision)) throw inTheWay(device, { user: name, decision });
  for (const { user: name, decision } of before) await replace(store, device, name, decision, null);
  return before;
}

/**
 * A wipe goes before all other decisions: one that is written beside it would do nothing, and look as if it did.
 * @throws CommandError while a wipe of the device, or of any of its users where the decision is for all of them, waits for
 * the device; or was carried out where the decision would hold
 */
export async function refuseOverWipe(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
): Promise<void> {
  // A wipe that was suspended is confirmed by ordering it again.
  const wipes = (await decidedOn(store, device)).filter(
    ({ decision }) => isWipe(decision) && decision.wipe.suspended !== true,
  );
  for (const wipe of wipes) {
    const concerns =
      wipe.user === null || (user === null ? isOpenWipe(wipe.decision) : store.names.meets(wipe.user, user));
    if (concerns) throw inTheWay(device, wipe);
  }
  if (user === null) return;
  // Under another name of the same user, by the directory's aliases.
  const { exactDecisions, namesakeDecisions } = await store.lookup(user, device);
  const other = [...exactDecisions, ...namesakeDecisions].find(
    ({ decision }) => isWipe(decision) && decision.wipe.suspended !== true,
  );
  if (other !== undefined) throw inTheWay(device, other);
}

function inTheWay(device: DeviceKey, { user, decision }: Decided): CommandError {
  const clear = clearCommand(device, user);
  return isOpenWipe(decision)
    ? new CommandError(
        'EASGATE_WIPE_IN_PLACE',
        `${target(device, user)}: ${wipeText(decision)}; take it back first: ${clear}`,
      )
    : new CommandError(
        'EASGATE_WIPED',
        `${target(device, user)}: ${wipeText(decision)}; too late to take back; to let the device in again: ${clear} --force`,
      );
}

/** How to take back what is stored there. */
export function clearCommand(device: DeviceKey, user: UserKey | null): string {
  // A shell reads a backslash.
  return `easgate devices clear ${device}${user === null ? '' : ` --user ${user.includes('\\') ? `'${user}'` : user}`}`;
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
