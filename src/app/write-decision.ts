// Owns writing and clearing manual decisions: never in place of a wipe, and only if the stored decision has not changed meanwhile.
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AccessDecision, DecisionOrigin, ManualDecision, WipeProgress } from '../model/decision.ts';
import { describeWipe } from '../policy/wipe.ts';
import { isOpenWipe, isWipe } from '../model/wipe.ts';
import { decisionsIn } from './device-views.ts';
import { target } from './names.ts';

/** A decision and its subject; `user` null = the device, for every user. */
export interface Decided {
  readonly user: UserKey | null;
  readonly decision: ManualDecision;
}

/** Decisions that were replaced or taken back, for the audit; null = none. */
export function decidedBefore(replaced: readonly Decided[]): readonly Decided[] | null {
  return replaced.length === 0 ? null : replaced;
}

/** A decision that was written. */
export interface Overwritten {
  /** The decisions it took the place of. */
  readonly replaced: readonly Decided[];
  /** Whether a second server of the directory has it; null = there is none. */
  readonly replicated: boolean | null;
}

/** A wipe is in the place of what was asked for; `decided` says which, so that callers can say how to take it back. */
export class WipeInTheWay extends ProgramError {
  readonly device: DeviceKey;
  readonly decided: Decided;
  constructor(device: DeviceKey, decided: Decided) {
    const open = isOpenWipe(decided.decision);
    super(
      open ? 'EASGATE_WIPE_IN_PLACE' : 'EASGATE_WIPED',
      `${target(device, decided.user)}: ${describeDecision(decided.decision)}`,
    );
    this.device = device;
    this.decided = decided;
  }
}

/** All decisions on a device and its users. */
export async function decidedOn(store: DirectoryStore, device: DeviceKey): Promise<Decided[]> {
  const entry = await store.getDevice(device);
  return entry === null ? [] : decisionsIn([entry]);
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

/** Replaces a decision that was read before. @throws ProgramError when it has changed meanwhile */
async function replace(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  before: ManualDecision | null,
  decision: ManualDecision | null,
  origin: DecisionOrigin,
): Promise<boolean | null> {
  const written = await store.replaceDecision({ device, user }, before, decision, origin);
  if (written !== null) return written.replicated;
  throw new ProgramError(
    'EASGATE_CHANGED',
    `${target(device, user)}: the decision was changed meanwhile: look at it, then repeat`,
  );
}

/**
 * Writes a decision in place of those on the same device or partnership. A decision on another name of
 * the same user is taken away once the new one stands. @throws ProgramError over a wipe
 */
export async function write(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  decision: AccessDecision,
  origin: DecisionOrigin,
  onWritten: OnWritten,
  check: BeforeChange = always,
): Promise<Overwritten> {
  await refuseOverWipe(store, device, user);
  const before = await storedDecisions(store, device, user);
  await check();
  return overwrite(store, device, user, before, decision, origin, onWritten);
}

/**
 * Rejects where the state is not the one that the caller decided on. It is called once the decisions to be replaced were read: what
 * changes afterwards is EASGATE_CHANGED.
 */
export type BeforeChange = () => Promise<void>;

/** The {@link BeforeChange} of callers that decide on any state. */
export async function always(): Promise<void> {
  // nothing to compare
}

/** What {@link write} would replace. @throws ProgramError over a wipe */
export async function overwritten(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
): Promise<Overwritten> {
  await refuseOverWipe(store, device, user);
  return { replaced: await storedDecisions(store, device, user), replicated: null };
}

/** Called once a decision stands, with those that it takes the place of, which may fail to be taken away. */
export type OnWritten = (replaced: readonly Decided[]) => Promise<void>;

/** Like {@link write}, for decisions that were read before. */
export async function overwrite(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  before: readonly Decided[],
  decision: ManualDecision,
  origin: DecisionOrigin,
  onWritten: OnWritten,
): Promise<Overwritten> {
  const own = before.find((stored) => stored.user === user)?.decision ?? null;
  const replicated = await replace(store, device, user, own, decision, origin);
  await onWritten(before);
  for (const other of before)
    if (other.user !== user) await replace(store, device, other.user, other.decision, null, origin);
  return { replaced: before, replicated };
}

/**
 * Clears decisions; `onCleared` is called with each. A wipe that the device acknowledged is cleared only with `force`.
 * @throws ProgramError
 */
export async function clear(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  force: boolean,
  origin: DecisionOrigin,
  onCleared: (decided: Decided) => void,
  check: BeforeChange = always,
): Promise<void> {
  const before = await storedDecisions(store, device, user);
  await check();
  for (const { user: name, decision } of before)
    if (!force && isWipe(decision) && !isOpenWipe(decision))
      throw new WipeInTheWay(device, { user: name, decision });
  for (const one of before) {
    await replace(store, device, one.user, one.decision, null, origin);
    onCleared(one);
  }
}

/**
 * A wipe takes precedence over all other decisions: a decision beside it would have no effect, and appear to have one.
 * @throws ProgramError while a wipe of the device (or, for a decision on all users, of any of its users) is pending; or when one
 * was carried out for the same subject
 */
export async function refuseOverWipe(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
): Promise<void> {
  // A suspended wipe is confirmed by ordering it again.
  const wipes = (await decidedOn(store, device)).filter(
    ({ decision }) => isWipe(decision) && decision.wipe.suspended !== true,
  );
  for (const wipe of wipes) {
    const concerns =
      wipe.user === null || (user === null ? isOpenWipe(wipe.decision) : store.names.meets(wipe.user, user));
    if (concerns) throw new WipeInTheWay(device, wipe);
  }
  if (user === null) return;
  // Under another name of the same user, by the directory's aliases.
  const { exactDecisions, namesakeDecisions } = await store.lookup(user, device);
  const other = [...exactDecisions, ...namesakeDecisions].find(
    ({ decision }) => isWipe(decision) && decision.wipe.suspended !== true,
  );
  if (other !== undefined) throw new WipeInTheWay(device, other);
}

/** The action, as text; for a wipe with its progress. */
export function describeDecision(decision: ManualDecision): string {
  return isWipe(decision) ? wipeText(decision.action, decision.wipe) : decision.action;
}

/** A wipe and its progress, as text. */
export function wipeText(action: ManualDecision['action'], wipe: WipeProgress): string {
  return `${action === 'wipe' ? 'wipe' : 'account-only wipe'} ${describeWipe(wipe)}`;
}
