// Owns the reports: who would be refused, inventory, refused, not seen for long, pairs of devices, exceptions.
import { useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { addressOf } from '../client/call.ts';
import { readDraft } from '../client/draft.ts';
import { saveCsv } from '../client/save-csv.ts';
import { useDiff } from '../client/use-diff.ts';
import type { Diff, DiffQuestion, Impact } from '../client/use-diff.ts';
import { useQuery } from '../client/use-query.ts';
import { Icon } from '../parts/icon.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Counting } from '../parts/policy-impact.tsx';
import { ReportBody } from '../parts/report-body.tsx';
import { changedRows } from '../parts/report-rows.ts';
import { Time } from '../parts/time.tsx';
import { Blank, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

type Name = keyof typeof t.reports.tabs;
type ReportName = AnswerOf<'showReport'>['name'];

const texts = t.reports;
const NAMES = Object.keys(texts.tabs) as Name[];
const FIRST_ROWS = 100;
const MOST_ROWS = 1_000;
const NOT_SEEN = ['30', '90', '180', '365'];
/** Null = exceptions without an end, too. */
const ENDS_WITHIN = [null, '7d', '30d'];
const PLACES = ['live', 'draft', 'rollout', 'shadow'] as const;

function hrefOf(name: Name): string {
  return name === 'would-block' ? '/reports' : `/reports/${name}`;
}

function Tabs({ current }: { current: Name }): ReactElement {
  return (
    <nav className="tabs" aria-label={t.pages.reports}>
      {NAMES.map((name) => (
        <Link key={name} href={hrefOf(name)} aria-current={name === current ? 'page' : undefined}>
          {texts.tabs[name]}
        </Link>
      ))}
    </nav>
  );
}

function Print(): ReactElement {
  return (
    <button className="btn" type="button" onClick={() => window.print()}>
      <Icon name="print" />
      {texts.print}
    </button>
  );
}

function CsvLink({ href, label }: { href: string; label: string }): ReactElement {
  return (
    <a className="btn" href={href} download>
      <Icon name="save" />
      {label}
    </a>
  );
}

function Head({
  name,
  asOf,
  tools,
}: {
  name: Name;
  asOf: string | null | undefined;
  tools: ReactNode;
}): ReactElement {
  return (
    <PageHead title={texts.tabs[name]} tools={tools}>
      {texts.lead[name]}
      {asOf === null || asOf === undefined ? null : (
        <>
          , {texts.asOf} <Time iso={asOf} form={moment} />
        </>
      )}
    </PageHead>
  );
}

/** Reports of the API. */
function StoredReport({ name }: { name: Exclude<Name, 'would-block'> }): ReactElement {
  const [search, setSearch] = useSearchParams();
  const [limit, setLimit] = useState(FIRST_ROWS);
  const days = search.get('notSeen') ?? '90d';
  const endsWithin = search.get('endsWithin');
  const question =
    name === 'stale' ? { notSeen: days } : name === 'exceptions' && endsWithin !== null ? { endsWithin } : {};
  const report = useQuery('showReport', {
    params: { report: name satisfies ReportName },
    query: { ...question, limit },
  });
  const csv = addressOf('showReport', { report: name }, { ...question, format: 'csv' });
  const { data } = report;
  const tools = (
    <>
      {name === 'stale' ? (
        <div className="seg" role="group" aria-label={texts.notSeen}>
          {NOT_SEEN.map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={days === `${each}d`}
              onClick={() => setSearch({ notSeen: `${each}d` })}
            >
              {texts.days(number(Number(each)))}
            </button>
          ))}
        </div>
      ) : null}
      {name === 'exceptions' ? (
        <div className="seg" role="group" aria-label={texts.endsWithin}>
          {ENDS_WITHIN.map((each) => (
            <button
              key={each ?? 'any'}
              type="button"
              aria-pressed={endsWithin === each}
              onClick={() => setSearch(each === null ? {} : { endsWithin: each })}
            >
              {each === null ? texts.anyEnd : texts.days(number(Number.parseInt(each, 10)))}
            </button>
          ))}
        </div>
      ) : null}
      <CsvLink href={csv} label={texts.csv} />
      <Print />
    </>
  );
  return (
    <>
      <Head name={name} asOf={data?.asOf} tools={tools} />
      {data === null ? (
        <section className="panel">
          {report.error === null ? (
            <Skeleton />
          ) : (
            <LoadTrouble error={report.error} operation="showReport" retry={report.reload} />
          )}
        </section>
      ) : (
        <ReportBody
          title={texts.tabs[name]}
          none={texts.none[name]}
          counts={data.counts}
          rows={data}
          more={[]}
          cut={data.isCut ? texts.cut : null}
          onMore={data.isCut && limit < MOST_ROWS ? () => setLimit(MOST_ROWS) : null}
        />
      )}
    </>
  );
}

