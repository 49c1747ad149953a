// Owns the use cases of manual decisions on a user with every device: allow, block or quarantine, and take that back.
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { UserKey } from '../identity/keys.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { AccessDecision, DecisionOrigin, ManualDecision } from '../model/decision.ts';
import { searchInStore } from './user-search.ts';
import type { UserSearch } from './user-search.ts';
import { parseUser } from './names.ts';

/** A decision that was written. */
export interface UserDecideResult {
  /** The name it is stored under. */
  readonly user: UserKey;
  readonly decision: AccessDecision;
  /** The decision it took the place of; null = there was none. */
  readonly replaced: ManualDecision | null;
  /** Whether a second server of the directory has it; null = there is none. */
  readonly replicated: boolean | null;
  /** Other names that were seen and that it holds for, and names alike that it does not hold for. */
  readonly holdsFor: readonly UserKey[];
  readonly notFor: readonly UserKey[];
  /** No feed reports the user, and nobody signed in with the name: it may be a typing error. */
  readonly isUnknown: boolean;
  /** The account is disabled: but for a block, the decision has no effect where the policy keeps disabled users out. */
  readonly isDisabled: boolean;
}

/** Writes a decision on a user; with `dryRun` it only finds what that would do. @throws ProgramError when it changed meanwhile */
export async function decideUser(
  store: DirectoryStore,
  name: string,
  decision: AccessDecision,
  { dryRun = false, ...origin }: DecisionOrigin & { readonly dryRun?: boolean },
  audit: AuditSink,
  users: UserSearch = searchInStore(store),
): Promise<UserDecideResult> {
  const entry = await store.getUser(parseUser(name));
  const user = entry?.key ?? parseUser(name);
  const replaced = entry?.decided.decision ?? null;
  const replicated = dryRun ? null : await replace(store, user, replaced, decision, origin);
  if (!dryRun)
    await audit.record({
      ...origin,
      operation: 'decide',
      user,
      before: replaced,
      after: decision,
      comment: decision.reason,
    });
  const known = await store.joinedUser(user);
  const own = [...new Set([user, known.user, ...(known.record?.aliases ?? [])])];
  const seen = await users.namesLike(own);
  const isSame = (other: UserKey): boolean => own.some((one) => store.names.same(one, other));
  const mayBeSame = (other: UserKey): boolean => own.some((one) => store.names.mayBeSame(one, other));
  const alike = seen.filter((other) => other !== user && (isSame(other) || mayBeSame(other)));
  const holds = (other: UserKey): boolean => isSame(other) || decision.action !== 'allow';
  return {
    user,
    decision,
    replaced,
    replicated,
    holdsFor: alike.filter(holds),
    notFor: alike.filter((other) => !holds(other)),
    isUnknown: known.record === null && !seen.some((other) => other === user || mayBeSame(other)),
    isDisabled: known.record?.enabled === false,
  };
}

/** A decision that was taken back. */
export interface UserClearResult {
  readonly user: UserKey;
  /** Null = there was none. */
  readonly cleared: ManualDecision | null;
}

/** Takes back what {@link decideUser} wrote. @throws ProgramError when it changed meanwhile */
export async function clearUser(
  store: DirectoryStore,
  name: string,
  origin: DecisionOrigin,
  audit: AuditSink,
): Promise<UserClearResult> {
  const entry = await store.getUser(parseUser(name));
  const user = entry?.key ?? parseUser(name);
  const cleared = entry?.decided.decision ?? null;
  if (cleared !== null) {
    await replace(store, user, cleared, null, origin);
    await audit.record({ ...origin, operation: 'clear', user, before: cleared });
  }
  return { user, cleared };
}

async function replace(
  store: DirectoryStore,
  user: UserKey,
  before: ManualDecision | null,
  decision: AccessDecision | null,
  origin: DecisionOrigin,
): Promise<boolean | null> {
  const written = await store.replaceDecision({ device: null, user }, before, decision, origin);
  if (written !== null) return written.replicated;
  throw new ProgramError(
    'EASGATE_CHANGED',
    `${user}: the decision was changed meanwhile: look at it, then repeat`,
  );
}
