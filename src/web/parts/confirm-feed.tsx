// Owns the dialog that confirms what a brake holds: a dry run shows the counts, the button repeats them.
import { useEffect, useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { useChange } from '../client/use-change.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { Modal } from './modal.tsx';
import { HeldReasons, OutcomeTable, OutcomeTroubles, effectOf } from './outcome.tsx';
import type { Outcome } from './outcome.tsx';
import { ChangeTrouble, Skeleton } from './trouble.tsx';

const texts = t.feeds.confirmation;

/** `isSent` = there is nothing to read again: the next delivery is let through. */
export function ConfirmFeed({
  feed,
  isSent,
  close,
  changed,
}: {
  feed: AnswerOf<'listFeeds'>['rows'][number];
  isSent: boolean;
  close: () => void;
  changed: () => void;
}): ReactElement {
  const { name, remembered } = feed;
  const preview = useChange('runFeed');
  const change = useChange('confirmFeed');
  const [counts, setCounts] = useState<Outcome | null>(null);
  const look = preview.send;
  useEffect(() => {
    if (isSent) return undefined;
    let isGone = false;
    void look({ params: { feed: name }, body: { dryRun: true, confirmed: true } }).then((answer) => {
      if (!isGone) setCounts(answer?.run?.outcome ?? null);
    });
    return () => {
      isGone = true;
    };
  }, [isSent, look, name]);
  const confirm = async (): Promise<void> => {
    if ((await change.send({ params: { feed: name } })) === null) return;
    changed();
    close();
  };
  const effect = counts === null ? null : effectOf(counts);
  return (
    <Modal
      title={texts.title(name)}
      lead={isSent ? texts.leadSent : texts.lead}
      open
      onClose={close}
      onSubmit={() => void confirm()}
      button={
        <button
          className="btn danger"
          type="submit"
          disabled={change.busy || (!isSent && (counts === null || preview.busy))}
        >
          {isSent
            ? texts.buttonSent
            : effect === null
              ? texts.button
              : texts.counted(number(effect.changed), number(effect.removed))}
        </button>
      }
    >
      {remembered.held === null ? null : (
        <div className="callout hold">
          <Icon name="pause" />
          <div>
            <b>{texts.still}</b>
            <HeldReasons reasons={remembered.held.reasons} />
          </div>
        </div>
      )}
      {isSent ? null : counts === null ? (
        preview.error === null ? (
          <>
            <p className="sm t2">{texts.counting}</p>
            <Skeleton rows={2} />
          </>
        ) : null
      ) : (
        <>
          <OutcomeTable outcome={counts} />
          <OutcomeTroubles outcome={counts} />
        </>
      )}
      <ChangeTrouble error={preview.error ?? change.error} />
    </Modal>
  );
}