/** What is asked, by the address: the policy in use, the draft of this tab, the roll-out, the shadow, a version. Null = there is no draft. */
function questionOf(of: string): DiffQuestion | null {
  if (of === 'draft') {
    const draft = readDraft();
    return draft === null ? null : { after: { document: draft.text }, enforced: true };
  }
  const version = Number(of);
  if (Number.isInteger(version) && version > 0) return { after: { version }, enforced: true };
  if (of === 'shadow' || of === 'rollout') return { after: { place: of }, enforced: true };
  return { after: { place: 'inUse' }, enforced: true };
}

const keptOut = ({ phones }: Impact): Impact['phones'] =>
  phones.filter(({ before, after }) => before.action === 'allow' && after.action !== 'allow');

function WouldBlockBody({ of, diff }: { of: string; diff: Diff }): ReactElement {
  const [limit, setLimit] = useState(FIRST_ROWS);
  const { impact } = diff;
  if (impact === null)
    return (
      <section className="panel">
        {diff.error === null ? (
          <>
            <div className="body top">
              <Counting diff={diff} />
            </div>
            <Skeleton />
          </>
        ) : (
          <LoadTrouble error={diff.error} operation="diffPolicy" retry={diff.again} />
        )}
      </section>
    );
  const rows = keptOut(impact);
  const changes = rows.slice(0, limit);
  return (
    <ReportBody
      title={texts.tabs['would-block']}
      none={texts.none['would-block']}
      counts={{ ...impact, total: impact.keptOut }}
      rows={{ phones: null, duplicates: null, nearMisses: null, changes }}
      more={[
        [texts.short.later, impact.keptOutLater.all],
        [texts.short.letIn, impact.letIn.all],
        [texts.short.compared, impact.compared],
      ]}
      side={
        <Link className="btn" href="/policy">
          {of === 'draft' ? texts.backToDraft : texts.toPolicy}
        </Link>
      }
      cut={impact.isCut && limit >= rows.length ? (of === 'live' ? texts.cut : texts.cutShown) : null}
      onMore={limit < rows.length ? () => setLimit(MOST_ROWS) : null}
    />
  );
}

function WouldBlock(): ReactElement {
  const [search, setSearch] = useSearchParams();
  const of = search.get('of') ?? 'live';
  const [draft] = useState(readDraft);
  const policy = useQuery('showPolicy');
  const question = questionOf(of);
  const diff = useDiff(question);
  const places = PLACES.filter(
    (place) =>
      place === 'live' ||
      place === of ||
      (place === 'draft' ? draft !== null : policy.data !== null && policy.data[place] !== null),
  );
  const impact = diff.isCurrent ? diff.impact : null;
  const rows = impact === null ? [] : keptOut(impact);
  const tools = (
    <>
      {places.length === 1 && of === 'live' ? null : (
        <div className="seg" role="group" aria-label={texts.ofLabel}>
          {places.map((place) => (
            <button
              key={place}
              type="button"
              aria-pressed={of === place}
              onClick={() => setSearch(place === 'live' ? {} : { of: place })}
            >
              {texts.of[place]}
            </button>
          ))}
          {PLACES.some((place) => place === of) ? null : (
            <button type="button" aria-pressed>
              {texts.of.version(of)}
            </button>
          )}
        </div>
      )}
      {of === 'live' ? (
        <CsvLink
          href={addressOf('showReport', { report: 'would-block' }, { format: 'csv' })}
          label={texts.csv}
        />
      ) : (
        <button
          className="btn"
          type="button"
          disabled={rows.length === 0}
          onClick={() => saveCsv('would-block.csv', changedRows(rows))}
        >
          <Icon name="save" />
          {texts.csvShown(number(rows.length))}
        </button>
      )}
      <Print />
    </>
  );
  return (
    <>
      <Head name="would-block" asOf={diff.isCurrent ? diff.startedAt : null} tools={tools} />
      {question === null ? (
        <section className="panel">
          <Blank
            icon="policy"
            title={texts.noDraftTitle}
            actions={
              <Link className="btn" href="/policy">
                {texts.toPolicy}
              </Link>
            }
          >
            {texts.noDraft}
          </Blank>
        </section>
      ) : (
        <WouldBlockBody key={of} of={of} diff={{ ...diff, impact }} />
      )}
    </>
  );
}

/** The page; below /reports/NAME it shows that report. */
export function ReportsPage(): ReactElement {
  const [location] = useLocation();
  const wanted = location.split('/')[2];
  const name = NAMES.find((each) => each === wanted) ?? 'would-block';
  return (
    <>
      <Tabs current={name} />
      {name === 'would-block' ? <WouldBlock /> : <StoredReport key={name} name={name} />}
    </>
  );
}
