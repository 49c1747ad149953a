// Owns one feed: how it is in words, its last run with the counts, what a brake holds, runs by hand.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { useChange } from '../client/use-change.ts';
import { length, moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { ConfirmFeed } from './confirm-feed.tsx';
import { Icon } from './icon.tsx';
import type { IconName } from './icon.tsx';
import { CountsText, HeldReasons, OutcomeTroubles } from './outcome.tsx';
import { Pair } from './pair.tsx';
import { Panel } from './panel.tsx';
import { Dash, Time } from './time.tsx';
import { ChangeTrouble } from './trouble.tsx';

/** A feed as the API lists it. */
export type FeedRow = AnswerOf<'listFeeds'>['rows'][number];
type HandRun = NonNullable<FeedRow['byHand']>;

const texts = t.feeds;

const LOOKS: Readonly<Record<FeedRow['state'], readonly [string, IconName]>> = {
  ok: ['c-allow', 'check'],
  held: ['c-hold', 'pause'],
  failing: ['c-block', 'x'],
  stale: ['c-hold', 'warn'],
  'never run': ['c-unknown', 'clock'],
};

/** Whether a feed is sent its records. */
export const isSent = ({ kind }: FeedRow): boolean => kind === 'webhook' || kind === 'push';

function FeedState({ feed: { state, isStale } }: { feed: FeedRow }): ReactElement {
  const [look, icon] = LOOKS[state];
  return (
    <span className={`pill ${look}`}>
      <Icon name={icon} />
      <span>{state === 'held' && isStale ? texts.heldAndStale : texts.states[state]}</span>
    </span>
  );
}

function LastRun({ feed }: { feed: FeedRow }): ReactElement {
  const { run, lastSuccessAt } = feed.remembered;
  return (
    <dl className="kv">
      <Pair title={isSent(feed) ? texts.lastDelivery : texts.lastRun}>
        {lastSuccessAt === null ? (
          texts.never
        ) : (
          <>
            <Time iso={lastSuccessAt} ago />
            {run === null ? null : (
              <span className="t3">
                , {run.isFull ? texts.full : texts.changes}, {texts.took(length(run.tookMs))}
              </span>
            )}
          </>
        )}
      </Pair>
      <Pair title={isSent(feed) ? texts.nextDelivery : texts.nextRun}>
        {isSent(feed) ? (
          <span className="t2">{texts.whenSent}</span>
        ) : (
          <>
            {feed.nextAt === null ? texts.noNext : <Time iso={feed.nextAt} form={moment} />}
            {feed.schedule === null ? null : <span className="t3">, {texts.schedule(feed.schedule)}</span>}
          </>
        )}
      </Pair>
      {run === null ? null : (
        <>
          <Pair title={texts.devices}>
            <CountsText counts={run.devices} />
          </Pair>
          <Pair title={texts.users}>
            <CountsText counts={run.users} />
          </Pair>
          <Pair title={texts.joined}>{run.joined === 0 ? <Dash /> : number(run.joined)}</Pair>
          <Pair title={texts.notJoined}>
            {run.notJoined === 0 ? <Dash /> : number(run.notJoined)}
            {run.possibleMatches === 0 ? null : <>, {texts.near(number(run.possibleMatches))}</>}
          </Pair>
          {run.refused === 0 ? null : <Pair title={texts.refused}>{number(run.refused)}</Pair>}
          {run.withProblems === 0 ? null : <Pair title={texts.withProblems}>{number(run.withProblems)}</Pair>}
          {run.sameDevice === 0 ? null : <Pair title={texts.sameDevice}>{number(run.sameDevice)}</Pair>}
          {run.notRemoved.length === 0 ? null : (
            <Pair title={texts.notRemoved}>{run.notRemoved.join('; ')}</Pair>
          )}
        </>
      )}
    </dl>
  );
}

/** The latest run that somebody started. */
function ByHand({ run }: { run: HandRun }): ReactElement {
  const { outcome, error } = run;
  if (run.endedAt === null)
    return (
      <p className="sm row tight" role="status">
        <Icon name="sync" />
        <span>{texts.hand.running(run.by, number(run.read))}</span>
      </p>
    );
  if (error !== null)
    return (
      <div className="callout block">
        <Icon name="x" />
        <div>
          <b>{texts.hand.failed(run.by)}</b> <Time iso={run.endedAt} ago />: {error.message}
        </div>
      </div>
    );
  return (
    <div className="callout" role="status">
      <Icon name="info" />
      <div className="stack tight">
        <span>
          <b>{run.dryRun ? texts.hand.dry(run.by) : texts.hand.done(run.by)}</b>,{' '}
          <Time iso={run.endedAt} ago />
        </span>
        {outcome === null ? null : (
          <>
            {outcome.held.length === 0 ? null : <span>{texts.hand.held}</span>}
            <span>
              {texts.devices}: <CountsText counts={outcome.devices} />
              {'; '}
              {texts.users}: <CountsText counts={outcome.users} />
            </span>
            <OutcomeTroubles outcome={outcome} />
          </>
        )}
      </div>
    </div>
  );
}

/** The panel. `runsHere` = this gateway runs feeds. */
export function FeedPanel({
  feed,
  runsHere,
  changed,
}: {
  feed: FeedRow;
  runsHere: boolean;
  changed: () => void;
}): ReactElement {
  const may = useMay('runFeed');
  const change = useChange('runFeed');
  const [isConfirming, setConfirming] = useState(false);
  const { remembered, byHand } = feed;
  const { held, error, failures } = remembered;
  const isRunning = change.busy || (byHand !== null && byHand.endedAt === null);
  const blocked = may ? null : t.trouble.needsRole(roleFor('runFeed'));
  const run = async (dryRun: boolean): Promise<void> => {
    await change.send({ params: { feed: feed.name }, body: { dryRun } });
    changed();
  };
  const button = (dryRun: boolean): ReactElement => (
    <button
      className="btn small"
      type="button"
      aria-label={`${dryRun ? texts.dryRun : texts.run}: ${feed.name}`}
      disabled={!may || !runsHere || isRunning}
      title={blocked ?? undefined}
      onClick={() => void run(dryRun)}
    >
      {dryRun ? texts.dryRun : texts.run}
    </button>
  );
  return (
    <Panel
      title={feed.name}
      className="feed"
      mark={
        <>
          <span className="tag">{texts.kinds[feed.kind] ?? feed.kind}</span>
          <span className="push">
            <FeedState feed={feed} />
          </span>
        </>
      }
      foot={
        <>
          {isSent(feed) ? null : (
            <>
              {button(false)}
              {button(true)}
            </>
          )}
          {blocked === null ? null : <span className="t3">{blocked}</span>}
          {change.busy ? <span className="t3">{t.change.busy}</span> : null}
          <Link
            className="inline push"
            href="/journal?kind=feed_run"
            aria-label={`${t.pages.journal}: ${texts.runs}`}
          >
            {t.pages.journal}
          </Link>
        </>
      }
    >
      <div className="body stack">
        {held === null ? null : (
          <div className="callout hold">
            <Icon name="pause" />
            <div>
              <b>{texts.heldTitle}</b> <Time iso={held.at} ago />
              <HeldReasons reasons={held.reasons} />
              <button
                className="btn small mt8"
                type="button"
                aria-label={`${texts.confirm}: ${feed.name}`}
                // Its dry run would be refused while another run is under way; what a run holds is shown before that run has ended.
                disabled={!may || (!runsHere && !isSent(feed)) || isRunning}
                title={blocked ?? undefined}
                onClick={() => setConfirming(true)}
              >
                {texts.confirm}
              </button>
            </div>
          </div>
        )}
        {error === null ? null : (
          <div className="callout block">
            <Icon name="x" />
            <div className="break">
              {error.message}{' '}
              <span className="nowrap">
                {failures > 1 ? `${texts.failures(number(failures))} ` : ''}
                {texts.errorAt} <Time iso={error.at} ago />
              </span>
            </div>
          </div>
        )}
        <LastRun feed={feed} />
        {byHand === null ? null : <ByHand run={byHand} />}
        <ChangeTrouble error={change.error} />
      </div>
      {isConfirming ? (
        <ConfirmFeed feed={feed} isSent={isSent(feed)} close={() => setConfirming(false)} changed={changed} />
      ) : null}
    </Panel>
  );
}
