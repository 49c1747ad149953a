// Owns the life of the policy that the directory keeps: publish, roll back, run one in the shadow and promote it, history.
import { servedPolicy } from '../config/served-policy.ts';
import { hashOf, loadVersion } from '../config/stored-policy.ts';
import type { PolicyTexts } from '../config/stored-policy.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { AuditOperation } from '../model/journal.ts';
import { ProgramError } from '../errors.ts';
import { readPolicyState, readPolicyVersion } from '../model/policy-version.ts';
import type { PolicyState, PolicyVersion } from '../model/policy-version.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';

/** Who changes the policy, from where, and when, milliseconds since the epoch. */
export interface PolicyAuthor {
  readonly by: string;
  readonly via: string;
  readonly at: number;
}

/** Which versions are in use, as text to compare with, and as it is understood. */
export interface KnownPolicies {
  readonly stored: string | null;
  readonly state: PolicyState;
}

/** Reads which versions are in use. */
export async function readPolicies(store: DirectoryStore): Promise<KnownPolicies> {
  const stored = await store.policies.state();
  return { stored, state: readPolicyState(stored) };
}

/** Reads a version. @throws ProgramError when there is none of this number */
export async function versionOf(store: DirectoryStore, version: number): Promise<PolicyVersion> {
  const text = await store.policies.version(version);
  if (text === null)
    throw new ProgramError('EASGATE_NOT_FOUND', `there is no version ${version} of the policy`);
  return readPolicyVersion(version, text);
}

/** The policy of a version. @throws ProgramError when it cannot be compiled, which only another program can have caused */
export function compiledVersion(version: PolicyVersion): CompiledPolicy {
  const { policy, problems } = loadVersion(version);
  if (policy === null)
    throw new ProgramError(
      'EASGATE_POLICY',
      `version ${version.version}: ${problems.map(({ message }) => message).join('; ')}`,
    );
  return policy;
}

/** The policy that gateways with this configuration decide by now. @throws ProgramError */
export async function policyInUse(
  store: DirectoryStore,
  config: Parameters<typeof servedPolicy>[0],
): Promise<CompiledPolicy> {
  if (config.policy.file !== undefined) return servedPolicy(config).policy;
  const { state } = await readPolicies(store);
  return state.live === null
    ? servedPolicy(config).policy
    : compiledVersion(await versionOf(store, state.live));
}

/** Where a version goes. */
export type PolicyPlace = 'live' | 'shadow';

/** Adds a version and puts it into its place. `known`: as it was looked at. @throws ProgramError when it changed meanwhile */
export async function addVersion(
  store: DirectoryStore,
  known: KnownPolicies,
  { texts, name, comment, place, changed = null }: AddVersion,
  author: PolicyAuthor,
  audit: AuditSink,
): Promise<PolicyVersion> {
  const { by, at } = author;
  const version: PolicyVersion = {
    version: known.state.latest + 1,
    name,
    hash: hashOf(texts),
    author: by,
    comment,
    at,
    parsed: texts.parsed ?? null,
    document: texts.document,
    lists: texts.lists,
    changed,
  };
  const { version: number, ...rest } = version;
  const state = place === 'live' ? withLive(known.state, number) : { ...known.state, shadow: number };
  const added = { version: number, text: JSON.stringify(rest) };
  const operation = place === 'live' ? 'policy_publish' : 'policy_shadow';
  await replace(
    store,
    known,
    { ...state, latest: number },
    { author, audit, operation, version, comment, added },
  );
  return version;
}

/** A version to add. */
export interface AddVersion {
  readonly texts: PolicyTexts;
  /** The `name` of the document. */
  readonly name: string | null;
  readonly comment: string | null;
  readonly place: PolicyPlace;
  /** Phones that it decides otherwise on than the live one; absent = not counted. */
  readonly changed?: number | null;
}

/** Most earlier versions that a rollback can go back along. */
const MAX_EARLIER = 100;

/** The state with another live version. One that was live before is gone back to: those after it are forgotten. */
function withLive(state: PolicyState, live: number): PolicyState {
  const { earlier, live: before } = state;
  const place = earlier.lastIndexOf(live);
  if (place >= 0) return { ...state, live, earlier: earlier.slice(0, place) };
  const kept = before === null || before === live ? earlier : [...earlier, before].slice(-MAX_EARLIER);
  return { ...state, live, earlier: kept };
}

/** The version that a rollback goes back to: the given one, else the one that was live before. @throws ProgramError */
export async function earlierVersion(
  store: DirectoryStore,
  { state }: KnownPolicies,
  to: number | null,
): Promise<PolicyVersion> {
  const wanted = to ?? state.earlier.at(-1) ?? null;
  if (wanted === null) throw nothingEarlier();
  return versionOf(store, wanted);
}

/** The error where there is nothing to go back to. */
export function nothingEarlier(): ProgramError {
  return new ProgramError(
    'EASGATE_NOT_FOUND',
    'no version was live before this one: name one of those that `easgate policy history` lists',
  );
}

