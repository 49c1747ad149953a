// Owns the dialogs that change the policy: whom it concerns, the consequences again, a comment, the button that repeats them.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { ApiError, networkError } from '../client/problem.ts';
import { useDiff } from '../client/use-diff.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { ExtentFields, Scope } from './extent-fields.tsx';
import type { ExtentDraft } from './extent-fields.tsx';
import { Field } from './field.tsx';
import { Icon } from './icon.tsx';
import { Modal } from './modal.tsx';
import { extentOf, isWhole, leastShare, questionOf, send, wordsOf } from './policy-change.ts';
import type { PolicyChange, PolicyDone } from './policy-change.ts';
import { Consequences, Counting, Reach } from './policy-impact.tsx';
import { ChangeTrouble } from './trouble.tsx';

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
  const least = leastShare(change);
  const [isPart, setPart] = useState(change.kind === 'widen');
  const [draft, setDraft] = useState<ExtentDraft>({ groups: '', share: least });
  const extent = isPart ? extentOf(change, draft) : null;
  const isReady = isWhole(change, extent);
  const diff = useDiff(isReady ? questionOf(change, extent) : null);
  const impact = isReady && diff.isCurrent ? diff.impact : null;
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const words = wordsOf(change, isPart);
  const refused = impact?.keptOut.all ?? 0;
  const isConflict = error?.status === 412;
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      done(await send(change, extent, comment.trim() === '' ? null : comment.trim(), tag));
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
          disabled={busy || isConflict || !isReady || (impact === null && diff.error === null)}
        >
          {refused > 0 ? words.button(t.counted.devices(refused, number(refused))) : words.plain}
        </button>
      }
    >
      {change.kind === 'publish' || change.kind === 'promote' ? (
        <Scope isPart={isPart} some={t.policy.rollout.some} onChange={setPart} />
      ) : null}
      {isPart ? (
        <ExtentFields
          draft={draft}
          least={least}
          label={change.kind === 'widen' ? t.policy.rollout.moreGroups : t.policy.rollout.groups}
          onChange={setDraft}
        />
      ) : null}
      {impact === null ? null : (
        <>
          <Reach impact={impact} />
          <Consequences impact={impact} />
        </>
      )}
      {diff.error === null ? null : <p className="t2">{t.policy.publish.uncounted}</p>}
      {isReady ? <Counting diff={diff} /> : <p className="t3 sm">{t.policy.rollout.choose}</p>}
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
