// Owns the overview: warnings, tiles, newest refusals, traffic, health.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { useSearchParams } from 'wouter';
import type { AnswerOf, EventOf } from '../../api/contract/operations.ts';
import { useQuery } from '../client/use-query.ts';
import { useStream } from '../client/use-stream.ts';
import { Health } from '../parts/health.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Panel } from '../parts/panel.tsx';
import { ReasonBars } from '../parts/reason-bars.tsx';
import { Refusals } from '../parts/refusals.tsx';
import { Spark } from '../parts/spark.tsx';
import { Tiles } from '../parts/tiles.tsx';
import { LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { VerdictChart } from '../parts/verdict-chart.tsx';
import { Warnings } from '../parts/warnings.tsx';
import { length, number, rate } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

type Overview = AnswerOf<'showOverview'>;
type Counters = EventOf<'followCounters'>;

const EVERY_MS = 10_000;
/** Without counters for this time they are not shown as live; they come every two seconds. */
const QUIET_MS = 10_000;
/** What the lines are over; the first time what there is. */
const RANGES = ['1h', '24h', '7d'] as const;

function Traffic({ overview, counters }: { overview: Overview; counters: Counters | null }): ReactElement {
  const texts = t.overview.traffic;
  const { traffic } = overview;
  const held = counters?.heldPolls ?? traffic.heldPolls;
  const perSecond = counters?.requestsPerSecond ?? traffic.requestsPerSecond;
  const age = counters?.stateAgeMs ?? overview.stateAgeMs;
  const shown = (value: number | null, form: (value: number) => string): string =>
    value === null ? texts.notKnown : form(value);
  return (
    <Panel title={texts.title} mark={<span className="age">{texts.mark}</span>}>
      <ul className="metrics">
        <li>
          <span className="t2">{texts.held}</span>
          <p className="v">{shown(held, number)}</p>
        </li>
        <li>
          <span className="t2">{texts.requests}</span>
          <p className="v">{shown(perSecond, rate)}</p>
          <Spark values={traffic.requests} tall />
        </li>
        <li>
          <span className="t2">{texts.age}</span>
          <p className="v">{shown(age, length)}</p>
          <p className="hint">{texts.ageText}</p>
        </li>
      </ul>
    </Panel>
  );
}

/** The page. */
export function OverviewPage(): ReactElement {
  const [search, setSearch] = useSearchParams();
  const asked = RANGES.find((range) => range === search.get('range'));
  const query = asked === undefined ? {} : { range: asked };
  const { data, error, reload } = useQuery('showOverview', { query }, { everyMs: EVERY_MS });
  const [counters, setCounters] = useState<Counters | null>(null);
  const stream = useStream('followCounters', {}, setCounters, true, QUIET_MS);
  if (data === null)
    return (
      <>
        <PageHead title={t.pages.overview} />
        <section className="panel">
          {error === null ? (
            <Skeleton />
          ) : (
            <LoadTrouble error={error} operation="showOverview" retry={reload} />
          )}
        </section>
      </>
    );
  const live = stream === 'open' ? counters : null;
  return (
    <>
      <PageHead
        title={t.pages.overview}
        tools={
          <div className="seg" role="group" aria-label={t.overview.range.label}>
            {RANGES.map((range) => (
              <button
                key={range}
                type="button"
                aria-pressed={range === data.range}
                onClick={() => setSearch({ range }, { replace: true })}
              >
                {t.overview.range.names[range]}
              </button>
            ))}
          </div>
        }
      >
        {t.overview.lead(data.gateway)}
      </PageHead>
      <div className="stack">
        <Health health={data.health} />
        <Tiles overview={data} live={live?.tiles ?? {}} />
        <Warnings warnings={data.warnings} />
        <div className="cols c-21 even">
          <Refusals overview={data} isLive={live !== null} changed={reload} />
          <VerdictChart steps={data.traffic.verdicts} range={data.range} />
        </div>
        <div className="cols c-11 even">
          <Panel title={t.overview.reasons.title}>
            <div className="body">
              {data.reasons.length === 0 ? (
                <p className="t2">{t.overview.reasons.none}</p>
              ) : (
                <ReasonBars reasons={data.reasons} />
              )}
            </div>
          </Panel>
          <Traffic overview={data} counters={live} />
        </div>
      </div>
    </>
  );
}
