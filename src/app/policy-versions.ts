// Owns the life of the policy that the directory keeps: publish, roll back, run one in the shadow and promote it.
import { messageOf } from '../caught-error.ts';
import { servedPolicy } from '../config/served-policy.ts';
import { hashOf, versionPolicy } from '../config/stored-policy.ts';
import type { PolicyTexts } from '../config/stored-policy.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { AuditOperation } from '../model/journal.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { MAX_POLICY_STEPS, readPolicyState, readPolicyVersion } from '../model/policy-version.ts';
import type { PolicyState, PolicyStep, PolicyVersion, RolloutExtent } from '../model/policy-version.ts';
import { forEverybody, withRollout } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { checkedExtent, refuseDuringRollout, rolloutStep } from './rollout-extent.ts';

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

/** A version, or no more than its number where its record is gone or malformed: lists, and the way back from it, must not depend on it. */
export async function versionOrNumber(store: DirectoryStore, version: number): Promise<PolicyVersion> {
  const text = await store.policies.version(version);
  try {
    if (text !== null) return readPolicyVersion(version, text);
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error;
  }
  const comment = 'the record of this version is gone or malformed';
  return {
    version,
    name: null,
    hash: '',
    author: 'unknown',
    comment,
    at: 0,
    document: '',
    lists: {},
    changed: null,
  };
}

/** The policy of a version. @throws ProgramError when it cannot be compiled, which only another program can have caused */
export function compiledVersion(version: PolicyVersion): CompiledPolicy {
  // By its parsed document, where it has one: to read the text takes longer, of a hostile one much longer.
  const parts = versionPolicy(version);
  try {
    for (;;) {
      const part = parts.next();
      if (part.done === true) return part.value;
    }
  } catch (error) {
    const message = messageOf(error);
    throw new ProgramError('EASGATE_POLICY', `version ${version.version}: ${message}`);
  }
}

/** The policies that gateways with this configuration decide by now. @throws ProgramError */
export async function policiesInUse(
  store: DirectoryStore,
  config: Parameters<typeof servedPolicy>[0],
): Promise<ActivePolicies> {
  if (config.policy.file !== undefined) return forEverybody(servedPolicy(config).policy);
  const { live, rollout } = (await readPolicies(store)).state;
  const compiled = async (version: number): Promise<CompiledPolicy> =>
    compiledVersion(await versionOf(store, version));
  const everybody =
    live === null ? forEverybody(servedPolicy(config).policy) : forEverybody(await compiled(live), live);
  if (rollout === null) return everybody;
  const { version } = rollout;
  return withRollout(everybody, { policy: await compiled(version), version }, rollout);
}

/** Where a version goes: `rollout` = it decides for some users. */
export type PolicyPlace = 'live' | 'shadow' | 'rollout';

/**
 * Adds a version and puts it into its place. `known`: as it was looked at. @throws ProgramError when it changed meanwhile, or while
 * another version is rolled out
 */
export async function addVersion(
  store: DirectoryStore,
  known: KnownPolicies,
  { texts, name, comment, changed = null, ...place }: AddVersion,
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
  const added = { version: number, text: JSON.stringify(rest) };
  const placed = placedAt(known.state, number, place, author);
  await replace(
    store,
    known,
    { ...placed.state, latest: number },
    { author, audit, ...placed, version, comment, added },
  );
  return version;
}

/** A state with a version in its place, and how the audit and the history call that. */
interface Placed {
  readonly state: PolicyState;
  readonly operation: AuditOperation;
  readonly step: Pick<PolicyStep, 'step'> & Partial<RolloutExtent>;
}

/** @throws ProgramError while another version is rolled out, unless it goes into the shadow */
function placedAt(state: PolicyState, version: number, to: ToPlace, { by, at }: PolicyAuthor): Placed {
  if (to.place === 'shadow')
    return { state: { ...state, shadow: version }, operation: 'policy_shadow', step: { step: 'shadow' } };
  refuseDuringRollout(state);
  if (to.place === 'live')
    return { state: withLive(state, version), operation: 'policy_publish', step: { step: 'live' } };
  const extent = checkedExtent(to.rollout);
  const rollout = { ...extent, version, since: at, changedAt: at, by };
  return { state: { ...state, rollout }, operation: 'policy_rollout', step: rolloutStep(extent) };
}

/** A place, and whom a version there decides for. */
export type ToPlace =
  | { readonly place: 'live' }
  | { readonly place: 'shadow' }
  | { readonly place: 'rollout'; readonly rollout: RolloutExtent };

/** The place of a version: live where it is for everybody (null), else rolled out to some users. */
export function toPlace(rollout: RolloutExtent | null): ToPlace {
  return rollout === null ? { place: 'live' } : { place: 'rollout', rollout };
}