/**
 * Makes another version live: the given one, else the one that was live before. A version that was only in the shadow, or that
 * was rolled back, is none of these. `comment`: why, for the audit; `known`: as it was looked at. Returns the version.
 * @throws ProgramError
 */
export async function rollBack(
  store: DirectoryStore,
  to: number | null,
  comment: string | null,
  author: PolicyAuthor,
  audit: AuditSink,
  known?: KnownPolicies,
): Promise<PolicyVersion> {
  const before = known ?? (await readPolicies(store));
  const version = await earlierVersion(store, before, to);
  const state = withLive(before.state, version.version);
  await replace(store, before, state, { author, audit, operation: 'policy_rollback', version, comment });
  return version;
}

/** The version in the shadow. @throws ProgramError when there is none */
export async function shadowVersion(store: DirectoryStore, { state }: KnownPolicies): Promise<PolicyVersion> {
  if (state.shadow === null)
    throw new ProgramError(
      'EASGATE_NO_SHADOW',
      'no policy runs in the shadow; to begin: easgate policy shadow FILE',
    );
  return versionOf(store, state.shadow);
}

/** Ends the shadow. `known`: as it was looked at. Returns the version that was in it; null = there was none. @throws ProgramError */
export async function endShadow(
  store: DirectoryStore,
  author: PolicyAuthor,
  audit: AuditSink,
  known?: KnownPolicies,
): Promise<number | null> {
  const before = known ?? (await readPolicies(store));
  const { shadow } = before.state;
  const operation = 'policy_shadow';
  if (shadow !== null)
    await replace(
      store,
      before,
      { ...before.state, shadow: null },
      { author, audit, operation, version: null, comment: null },
    );
  return shadow;
}

/**
 * Makes the version in the shadow live. `known`: as it was looked at; `comment`: why, for the audit. Returns the version.
 * @throws ProgramError when there is none, or another one meanwhile
 */
export async function promote(
  store: DirectoryStore,
  known: KnownPolicies,
  comment: string | null,
  author: PolicyAuthor,
  audit: AuditSink,
): Promise<PolicyVersion> {
  const version = await shadowVersion(store, known);
  const operation = 'policy_promote';
  const state = { ...withLive(known.state, version.version), shadow: null };
  await replace(store, known, state, { author, audit, operation, version, comment });
  return version;
}

/** A version in the history. */
export type PolicyHistoryEntry = Omit<PolicyVersion, 'document' | 'parsed' | 'lists'> & {
  readonly place: PolicyPlace | null;
};

/** The latest versions, the latest first; `before`: those with lower numbers. */
export async function policyHistory(
  store: DirectoryStore,
  limit: number,
  before = Infinity,
): Promise<PolicyHistoryEntry[]> {
  const { state } = await readPolicies(store);
  const entries: PolicyHistoryEntry[] = [];
  for (let number = Math.min(state.latest, before - 1); number > 0 && entries.length < limit; number--)
    entries.push(historyEntry(await versionOf(store, number), state));
  return entries;
}

/** A version without its texts, and where it is in use. */
export function historyEntry(version: PolicyVersion, state: PolicyState): PolicyHistoryEntry {
  const { document: _document, parsed: _parsed, lists: _lists, ...rest } = version;
  const { version: number } = rest;
  const place = number === state.live ? 'live' : number === state.shadow ? 'shadow' : null;
  return { ...rest, place };
}

/** A file that the configuration names comes before what is published. @throws ProgramError */
export function refuseWithFile({ policy: { file } }: Parameters<typeof servedPolicy>[0]): void {
  if (file !== undefined)
    throw new ProgramError(
      'EASGATE_POLICY_FILE',
      `the configuration names policy.file ${file}: gateways decide by that file, and take it when it changes; remove it from the ` +
        'configuration to keep the policy in the directory',
    );
}

interface Change {
  readonly author: PolicyAuthor;
  readonly audit: AuditSink;
  readonly operation: AuditOperation;
  /** The version that the change is about; null = none. */
  readonly version: PolicyVersion | null;
  /** Why, in the words of the author. */
  readonly comment: string | null;
  readonly added?: { readonly version: number; readonly text: string };
}

async function replace(
  store: DirectoryStore,
  { stored, state: before }: KnownPolicies,
  state: PolicyState,
  { author, audit, operation, version, comment, added }: Change,
): Promise<void> {
  const { by, at } = author;
  const text = JSON.stringify({ ...state, changedAt: at, changedBy: by });
  if (!(await store.policies.replace(stored, text, added ?? null)))
    throw new ProgramError('EASGATE_CHANGED', 'the policy was changed meanwhile; look, and repeat');
  await audit.record({
    ...author,
    operation,
    subject: version === null ? null : `version ${version.version}`,
    before: { live: before.live, shadow: before.shadow },
    after: {
      live: state.live,
      shadow: state.shadow,
      ...(version !== null && { name: version.name, hash: version.hash }),
    },
    comment,
  });
}
