// Owns the counts of a run or an import in words, and what it refused.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { TableHead } from './table-head.tsx';
import { Dash } from './time.tsx';

/** What a run did, or would do. */
export type Outcome = NonNullable<NonNullable<AnswerOf<'runFeed'>['run']>['outcome']>;
type Counts = Outcome['devices'];

const NAMES = ['accepted', 'removed', 'unchanged', 'older'] as const;

/** "12 changed, 3 removed"; only what is there. */
export function CountsText({ counts }: { counts: Counts }): ReactElement {
  const parts = NAMES.filter((name) => counts[name] > 0).map((name) =>
    t.feeds.counts[name](number(counts[name])),
  );
  return parts.length === 0 ? <Dash /> : <>{parts.join(', ')}</>;
}

/** Changes and removals of both kinds, with decisions. */
export function effectOf({ devices, users, decisions }: Outcome): {
  readonly changed: number;
  readonly removed: number;
} {
  return {
    changed: devices.accepted + users.accepted + decisions.applied,
    removed: devices.removed + users.removed + decisions.removed,
  };
}

const texts = t.feeds.import;

const isEmpty = (counts: Counts): boolean => NAMES.every((name) => counts[name] === 0);
const cell = (value: number): ReactElement => (value === 0 ? <Dash /> : <>{number(value)}</>);

/** The counts as a table. */
export function OutcomeTable({ outcome }: { outcome: Outcome }): ReactElement {
  const { column, rows } = texts;
  const { read, devices, users, decisions } = outcome;
  const line = (name: string, count: number, of: Counts): ReactElement => (
    <tr>
      <th scope="row">{name}</th>
      <td className="num" data-l={column.read}>
        {cell(count)}
      </td>
      <td className="num" data-l={column.accepted}>
        {cell(of.accepted)}
      </td>
      <td className="num" data-l={column.unchanged}>
        {cell(of.unchanged)}
      </td>
      <td className="num" data-l={column.older}>
        {cell(of.older)}
      </td>
      <td className="num" data-l={column.removed}>
        {cell(of.removed)}
      </td>
    </tr>
  );
  return (
    <div className="tw">
      <table className="plain cards outcome">
        <caption className="vh">{outcome.dryRun ? texts.table : texts.tableDone}</caption>
        <TableHead
          titles={[
            column.what,
            [column.read, 'num'],
            [column.accepted, 'num'],
            [column.unchanged, 'num'],
            [column.older, 'num'],
            [column.removed, 'num'],
          ]}
        />
        <tbody>
          {line(rows.device, read.device ?? 0, devices)}
          {isEmpty(users) && (read.user ?? 0) + (read.group ?? 0) === 0
            ? null
            : line(rows.user, (read.user ?? 0) + (read.group ?? 0), users)}
          {(read.decision ?? 0) + decisions.removed === 0
            ? null
            : line(rows.decision, read.decision ?? 0, {
                accepted: decisions.applied,
                unchanged: 0,
                older: 0,
                removed: decisions.removed,
              })}
        </tbody>
      </table>
    </div>
  );
}

function Lines({
  title,
  count,
  first,
}: {
  title: string;
  count: number;
  first: readonly Line[];
}): ReactElement | null {
  if (count === 0) return null;
  return (
    <details className="more" open={count <= 5}>
      <summary>
        {title} ({number(count)})
      </summary>
      <ul className="lines">
        {first.map(({ line, text }) => (
          <li key={`${line} ${text}`}>
            <span className="t3">{texts.line(number(line))}</span> <span className="break">{text}</span>
          </li>
        ))}
      </ul>
      {count > first.length ? (
        <p className="hint">{texts.first(number(first.length), number(count))}</p>
      ) : null}
    </details>
  );
}

interface Line {
  readonly line: number;
  readonly text: string;
}

const withReason = ({ line, reason }: { line: number; reason: string }): Line => ({ line, text: reason });

/** What was refused, not understood, or not joined. */
export function OutcomeTroubles({ outcome }: { outcome: Outcome }): ReactElement {
  const { refused, withProblems, sameDevice, notJoined, decisions, notRemoved } = outcome;
  return (
    <>
      {decisions.listed === 0 ? null : <p className="sm">{texts.listed(number(decisions.listed))}</p>}
      {notRemoved.map((reason) => (
        <p className="sm" key={reason}>
          {t.feeds.notRemoved}: {reason}
        </p>
      ))}
      <Lines title={texts.refusedTitle} count={refused.count} first={refused.first.map(withReason)} />
      <Lines
        title={texts.problemsTitle}
        count={withProblems.count}
        first={withProblems.first.map(withReason)}
      />
      <Lines
        title={texts.sameDeviceTitle}
        count={sameDevice.count}
        first={sameDevice.first.map(withReason)}
      />
      <Lines
        title={texts.notJoinedTitle}
        count={notJoined.count}
        first={notJoined.first.map(({ line, name, near }) => ({
          line,
          text: near.length === 0 ? name : `${name}; ${texts.nearTo(near.join(', '))}`,
        }))}
      />
    </>
  );
}

/** Why a brake holds. */
export function HeldReasons({ reasons }: { reasons: readonly string[] }): ReactElement {
  return (
    <ul className="reasonlist">
      {reasons.map((reason) => (
        <li key={reason}>{reason}</li>
      ))}
    </ul>
  );
}