/** A version to add. */
export type AddVersion = ToPlace & {
  readonly texts: PolicyTexts;
  /** The `name` of the document. */
  readonly name: string | null;
  readonly comment: string | null;
  /** Phones that it decides otherwise on than the live one; absent = not counted. */
  readonly changed?: number | null;
};

/** Most earlier versions that a rollback can go back along. */
const MAX_EARLIER = 100;

/** The state with another live version. Where that was live before, `earlier` ends in front of it: it is gone back to. */
export function withLive(state: PolicyState, live: number): PolicyState {
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
    'no version was live before this one: name one of those that the history of the policy lists',
  );
}

/**
 * Makes another version live: the given one, else the one that was live before. Versions that were only in the shadow, or
 * were rolled back, are passed over. `comment`: why, for the audit; `known`: as it was looked at. Returns the version.
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
  refuseDuringRollout(before.state);
  const version = await earlierVersion(store, before, to);
  const state = withLive(before.state, version.version);
  const step = { step: 'rollback' } as const;
  await replace(store, before, state, {
    author,
    audit,
    operation: 'policy_rollback',
    step,
    version,
    comment,
  });
  return version;
}

/** The version in the shadow. @throws ProgramError when there is none */
export async function shadowVersion(store: DirectoryStore, { state }: KnownPolicies): Promise<PolicyVersion> {
  if (state.shadow === null) throw new ProgramError('EASGATE_NO_SHADOW', 'no policy runs in the shadow');
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
      { author, audit, operation, step: null, version: null, comment: null },
    );
  return shadow;
}

/**
 * Makes the version in the shadow live, or rolls it out to some users. `known`: as it was looked at; `comment`: why, for the audit.
 * Returns the version. @throws ProgramError when there is none, another one meanwhile, or while another version is rolled out
 */
export async function promote(
  store: DirectoryStore,
  known: KnownPolicies,
  comment: string | null,
  author: PolicyAuthor,
  audit: AuditSink,
  rollout: RolloutExtent | null = null,
): Promise<PolicyVersion> {
  const version = await shadowVersion(store, known);
  const placed = placedAt(known.state, version.version, toPlace(rollout), author);
  const operation = rollout === null ? 'policy_promote' : placed.operation;
  const state = { ...placed.state, shadow: null };
  await replace(store, known, state, { author, audit, operation, step: placed.step, version, comment });
  return version;
}

/** A file that the configuration names comes before what is published. `file`: `policy.file`, null = none. @throws ProgramError */
export function refuseWithFile(file: string | null = null): void {
  if (file !== null)
    throw new ProgramError(
      'EASGATE_POLICY_FILE',
      `the configuration names policy.file ${file}: gateways decide by that file, and take it when it changes; remove it from the ` +
        'configuration to keep the policy in the directory',
    );
}

/** A change of which versions are in use. */
export interface PolicyStateChange {
  readonly author: PolicyAuthor;
  readonly audit: AuditSink;
  readonly operation: AuditOperation;
  /** What happened to the version, for the history; null = nothing. */
  readonly step: Placed['step'] | null;
  /** The version that the change is about; null = none. */
  readonly version: PolicyVersion | null;
  /** Why, in the words of the author. */
  readonly comment: string | null;
  readonly added?: { readonly version: number; readonly text: string };
}

/** Writes which versions are in use, and records it. @throws ProgramError when they changed meanwhile */
export async function replace(
  store: DirectoryStore,
  { stored, state: before }: KnownPolicies,
  state: PolicyState,
  { author, audit, operation, step, version, comment, added }: PolicyStateChange,
): Promise<void> {
  const { by, at } = author;
  const steps =
    step === null || version === null
      ? state.steps
      : [...state.steps, { groups: [], share: 0, ...step, version: version.version, at, by, comment }];
  const next: PolicyState = { ...state, steps: steps.slice(-MAX_POLICY_STEPS), changedAt: at, changedBy: by };
  if (!(await store.policies.replace(stored, JSON.stringify(next), added ?? null)))
    throw new ProgramError('EASGATE_CHANGED', 'the policy was changed meanwhile: look at it, then repeat');
  await audit.record({
    ...author,
    operation,
    subject: version === null ? null : `version ${version.version}`,
    before: placesIn(before),
    after: {
      ...placesIn(state),
      ...(version !== null && { name: version.name, hash: version.hash }),
    },
    comment,
  });
}

/** The versions in use, for the audit. */
function placesIn({ live, shadow, rollout }: PolicyState): object {
  if (rollout === null) return { live, shadow };
  const { version, groups, share } = rollout;
  return { live, shadow, rollout: { version, groups, share } };
}
