// Owns the columns of the list of users, and the filters of that list.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { RowOf } from '../client/use-pages.ts';
import { day, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import type { Column } from './data-table.tsx';
import { decidedText, doneText } from './device-columns.tsx';
import type { Filter } from './filters.tsx';
import { Pill, wordOf } from './state.tsx';
import { Dash, Time } from './time.tsx';
import type { Done } from './use-decide.ts';
import { userHref } from './user-href.ts';

/** A user in the list. */
export type UserRow = RowOf<'listUsers'>;

/** The key of a row. */
export const userRowKey = ({ user }: UserRow): string => user;

/** What deviates, the worst first. */
const DEVIATIONS = ['wiping', 'blocked', 'quarantined', 'unseen'] as const;

function States({ row }: { row: UserRow }): ReactElement {
  if (row.devices === 0) return <span className="t3">{t.users.noDevice}</span>;
  const shown = DEVIATIONS.filter((state) => (row.states[state] ?? 0) > 0);
  if (shown.length === 0) return <Pill state="allowed" text={t.users.allAllowed} />;
  return (
    <span className="row tight">
      {shown.map((state) => (
        <Pill
          key={state}
          state={state}
          text={t.users.withState(number(row.states[state] ?? 0), wordOf(state))}
        />
      ))}
    </span>
  );
}

/** Every column. `doneFor` = what was just decided about a row. */
export function userColumns(doneFor: (row: UserRow) => Done | null): readonly Column<UserRow>[] {
  const { column } = t.users;
  return [
    {
      key: 'user',
      title: column.user,
      sort: 'user',
      className: 'p-who',
      hover: (row) => row.user,
      cell: (row) => (
        <Link className="name clip stretch" href={userHref(row.user)}>
          {row.user}
        </Link>
      ),
    },
    {
      key: 'state',
      title: column.state,
      className: 'p-st',
      cell: (row) => <States row={row} />,
    },
    {
      key: 'devices',
      title: column.devices,
      sort: 'devices',
      className: 'num off-phone',
      cell: (row) => number(row.devices),
    },
    {
      key: 'groups',
      title: column.groups,
      className: 'p-why t2',
      hover: (row) => row.groups?.join(', ') ?? '',
      cell: (row) => (
        <>
          {row.enabled === false ? <span className="tag">{t.users.disabled}</span> : null}{' '}
          {row.groups === null || row.groups.length === 0 ? <Dash /> : row.groups.join(', ')}
        </>
      ),
    },
    {
      key: 'seen',
      title: column.seen,
      sort: 'lastSeen',
      className: 'p-ago num t2',
      cell: (row) => <Time iso={row.lastSeen} />,
    },
    {
      key: 'firstSeen',
      title: column.firstSeen,
      sort: 'firstSeen',
      className: 'off-phone num t2 c4',
      cell: (row) => <Time iso={row.firstSeen} form={day} />,
    },
    {
      key: 'decision',
      title: column.decision,
      className: 'p-dec',
      cell: (row) => {
        const done = doneFor(row);
        if (done !== null) return <span className="t2">{doneText(done)}</span>;
        return decidedText(row.decision, row.decisionExpiresAt) ?? <Dash />;
      },
    },
  ];
}

const { filter } = t.devices;
const past = (words: (age: string) => string): NonNullable<Filter['choices']> => [
  ['24h', words(filter.day)],
  ['7d', words(filter.week)],
  ['30d', words(filter.month)],
  ['90d', words(filter.quarter)],
];

/** In the order of their menu. */
export const USER_FILTERS: readonly Filter[] = [
  {
    key: 'state',
    title: filter.state,
    several: true,
    choices: (['allowed', 'quarantined', 'blocked', 'wiping', 'unseen'] as const).map((state) => [
      state,
      t.states[state],
    ]),
  },
  { key: 'group', title: t.users.filter.group },
  {
    key: 'minDevices',
    title: t.users.filter.devices,
    choices: ['1', '2', '3', '5', '10'].map((least) => [least, t.users.filter.atLeast(least)]),
  },
  { key: 'seen', title: filter.seen, choices: past(filter.last) },
  { key: 'notSeen', title: filter.notSeen, choices: past(filter.for) },
  { key: 'user', title: t.users.filter.user, hint: filter.pattern },
];

/** Filters and the search, as keys of the address. */
export const USER_FILTER_KEYS: readonly string[] = [...USER_FILTERS.map(({ key }) => key), 'search'];
