// Owns the decisions on a device with their history: by hand, on the device or on one user, and those that feeds imported.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Pill } from './state.tsx';
import { Dash, Time, readTime } from './time.tsx';

type Details = AnswerOf<'showDevice'>;

/** One line: a change of a decision, or a decision that stands. */
interface Line {
  readonly key: string;
  readonly at: string;
  readonly by: string;
  readonly user: string | null;
  /** Null = taken back. */
  readonly action: string | null;
  readonly reason: string | null;
  readonly expiresAt: string | null;
}

function linesOf(details: Details): readonly Line[] {
  const lines: Line[] = [];
  const add = (user: string | null, history: readonly Readonly<Record<string, unknown>>[]): void => {
    for (const change of history)
      lines.push({
        key: `${user ?? ''} ${String(change['at'])} ${lines.length}`,
        at: change['at'] as string,
        by: change['by'] as string,
        user,
        action: (change['after'] ?? null) as string | null,
        reason: (change['reason'] ?? null) as string | null,
        expiresAt: (change['expiresAt'] ?? null) as string | null,
      });
  };
  add(null, details.history);
  for (const { record, history } of details.partnerships) add(record.user, history ?? []);
  for (const { source, user, decision } of details.imported)
    lines.push({
      key: `${source} ${user ?? ''}`,
      at: decision.decidedAt,
      by: t.device.decisions.feed(source),
      user: user ?? null,
      action: decision.action,
      reason: decision.reason,
      expiresAt: decision.expiresAt ?? null,
    });
  return lines.sort((a, b) => (readTime(b.at) ?? 0) - (readTime(a.at) ?? 0));
}

/** How many lines there are, for the tab. */
export function decisionCount(details: Details): number {
  return linesOf(details).length;
}

/** Whether a decision by hand is in force now. */
export function hasDecision(details: Details, now: number): boolean {
  const all = [details.decision, ...details.partnerships.map(({ decision }) => decision)];
  return all.some((one) => one !== null && (readTime(one.expiresAt) ?? Number.POSITIVE_INFINITY) > now);
}

/** The table. */
export function DeviceDecisions({ details }: { details: Details }): ReactElement {
  const { column } = t.device.decisions;
  const lines = linesOf(details);
  if (lines.length === 0) return <p className="body t2">{t.device.decisions.none}</p>;
  return (
    <div className="tw">
      <table className="plain wrap cards">
        <thead>
          <tr>
            <th scope="col">{column.when}</th>
            <th scope="col">{column.decision}</th>
            <th scope="col">{column.forUser}</th>
            <th scope="col">{column.reason}</th>
            <th scope="col">{column.by}</th>
            <th scope="col">{column.until}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ key, at, by, user, action, reason, expiresAt }) => (
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
              <td className="full break">
                {user ?? <span className="t2">{t.device.decisions.everyUser}</span>}
              </td>
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
