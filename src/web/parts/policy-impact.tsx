// Owns what a change of the policy would do: numbers, reasons, groups, models, the first devices.
import { useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'wouter';
import type { Diff, Impact } from '../client/use-diff.ts';
import { clockTime, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { CountTable } from './count-table.tsx';
import { deviceHref } from './device-columns.tsx';
import { modelName } from './device-model.tsx';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';
import { StateIcon, shortReason, wordOf } from './state.tsx';
import { TableHead } from './table-head.tsx';
import { Time, readTime } from './time.tsx';
import { ChangeTrouble, Skeleton } from './trouble.tsx';

const texts = t.policy.impact;
const FIRST_PHONES = 8;
const FIRST_NAMES = 12;
const KINDS = ['reason', 'group', 'model'] as const;
type Kind = (typeof KINDS)[number];

const devices = (count: number): string => t.counted.devices(count, number(count));

/** Devices that get another decision. */
export function changedCount({ keptOut, keptOutLater, letIn, letInForNow, otherwise }: Impact): number {
  return keptOut.all + keptOutLater.all + letIn.all + letInForNow.all + otherwise.all;
}

/** The numbers in words: in the panel, and again in each dialog. */
export function Consequences({ impact }: { impact: Impact }): ReactElement {
  const { compared, keptOut, keptOutLater, letIn, letInForNow, otherwise } = impact;
  const changed = changedCount(impact);
  return (
    <>
      <p className="t2">
        <b>{changed === 0 ? texts.same : texts.changes(number(changed), devices(compared))}</b>{' '}
        {keptOut.lastDay === 0 ? null : texts.lastDay(keptOut.lastDay, number(keptOut.lastDay))}{' '}
        {keptOutLater.all === 0 ? null : texts.later(number(keptOutLater.all))}{' '}
        {letInForNow.all === 0 ? null : texts.forNow(number(letInForNow.all))}{' '}
        {otherwise.all === 0 ? null : texts.otherwise(otherwise.all, number(otherwise.all))}
      </p>
      <dl className="figs">
        <div>
          <dt>
            <StateIcon state="quarantine" />
            {texts.keptOut}
          </dt>
          <dd>{number(keptOut.all)}</dd>
        </div>
        <div>
          <dt>
            <Icon name="clock" />
            {texts.keptOutLater}
          </dt>
          <dd>{number(keptOutLater.all)}</dd>
        </div>
        <div>
          <dt>
            <StateIcon state="allow" />
            {texts.letIn}
          </dt>
          <dd>{number(letIn.all)}</dd>
        </div>
      </dl>
    </>
  );
}

/** Whom a roll-out reaches; nothing where there is none. */
export function Reach({ impact: { compared, reach } }: { impact: Impact }): ReactElement | null {
  if (reach === null) return null;
  const { inside, groupsUnknown, emptyGroups } = reach;
  return (
    <>
      <p className="t2">
        <b>{t.policy.rollout.reaches(number(inside), devices(compared))}</b>{' '}
        {groupsUnknown === 0 ? null : t.policy.rollout.unknown(devices(groupsUnknown))}
      </p>
      {emptyGroups.length === 0 ? null : (
        <p className="callout hold">
          <Icon name="warn" />
          <span className="break">{t.policy.rollout.empty(emptyGroups.join(', '))}</span>
        </p>
      )}
    </>
  );
}

/** How far a comparison is, or why there is none. */
export function Counting({ diff }: { diff: Diff }): ReactElement | null {
  if (diff.error !== null)
    return (
      <div className="row">
        <ChangeTrouble error={diff.error} />
        <button className="btn small" type="button" onClick={diff.again}>
          {t.trouble.retry}
        </button>
      </div>
    );
  if (diff.progress === null) return null;
  const { compared, total } = diff.progress;
  return (
    <p className="t3 sm" role="status">
      {texts.counting(number(compared), total === null ? null : number(total))}
    </p>
  );
}

/** How names of groups and models are shown; those of reasons are of the vocabulary. */
export function nameText(kind: Kind, name: string | null): string {
  if (kind === 'reason') return shortReason(name);
  if (kind === 'group') return name === null || name === 'none' ? texts.noGroup : name;
  return name === null || name === 'unknown' ? texts.unknownModel : name;
}

function Phones({ impact }: { impact: Impact }): ReactElement {
  const shown = impact.phones.slice(0, FIRST_PHONES);
  return (
    <div className="tw">
      <table className="plain firsts">
        <caption className="vh">{texts.firstCaption}</caption>
        <TableHead titles={[texts.first, t.reports.column.reason, [t.reports.column.seen, 'num']]} />
        <tbody>
          {shown.map(({ user, device, model, after, lastSeen }) => (
            <tr key={`${device} ${user}`}>
              <th scope="row">
                <span className="row tight">
                  <StateIcon state={after.action} />
                  <span className="vh">{wordOf(after.action)}</span>
                  <Link className="clip" href={deviceHref(device, user)} title={user}>
                    {user}
                  </Link>
                  <span className="clip sm t3 model" title={modelName(model, device)}>
                    {modelName(model, device)}
                  </span>
                </span>
              </th>
              <td title={after.rule}>{shortReason(after.reason)}</td>
              <td className="num t2">
                <Time iso={lastSeen} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Mark({ diff, isBroken }: { diff: Diff; isBroken: boolean }): ReactElement | null {
  const at = readTime(diff.startedAt);
  if (at === null) return null;
  if (diff.isCurrent && !isBroken) return <span className="age">{texts.asOf(clockTime(at))}</span>;
  return (
    <span className="age stale">
      <Icon name="clock" />
      <span>{isBroken ? texts.stale(clockTime(at)) : texts.older(clockTime(at))}</span>
    </span>
  );
}

/** `isBroken` = the text has a problem, so the numbers are of the last one that had none; `tools` = above the numbers. */
export function ImpactPanel({
  diff,
  isBroken,
  isSame,
  tools,
  foot,
}: {
  diff: Diff;
  isBroken: boolean;
  /** Nothing to compare: the text is the one in use. */
  isSame: boolean;
  tools?: ReactNode;
  foot?: ReactNode;
}): ReactElement {
  const [kind, setKind] = useState<Kind>('reason');
  const { impact } = diff;
  const rows =
    impact === null ? [] : { reason: impact.byReason, group: impact.byGroup, model: impact.byModel }[kind];
  if (isSame)
    return (
      <Panel title={texts.title}>
        <div className="body stack">
          {tools}
          <p className="t2">{texts.none}</p>
        </div>
      </Panel>
    );
  return (
    <Panel
      title={texts.title}
      mark={<Mark diff={diff} isBroken={isBroken} />}
      foot={impact === null ? undefined : foot}
    >
      <div className="body stack">
        {tools}
        {impact === null ? null : <Consequences impact={impact} />}
        <Counting diff={diff} />
        {impact === null && diff.progress === null && diff.error === null ? <Skeleton rows={3} /> : null}
        {impact === null || impact.keptOut.all === 0 ? null : (
          <div className="seg self" role="group" aria-label={texts.view}>
            {KINDS.map((each) => (
              <button key={each} type="button" aria-pressed={kind === each} onClick={() => setKind(each)}>
                {texts.by[each]}
              </button>
            ))}
          </div>
        )}
      </div>
      {impact === null || impact.keptOut.all === 0 ? null : (
        <CountTable
          caption={texts.caption}
          title={texts.column[kind]}
          rows={rows.slice(0, FIRST_NAMES)}
          total={kind === 'group' ? null : impact.keptOut}
          label={(name) => nameText(kind, name)}
        />
      )}
      {impact === null || impact.phones.length === 0 ? null : <Phones impact={impact} />}
    </Panel>
  );
}
