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
import { ChangeTrouble, Skeleton } from './trouble.tsx';

const texts = t.feeds.confirmation;

type HandRun = NonNullable<AnswerOf<'runFeed'>['run']>;

/** Pause before the dry run is tried again, while another run is under way, such as one of the schedule. */
const AGAIN_MS = 1_000;

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
  const { name, remembered, byHand } = feed;
  const preview = useChange('runFeed');
  const change = useChange('confirmFeed');
  const [started, setStarted] = useState<HandRun | null>(null);
  const [turn, setTurn] = useState(0);
  const look = preview.send;
  useEffect(() => {
    if (isSent) return undefined;
    let isGone = false;
    void look({ params: { feed: name }, body: { dryRun: true, confirmed: true } }).then((answer) => {
      if (!isGone) setStarted(answer?.run ?? null);
    });
    return () => {
      isGone = true;
    };
  }, [isSent, look, name, turn]);
  const isWaiting = preview.error?.code === 'EASGATE_FEED_BUSY';
  useEffect(() => {
    if (!isWaiting) return undefined;
    const timer = window.setTimeout(() => setTurn((before) => before + 1), AGAIN_MS);
    return () => window.clearTimeout(timer);
  }, [isWaiting]);
  const trouble = isWaiting ? null : preview.error;
  const confirm = async (): Promise<void> => {
    if ((await change.send({ params: { feed: name } })) === null) return;
    changed();
    close();
  };
  // The API answers before a long run has ended: its end comes with the list of feeds.
  const goesOn = started !== null && started.endedAt === null && byHand?.startedAt === started.startedAt;
  const run = goesOn ? byHand : started;
  const counts = run?.outcome ?? null;
  const failure = run?.error ?? null;
  const effect = counts === null ? null : effectOf(counts);
  return (
    <Modal
      title={isSent ? texts.titleSent(name) : texts.title(name)}
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
              : texts.counted(effect.changed, effect.removed, number)}
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
      {failure === null ? null : (
        <div className="callout block" role="alert">
          <Icon name="x" />
          <div>
            <b>{t.feeds.hand.failed(run?.by ?? '')}</b>: {failure.message}
          </div>
        </div>
      )}
      {isSent ? null : counts === null ? (
        trouble === null && failure === null ? (
          <>
            <p className="sm t2">{texts.counting}</p>
            <Skeleton rows={2} />
          </>
        ) : null
      ) : (
        <>
          <OutcomeTable outcome={counts} />
          {(effect?.removed ?? 0) === 0 ? null : <p className="sm t2">{texts.removing}</p>}
          <OutcomeTroubles outcome={counts} />
        </>
      )}
      <ChangeTrouble error={trouble ?? change.error} />
    </Modal>
  );
}
