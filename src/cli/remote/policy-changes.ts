// Owns changes of the policy through an admin API: publish, shadow, promote, roll back. Each says whom it concerns and asks, as on this machine.
import type { BodyOf } from '../../api/contract/operations.ts';
import { nothingEarlier } from '../../app/policy-versions.ts';
import type { PolicyDiff } from '../../app/policy-diff.ts';
import type { RolloutExtent } from '../../model/policy-version.ts';
import type { ShadowSum } from '../../model/shadow.ts';
import { print, printJson } from '../output.ts';
import { confirm } from '../policy-change.ts';
import type { ChangeOptions } from '../policy-change.ts';
import { changeText, changedList, warnOfGroups, warnOfUnusable } from '../policy-comparison.ts';
import { ask } from './client.ts';
import type { Context } from './contexts.ts';
import { refuseOwner } from './either.ts';
import { policiesInUse, remoteDiff } from './policies.ts';

type Texts = Pick<BodyOf<'publishPolicy'>, 'document' | 'lists'>;

/** The extent as the API takes it. */
export function extentBody(extent: RolloutExtent | null): { groups: string[]; share: number } | null {
  return extent === null ? null : { groups: [...extent.groups], share: extent.share };
}

/** `repair`: it may also replace a policy in use that cannot be read or compiled; such a change is made without a comparison. */
type Purpose = 'change' | 'repair';

/** What a change would do; a dry run ends with it. Null = dry run. @throws ProgramError unless the operator agrees */
export async function announcedThere(
  context: Context,
  body: BodyOf<'diffPolicy'>,
  options: ChangeOptions,
  question: string,
  purpose: Purpose = 'change',
): Promise<object | null> {
  refuseOwner(options);
  const found =
    purpose === 'change' ? (await remoteDiff(context, body)).diff : await diffIfUsable(context, body);
  if (found !== null) warnOfGroups(found);
  if (options.dryRun) {
    if (options.json) printJson({ version: null, change: found });
    else if (found !== null) print(changeText(found) + changedList(found));
    return null;
  }
  if (!options.json && found !== null) print(changeText(found));
  await confirm(options, question);
  return { ...found, phones: undefined };
}

/** Null = a policy in use cannot be read or compiled, of which a warning is printed. */
async function diffIfUsable(context: Context, body: BodyOf<'diffPolicy'>): Promise<PolicyDiff | null> {
  try {
    return (await remoteDiff(context, body)).diff;
  } catch (error) {
    warnOfUnusable(error);
    return null;
  }
}

/** A version that a change made, and what it changes; null = dry run. */
export interface ChangedThere {
  readonly version: number;
  readonly change: object;
}

/** A version to put in use. */
interface ToPut {
  readonly after: BodyOf<'diffPolicy'>['after'];
  /** For whom; null = for everybody. */
  readonly extent: RolloutExtent | null;
  readonly question: string;
  readonly purpose: Purpose;
}

/** Puts a version in use. `put`: asks the API for it. */
async function putInUse(
  context: Context,
  { after, extent, question, purpose }: ToPut,
  options: ChangeOptions,
  put: (
    body: BodyOf<'promoteShadow'>,
    match: string | null,
  ) => Promise<{ readonly version: { readonly version: number } }>,
): Promise<ChangedThere | null> {
  const { tag } = await policiesInUse(context);
  const rollout = extentBody(extent);
  const change = await announcedThere(context, { after, rollout }, options, question, purpose);
  if (change === null) return null;
  const { version } = await put({ rollout, comment: options.comment ?? null }, tag);
  return { version: version.version, change };
}

/** Publishes texts. @throws RemoteError */
export function publishThere(
  context: Context,
  texts: Texts,
  extent: RolloutExtent | null,
  options: ChangeOptions,
  question: string,
): Promise<ChangedThere | null> {
  const purpose = extent === null ? 'repair' : 'change';
  return putInUse(context, { after: texts, extent, question, purpose }, options, (body, match) =>
    ask(context, 'publishPolicy', { body: { ...texts, ...body }, match }),
  );
}

/** Promotes the shadow. @throws RemoteError */
export function promoteThere(
  context: Context,
  extent: RolloutExtent | null,
  options: ChangeOptions,
  question: string,
): Promise<ChangedThere | null> {
  const shadow = { place: 'shadow' } as const;
  return putInUse(context, { after: shadow, extent, question, purpose: 'change' }, options, (body, match) =>
    ask(context, 'promoteShadow', { body, match }),
  );
}

/** Rolls back to a version; null = the one before. `question`: with its comment. @throws RemoteError */
export async function rollBackThere(
  context: Context,
  wanted: number | null,
  options: ChangeOptions,
  question: (version: number, comment: string | null) => string,
): Promise<(ChangedThere & { readonly comment: string | null }) | null> {
  const { policies, tag } = await policiesInUse(context);
  const version = wanted ?? policies.earlier.at(-1) ?? null;
  if (version === null) throw nothingEarlier();
  const params = { version: String(version) };
  const { comment } = await ask(context, 'showPolicyVersion', { params });
  const words = question(version, comment);
  const change = await announcedThere(context, { after: { version } }, options, words, 'repair');
  if (change === null) return null;
  await ask(context, 'rollBackPolicy', { body: { version, comment: options.comment ?? null }, match: tag });
  return { version, change, comment };
}

/** Puts texts into the shadow; null = ends it. Returns the version, or the one that ended. @throws RemoteError */
export async function shadowThere(
  context: Context,
  texts: Texts | null,
  options: ChangeOptions,
): Promise<number | null> {
  refuseOwner(options);
  if (texts === null) return (await ask(context, 'endShadow')).ended;
  const body = { ...texts, comment: options.comment ?? null };
  return (await ask(context, 'shadowPolicy', { body })).version.version;
}

/** The shadow, and what the workers of the gateway counted. @throws RemoteError */
export async function shadowCountsThere(
  context: Context,
): Promise<ShadowSum & { readonly version: number | null }> {
  const { shadow } = (await policiesInUse(context)).policies;
  const counts = shadow?.counts ?? { compared: 0, different: 0, phonesDifferent: 0, changes: [], phones: [] };
  return { version: shadow?.version ?? null, ...counts };
}
