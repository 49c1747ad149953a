// Owns the changes of the policy that the dashboard makes: their words, what they are compared with, the requests.
import { call, tagOf } from '../client/call.ts';
import type { DiffQuestion } from '../client/use-diff.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { groupsIn } from './extent-fields.tsx';
import type { Extent, ExtentDraft } from './extent-fields.tsx';

/** A change before it is carried out. */
export type PolicyChange =
  | { readonly kind: 'publish'; readonly document: string; readonly reportsOnly: boolean }
  | { readonly kind: 'shadow'; readonly document: string }
  | { readonly kind: 'promote'; readonly version: number }
  | { readonly kind: 'widen'; readonly version: number; readonly extent: Extent }
  | { readonly kind: 'finish'; readonly version: number }
  | { readonly kind: 'abandon'; readonly version: number }
  | { readonly kind: 'rollBack'; readonly version: number };

/** What was done, in words, and the ETag of what is in use since. */
export interface PolicyDone {
  readonly kind: PolicyChange['kind'];
  readonly text: string;
  readonly tag: string | null;
}

/** The texts of a dialog. */
export interface ChangeWords {
  readonly title: string;
  readonly lead: string;
  readonly button: (refused: string) => string;
  readonly plain: string;
}

/** `isPart` = for a part of the users. */
export function wordsOf(change: PolicyChange, isPart: boolean): ChangeWords {
  const { publish, shadow, rollBack, rollout } = t.policy;
  if (change.kind === 'shadow')
    return { title: shadow.title, lead: shadow.lead, button: () => shadow.button, plain: shadow.button };
  if (change.kind === 'publish') {
    const { title } = publish;
    if (isPart) return { title, lead: rollout.lead, button: rollout.button, plain: rollout.buttonNone };
    return { title, lead: publish.lead, button: publish.button, plain: publish.buttonNone };
  }
  const version = number(change.version);
  if (change.kind === 'promote') {
    const title = shadow.promoteTitle(version);
    if (isPart) return { title, lead: rollout.lead, button: rollout.button, plain: rollout.buttonNone };
    return { title, lead: shadow.promoteLead, button: shadow.promoteButton, plain: shadow.promoteButtonNone };
  }
  const { title, lead, button, buttonNone } =
    change.kind === 'rollBack' ? rollBack : t.policy.rollout.changes[change.kind];
  return { title: title(version), lead, button, plain: buttonNone };
}

/** The share that a change begins with. */
export function leastShare(change: PolicyChange): number {
  return change.kind === 'widen' ? change.extent.share : 0;
}

/** Whom the version is rolled out to after the change. */
export function extentOf(change: PolicyChange, draft: ExtentDraft): Extent {
  const before = change.kind === 'widen' ? change.extent.groups : [];
  return { groups: [...before, ...groupsIn(draft)], share: draft.share };
}

/** Whether there is something to do. Null = for everybody. */
export function isWhole(change: PolicyChange, extent: Extent | null): boolean {
  if (extent === null) return true;
  if (change.kind !== 'widen') return extent.groups.length > 0 || extent.share > 0;
  return extent.groups.length > change.extent.groups.length || extent.share > change.extent.share;
}

/** What would change, for a comparison. */
export function questionOf(change: PolicyChange, rollout: Extent | null): DiffQuestion {
  switch (change.kind) {
    case 'promote':
      return { after: { place: 'shadow' }, rollout };
    case 'widen':
      return { after: { place: 'rollout' }, rollout };
    case 'finish':
      return { after: { place: 'rollout' } };
    case 'abandon':
      return { after: { place: 'live' } };
    case 'rollBack':
      return { after: { version: change.version } };
    default:
      return { after: { document: change.document }, rollout };
  }
}

/** Carries a change out. `rollout`: null = for everybody. Throws ApiError. */
export async function send(
  change: PolicyChange,
  rollout: Extent | null,
  comment: string | null,
  ifMatch: string | null,
): Promise<PolicyDone> {
  const { done } = t.policy;
  const { kind } = change;
  if (kind === 'publish') {
    const answer = await call('publishPolicy', {
      body: { document: change.document, rollout, comment },
      ifMatch,
    });
    const words = rollout === null ? done.published : done.rolledOut;
    return { kind, text: words(number(answer.version.version)), tag: tagOf(answer) };
  }
  if (kind === 'shadow') {
    const answer = await call('shadowPolicy', { body: { document: change.document, comment }, ifMatch });
    return { kind, text: done.shadowed(number(answer.version.version)), tag: tagOf(answer) };
  }
  if (kind === 'rollBack') {
    const answer = await call('rollBackPolicy', { body: { version: change.version, comment }, ifMatch });
    return { kind, text: done.rolledBack(number(answer.version.version)), tag: tagOf(answer) };
  }
  if (kind === 'promote') {
    const answer = await call('promoteShadow', { body: { rollout, comment }, ifMatch });
    const words = rollout === null ? done.promoted : done.rolledOut;
    return { kind, text: words(number(answer.version.version)), tag: tagOf(answer) };
  }
  if (kind === 'widen') {
    const groups = (rollout?.groups ?? []).slice(change.extent.groups.length);
    const share = rollout?.share ?? null;
    const answer = await call('widenRollout', { body: { groups, share, comment }, ifMatch });
    return { kind, text: done.widened(number(answer.version.version)), tag: tagOf(answer) };
  }
  const answer = await call(kind === 'finish' ? 'finishRollout' : 'abandonRollout', {
    body: { comment },
    ifMatch,
  });
  const words = kind === 'finish' ? done.published : done.abandoned;
  return { kind, text: words(number(answer.version.version)), tag: tagOf(answer) };
}
