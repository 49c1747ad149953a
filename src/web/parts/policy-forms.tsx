// Owns the dialogs that change the policy: the consequences again, a comment, the button that repeats them.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { call, tagOf } from '../client/call.ts';
import { ApiError, networkError } from '../client/problem.ts';
import { useDiff } from '../client/use-diff.ts';
import type { DiffQuestion } from '../client/use-diff.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Field } from './field.tsx';
import { Icon } from './icon.tsx';
import { Modal } from './modal.tsx';
import { Consequences, Counting } from './policy-impact.tsx';
import { ChangeTrouble } from './trouble.tsx';

/** What is about to be done. */
export type PolicyChange =
  | { readonly kind: 'publish'; readonly document: string; readonly reportsOnly: boolean }
  | { readonly kind: 'shadow'; readonly document: string }
  | { readonly kind: 'promote'; readonly version: number }
  | { readonly kind: 'rollBack'; readonly version: number };

/** What was done, in words, and the ETag of what is in use since. */
export interface PolicyDone {
  readonly kind: PolicyChange['kind'];
  readonly text: string;
  readonly tag: string | null;
}

interface Words {
  readonly title: string;
  readonly lead: string;
  readonly button: (refused: string) => string;
  readonly plain: string;
}

function wordsOf(change: PolicyChange): Words {
  const { publish, shadow, rollBack } = t.policy;
  if (change.kind === 'publish')
    return { title: publish.title, lead: publish.lead, button: publish.button, plain: publish.buttonNone };
  if (change.kind === 'shadow')
    return { title: shadow.title, lead: shadow.lead, button: () => shadow.button, plain: shadow.button };
  const version = number(change.version);
  if (change.kind === 'promote')
    return {
      title: shadow.promoteTitle(version),
      lead: shadow.promoteLead,
      button: shadow.promoteButton,
      plain: shadow.promoteButtonNone,
    };
  return {
    title: rollBack.title(version),
    lead: rollBack.lead,
    button: rollBack.button,
    plain: rollBack.buttonNone,
  };
}

function questionOf(change: PolicyChange): DiffQuestion {
  if (change.kind === 'promote') return { after: { place: 'shadow' } };
  return { after: change.kind === 'rollBack' ? { version: change.version } : { document: change.document } };
}

async function send(
  change: PolicyChange,
  comment: string | null,
  ifMatch: string | null,
): Promise<PolicyDone> {
  const { done } = t.policy;
  if (change.kind === 'publish') {
    const answer = await call('publishPolicy', { body: { document: change.document, comment }, ifMatch });
    return { kind: 'publish', text: done.published(number(answer.version.version)), tag: tagOf(answer) };
  }
  if (change.kind === 'shadow') {
    const answer = await call('shadowPolicy', { body: { document: change.document, comment }, ifMatch });
    return { kind: 'shadow', text: done.shadowed(number(answer.version.version)), tag: tagOf(answer) };
  }
  if (change.kind === 'promote') {
    const answer = await call('promoteShadow', { body: { comment }, ifMatch });
    return { kind: 'promote', text: done.promoted(number(answer.version.version)), tag: tagOf(answer) };
  }
  const answer = await call('rollBackPolicy', { body: { version: change.version, comment }, ifMatch });
  return { kind: 'rollBack', text: done.rolledBack(number(answer.version.version)), tag: tagOf(answer) };
}

/** `tag` = the policy that the person has looked at; `conflict` is called when another one is in use by then. */
export function PolicyForm({
  change,
  tag,
  close,
  done,
  conflict,
}: {
  change: PolicyChange;
  tag: string | null;
  close: () => void;
  done: (done: PolicyDone) => void;
  conflict: () => void;
}): ReactElement {
  const [question] = useState(() => questionOf(change));
  const diff = useDiff(question);
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const words = wordsOf(change);
  const refused = diff.impact?.keptOut.all ?? 0;
  const isConflict = error?.status === 412;
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      done(await send(change, comment.trim() === '' ? null : comment.trim(), tag));
      close();
    } catch (thrown) {
      const failed = thrown instanceof ApiError ? thrown : networkError();
      setError(failed);
      setBusy(false);
      if (failed.status === 412) conflict();
    }
  };
  return (
    <Modal
      title={words.title}
      lead={words.lead}
      open
      onClose={close}
      onSubmit={() => void submit()}
      button={
        <button
          className="btn primary"
          type="submit"
          // Where the comparison fails, one may still act: a policy may have to be replaced at once.
          disabled={busy || isConflict || (diff.impact === null && diff.error === null)}
        >
          {refused > 0 ? words.button(t.counted.devices(refused, number(refused))) : words.plain}
        </button>
      }
    >
      {diff.impact === null ? null : <Consequences impact={diff.impact} />}
      {diff.error === null ? null : <p className="t2">{t.policy.publish.uncounted}</p>}
      <Counting diff={diff} />
      {change.kind === 'publish' && change.reportsOnly ? (
        <p className="callout">
          <Icon name="eye" />
          <span>{t.policy.reportOnlyNote}</span>
        </p>
      ) : null}
      <Field label={t.policy.comment} hint={t.policy.commentHint}>
        <input
          className="input"
          value={comment}
          maxLength={500}
          onChange={(event) => setComment(event.target.value)}
        />
      </Field>
      {isConflict ? (
        <div className="callout hold" role="alert">
          <Icon name="warn" />
          <div>
            <b>{t.policy.meanwhile.title}.</b> {t.policy.meanwhile.text}
          </div>
        </div>
      ) : (
        <ChangeTrouble error={error} />
      )}
    </Modal>
  );
}
