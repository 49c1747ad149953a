// Owns writing and clearing manual decisions: never in place of a wipe, and only if the stored decision has not changed meanwhile.
import type { DirectoryStore, LookupResult } from '../directory/store.ts';
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

/** What is stored before a decision is written. */
interface Stored {
  readonly device: DeviceKey;
  /** Whom the decision concerns; null = every user of the device. */
  readonly user: UserKey | null;
  readonly onDevice: readonly Decided[];
  /** Of a user, under all names; null = it concerns every user. */
  readonly ofUser: Pick<LookupResult, 'exactDecisions' | 'namesakeDecisions'> | null;
}

/** Reads all of it in one turn, in which questions to Redis share a call. */
async function readStored(store: DirectoryStore, device: DeviceKey, user: UserKey | null): Promise<Stored> {
  const [onDevice, ofUser] = await Promise.all([
    decidedOn(store, device),
    user === null ? null : store.lookup(user, device),
  ]);
  return { device, user, onDevice, ofUser };
}

/** What a new decision takes the place of: decisions on the device, or on the partnership under any name that is this user. */
function replacedBy({ onDevice, ofUser }: Stored): readonly Decided[] {
  return ofUser === null ? onDevice.filter(({ user }) => user === null) : ofUser.exactDecisions;
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
  const stored = await readStored(store, device, user);
  refuseOverWipe(store, stored);
  await check();
  return overwrite(store, device, user, replacedBy(stored), decision, origin, onWritten);
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

/** What {@link write}, or a wipe, would replace. @throws ProgramError over a wipe */
export async function overwritten(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
): Promise<Overwritten> {
  const stored = await readStored(store, device, user);
  refuseOverWipe(store, stored);
  return { replaced: replacedBy(stored), replicated: null };
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
  const before = replacedBy(await readStored(store, device, user));
  await check();
  refuseOverDone(device, before, force);
  for (const one of before) {
    await replace(store, device, one.user, one.decision, null, origin);
    onCleared(one);
  }
}

/** What {@link clear} would clear. @throws ProgramError */
export async function clearable(
  store: DirectoryStore,
  device: DeviceKey,
  user: UserKey | null,
  force: boolean,
): Promise<readonly Decided[]> {
  const before = replacedBy(await readStored(store, device, user));
  refuseOverDone(device, before, force);
  return before;
}

/** @throws ProgramError over a wipe that the device acknowledged, without `force` */
function refuseOverDone(device: DeviceKey, before: readonly Decided[], force: boolean): void {
  const done = before.find(({ decision }) => isWipe(decision) && !isOpenWipe(decision));
  if (!force && done !== undefined) throw new WipeInTheWay(device, done);
}

/** @throws ProgramError over a wipe */
function refuseOverWipe(store: DirectoryStore, stored: Stored): void {
  const wipe = wipeInTheWay(store, stored);
  if (wipe !== null) throw new WipeInTheWay(stored.device, wipe);
}

/**
 * The wipe for which a decision is refused: a wipe takes precedence over all other decisions, so that one beside it would have no
 * effect, and appear to have one. That is a wipe of the device (or, for a decision on all users, one of any of its users that is
 * pending), or one that was carried out for the same subject. Null = none.
 */
export function wipeInTheWay(
  { names }: Pick<DirectoryStore, 'names'>,
  { user, onDevice, ofUser }: Omit<Stored, 'device'>,
): Decided | null {
  const found = onDevice.find(
    ({ user: name, decision }) =>
      standsInTheWay(decision) &&
      (name === null || (user === null ? isOpenWipe(decision) : names.mayBeSame(name, user))),
  );
  if (found !== undefined || ofUser === null) return found ?? null;
  // Under another name of the same user, by the directory's aliases.
  const { exactDecisions, namesakeDecisions } = ofUser;
  return [...exactDecisions, ...namesakeDecisions].find(({ decision }) => standsInTheWay(decision)) ?? null;
}

/** A suspended wipe is confirmed by ordering it again. */
function standsInTheWay(decision: ManualDecision): boolean {
  return isWipe(decision) && decision.wipe.suspended !== true;
}

/** The action, as text; for a wipe with its progress. */
export function describeDecision(decision: ManualDecision): string {
  return isWipe(decision) ? wipeText(decision.action, decision.wipe) : decision.action;
}

/** A wipe and its progress, as text. */
export function wipeText(action: ManualDecision['action'], wipe: WipeProgress): string {
  return `${action === 'wipe' ? 'wipe' : 'account-only wipe'} ${describeWipe(wipe)}`;
}
