// Owns the body of a report: numbers by reason, group and model, in short, the rows, what stands on paper below them.
import { Fragment } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { useSession } from '../client/signed-in.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { CountTable } from './count-table.tsx';
import type { NamedSeen, Seen } from './count-table.tsx';
import { Panel } from './panel.tsx';
import { nameText } from './policy-impact.tsx';
import { ReportTable, rowCount, shownOf } from './report-table.tsx';
import type { ReportRows } from './report-table.tsx';
import { Blank } from './trouble.tsx';

/** Numbers of a report. */
export interface Counts {
  readonly total: Seen;
  readonly byReason: readonly NamedSeen[];
  readonly byGroup: readonly NamedSeen[];
  readonly byModel: readonly NamedSeen[];
}

const texts = t.reports;
const MOST_NAMES = 25;
const KINDS = [
  ['group', 'byGroup'],
  ['model', 'byModel'],
] as const;

function Short({
  counts,
  more,
  children,
}: {
  counts: Counts;
  more: readonly (readonly [string, number])[];
  children: ReactNode;
}): ReactElement {
  const { all, lastDay, lastWeek, lastMonth } = counts.total;
  const lines: readonly (readonly [string, number])[] = [
    [texts.short.all, all],
    [texts.short.lastDay, lastDay],
    [texts.short.lastWeek, lastWeek],
    [texts.short.lastMonth, lastMonth],
    ...more,
  ];
  return (
    <Panel title={texts.inShort}>
      <div className="body stack">
        <dl className="kv">
          {lines.map(([name, count]) => (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>
                <b>{number(count)}</b>
              </dd>
            </Fragment>
          ))}
        </dl>
        <p className="sm t2">{texts.short.note}</p>
        {children}
      </div>
    </Panel>
  );
}

/** `more` = further lines of "In short"; `onMore` = shows further rows, null = there are no more to get; `cut` = why rows are missing. */
export function ReportBody({
  title,
  none,
  counts,
  rows,
  more,
  side,
  cut,
  onMore,
}: {
  title: string;
  /** In words, where there is no row. */
  none: string;
  counts: Counts;
  rows: ReportRows;
  more: readonly (readonly [string, number])[];
  /** Below "In short". */
  side?: ReactNode;
  cut: string | null;
  onMore: (() => void) | null;
}): ReactElement {
  const session = useSession();
  const shown = rowCount(rows);
  const { all } = counts.total;
  const isPairs = rows.duplicates !== null || rows.nearMisses !== null;
  if (shown === 0 && all === 0)
    return (
      <section className="panel">
        <Blank
          icon="report"
          title={texts.noneTitle}
          {...(side !== undefined && { actions: <span className="no-print">{side}</span> })}
        >
          {none}
        </Blank>
      </section>
    );
  return (
    <div className="stack">
      <div className="cols c-21 even">
        <Panel title={texts.byReason(t.counted.devices(all, number(all)))}>
          <CountTable
            caption={texts.byReason(t.counted.devices(all, number(all)))}
            title={t.policy.impact.column.reason}
            rows={counts.byReason}
            total={counts.total}
            label={(name) => nameText('reason', name) || t.states.unseen}
          />
        </Panel>
        <Short counts={counts} more={more}>
          {side === undefined ? null : <div className="row no-print">{side}</div>}
        </Short>
      </div>
      <div className="cols c-11">
        {KINDS.map(([kind, field]) => (
          <Panel key={kind} title={kind === 'group' ? texts.byGroup : texts.byModel}>
            <CountTable
              caption={kind === 'group' ? texts.byGroup : texts.byModel}
              title={t.policy.impact.column[kind]}
              rows={counts[field].slice(0, MOST_NAMES)}
              total={null}
              label={(name) => nameText(kind, name)}
            />
          </Panel>
        ))}
      </div>
      <Panel
        title={isPairs ? texts.pairs(number(shown)) : texts.rows(number(Math.max(shown, all)))}
        className="bleed"
        foot={
          <>
            <span>{isPairs ? t.counted.rows(shown, number(shown)) : shownOf(shown, all)}</span>
            {cut === null ? null : <span className="t3">{cut}</span>}
            <span className="push" />
            {onMore === null ? null : (
              <button className="btn small" type="button" onClick={onMore}>
                {texts.all}
              </button>
            )}
          </>
        }
      >
        <ReportTable caption={title} rows={rows} />
      </Panel>
      <p className="print-only sm">{texts.foot(session?.name ?? '', window.location.host)}</p>
    </div>
  );
}
