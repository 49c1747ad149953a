// Owns the table of decisions with their history: who decided what about whom, until when.
import type { ReactElement, ReactNode } from 'react';
import { moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Pill } from './state.tsx';
import { TableHead } from './table-head.tsx';
import { Dash, Time, readTime } from './time.tsx';

/** One line: a change of a decision, or a decision that stands. */
export interface DecisionLine {
  readonly key: string;
  readonly at: string;
  readonly by: string;
  /** Whom or what it is about. */
  readonly about: ReactNode;
  /** Null = taken back. */
  readonly action: string | null;
  readonly reason: string | null;
  readonly expiresAt: string | null;
}

/** Lines of the history of one decision. */
export function historyLines(
  about: ReactNode,
  key: string,
  history: readonly Readonly<Record<string, unknown>>[],
): readonly DecisionLine[] {
  return history.map((change, place) => ({
    key: `${key} ${String(change['at'])} ${place}`,
    at: change['at'] as string,
    by: change['by'] as string,
    about,
    action: (change['after'] ?? null) as string | null,
    reason: (change['reason'] ?? null) as string | null,
    expiresAt: (change['expiresAt'] ?? null) as string | null,
  }));
}

/** The newest first. */
export function newestFirst(lines: readonly DecisionLine[]): readonly DecisionLine[] {
  return lines.toSorted((a, b) => (readTime(b.at) ?? 0) - (readTime(a.at) ?? 0));
}

/** The table. */
export function DecisionTable({ lines }: { lines: readonly DecisionLine[] }): ReactElement {
  const { column } = t.device.decisions;
  if (lines.length === 0) return <p className="body t2">{t.device.decisions.none}</p>;
  return (
    <div className="tw">
      <table className="plain wrap cards">
        <TableHead
          titles={[column.when, column.decision, column.forUser, column.reason, column.by, column.until]}
        />
        <tbody>
          {lines.map(({ key, at, by, about, action, reason, expiresAt }) => (
            <tr key={key}>
              <td className="nowrap">
                <Time iso={at} form={moment} />
              </td>
              <td className="nowrap">
                {action === null ? (
                  <span className="t2">{t.device.decisions.cleared}</span>
                ) : (
                  <Pill state={action} />
                )}
              </td>
              <td className="full break">{about}</td>
              <td className="full">{reason ?? <Dash />}</td>
              <td className="nowrap" data-l={t.device.decisions.byLabel}>
                {by}
              </td>
              <td className="nowrap t2" data-l={t.device.decisions.untilLabel}>
                {expiresAt === null ? <Dash /> : <Time iso={expiresAt} form={moment} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
