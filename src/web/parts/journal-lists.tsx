// Owns the two lists of the journal: events, and changes by operators.
import { useCallback, useMemo } from 'react';
import type { ReactElement } from 'react';
import { Link, useLocation } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { usePages } from '../client/use-pages.ts';
import type { Pages } from '../client/use-pages.ts';
import type { OperationName } from '../../api/contract/paths.ts';
import { changeText } from '../texts/change-text.ts';
import { clockTime, day } from '../texts/format.ts';
import { ruleText } from '../texts/rule-text.ts';
import { t } from '../texts/texts.ts';
import { DataTable } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { deviceHref } from './device-columns.tsx';
import { EventIcon, eventText } from './event.tsx';
import type { Event } from './event.tsx';
import { ListFoot, NewRows } from './list-foot.tsx';
import { Dash, Time } from './time.tsx';
import { Blank, LoadTrouble, Skeleton } from './trouble.tsx';

type Change = AnswerOf<'queryAudit'>['rows'][number];

const EVERY_MS = 5_000;
const PAGE_ROWS = 100;
const { column } = t.journal;

/** Entries have no id; two of the same moment about the same thing differ in their other fields. */
const keyOf = (row: Event | Change): string => JSON.stringify(row);

const when = (at: number, now: number): string => `${day(at, now)}, ${clockTime(at)}`;

function who(user: string | null, device: string | null): ReactElement {
  if (device === null) return user === null ? <Dash /> : <span className="break">{user}</span>;
  return (
    <Link className="name clip" href={deviceHref(device, user)}>
      {user ?? device}
    </Link>
  );
}

const ruleOf = ({ rule }: Event): string => (rule === null ? '' : ruleText(rule));

const EVENT_COLUMNS: readonly Column<Event>[] = [
  { key: 'time', title: column.time, className: 'p-st t2', cell: (row) => <Time iso={row.at} form={when} /> },
  {
    key: 'what',
    title: column.what,
    className: 'p-who what',
    cell: (row) => (
      <span className="kind">
        <EventIcon event={row} />
        <span>{eventText(row)}</span>
      </span>
    ),
  },
  { key: 'user', title: column.user, className: 'p-why over', cell: (row) => who(row.user, row.device) },
  {
    key: 'device',
    title: column.device,
    className: 'mono t2 off-phone c3 w-id',
    cell: (row) => row.device ?? <Dash />,
  },
  {
    key: 'rule',
    title: column.rule,
    className: 't2 off-phone c4 w-rule',
    hover: ruleOf,
    cell: (row) => {
      const text = ruleOf(row);
      return text === '' ? <Dash /> : <span className="two-lines">{text}</span>;
    },
  },
];

function state(of: unknown): ReactElement {
  const text = changeText(of);
  return text === '' ? <Dash /> : <>{text}</>;
}

function about({ user, device, subject }: Change): ReactElement {
  return user === null && device === null ? (
    <span className="break">{subject ?? <Dash />}</span>
  ) : (
    who(user, device)
  );
}

const CHANGE_COLUMNS: readonly Column<Change>[] = [
  { key: 'time', title: column.time, className: 'p-st t2', cell: (row) => <Time iso={row.at} form={when} /> },
  {
    key: 'what',
    title: column.what,
    className: 'p-who',
    cell: (row) => <b>{t.journal.operations[row.operation] ?? row.operation}</b>,
  },
  { key: 'about', title: column.about, className: 'p-why over', cell: about },
  {
    key: 'by',
    title: column.by,
    className: 'p-ago t2 by',
    hover: (row) => t.journal.via(row.by, row.via),
    cell: (row) => t.journal.via(row.by, row.via),
  },
  {
    key: 'before',
    title: column.before,
    className: 'off-phone c4 w-less',
    hover: (row) => changeText(row.before),
    cell: (row) => state(row.before),
  },
  {
    key: 'after',
    title: column.after,
    className: 'off-phone c4 w-more',
    hover: (row) => changeText(row.after),
    cell: (row) => state(row.after),
  },
  {
    key: 'comment',
    title: column.comment,
    className: 'off-phone c4 w-more',
    hover: (row) => row.comment ?? '',
    cell: (row) => row.comment ?? <Dash />,
  },
];

function List<Row extends Event | Change>({
  pages,
  columns,
  caption,
  operation,
}: {
  pages: Pages<Row>;
  columns: readonly Column<Row>[];
  caption: string;
  operation: OperationName;
}): ReactElement {
  const [, go] = useLocation();
  const open = useCallback(
    (row: Row) => {
      if (row.device !== null) go(deviceHref(row.device, row.user));
    },
    [go],
  );
  return (
    <section className="panel bleed fill" aria-label={caption}>
      <NewRows count={pages.newer} show={pages.reload} />
      {!pages.ready ? (
        pages.error === null ? (
          <Skeleton />
        ) : (
          <LoadTrouble error={pages.error} operation={operation} retry={pages.reload} />
        )
      ) : pages.rows.length === 0 && !pages.hasMore ? (
        <Blank icon="journal" title={t.journal.noneTitle}>
          {t.journal.none}
        </Blank>
      ) : (
        <DataTable
          caption={caption}
          className="devices jr"
          columns={columns}
          rows={pages.rows}
          total={null}
          keyOf={keyOf}
          nameOf={(row) => row.device ?? row.user ?? ''}
          onOpen={open}
          onEnd={pages.loadMore}
        />
      )}
      {pages.rows.length === 0 ? null : <ListFoot pages={pages} total={null} />}
    </section>
  );
}

/** Events that fit the filters of the address. */
export function EventList({ filter }: { filter: Readonly<Record<string, string>> }): ReactElement {
  const query = useMemo(() => ({ ...filter, limit: PAGE_ROWS }), [filter]);
  const pages = usePages('queryJournal', query, keyOf, EVERY_MS);
  return <List pages={pages} columns={EVENT_COLUMNS} caption={t.journal.caption} operation="queryJournal" />;
}

/** Changes likewise. */
export function ChangeList({ filter }: { filter: Readonly<Record<string, string>> }): ReactElement {
  const query = useMemo(() => ({ ...filter, limit: PAGE_ROWS }), [filter]);
  const pages = usePages('queryAudit', query, keyOf, EVERY_MS);
  return (
    <List pages={pages} columns={CHANGE_COLUMNS} caption={t.journal.changesCaption} operation="queryAudit" />
  );
}
