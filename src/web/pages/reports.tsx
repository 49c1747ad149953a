// Owns the reports: who would be refused, inventory, refused, not seen for long, pairs of devices, exceptions.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { addressOf } from '../client/call.ts';
import { useQuery } from '../client/use-query.ts';
import { ReportBody } from '../parts/report-body.tsx';
import { CsvLink, FIRST_ROWS, MOST_ROWS, Print, ReportHead } from '../parts/report-head.tsx';
import type { ReportTab } from '../parts/report-head.tsx';
import { LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { WouldBlock } from '../parts/would-block.tsx';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

type ReportName = AnswerOf<'showReport'>['name'];

const texts = t.reports;
const NAMES = Object.keys(texts.tabs) as ReportTab[];
const NOT_SEEN = ['30', '90', '180', '365'];
/** Null = exceptions without an end, too. */
const ENDS_WITHIN = [null, '7d', '30d'];

function hrefOf(name: ReportTab): string {
  return name === 'would-block' ? '/reports' : `/reports/${name}`;
}

function Tabs({ current }: { current: ReportTab }): ReactElement {
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

/** Reports of the API. */
function StoredReport({ name }: { name: Exclude<ReportTab, 'would-block'> }): ReactElement {
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
      <ReportHead name={name} asOf={data?.asOf} tools={tools} />
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
