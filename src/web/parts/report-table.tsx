// Owns the rows of a report: a plain table, so that all of it can be printed.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import type { Column } from './data-table.tsx';
import { decidedText, deviceHref, deviceRowKey, reasonText } from './device-columns.tsx';
import type { DeviceRow } from './device-columns.tsx';
import { DeviceModel } from './device-model.tsx';
import { Pill, shortReason } from './state.tsx';
import { Dash, Time } from './time.tsx';

type Report = AnswerOf<'showReport'>;
/** A device that changes. */
export type ChangedRow = NonNullable<Report['changes']>[number];
type DuplicateRow = NonNullable<Report['duplicates']>[number];
type NearMissRow = NonNullable<Report['nearMisses']>[number];

const { column } = t.reports;

function name(device: string, user: string | null): ReactElement {
  return (
    <Link className="name clip" href={deviceHref(device, user)}>
      {user ?? t.devices.noUser}
    </Link>
  );
}

const groupsText = (groups: readonly string[] | null): ReactElement | string =>
  groups === null || groups.length === 0 ? <Dash /> : groups.join(', ');

const PHONES: readonly Column<DeviceRow>[] = [
  { key: 'user', title: column.user, className: 'p-who over', cell: (row) => name(row.device, row.user) },
  {
    key: 'groups',
    title: column.groups,
    className: 't2 c4 off-phone w-id',
    cell: (row) => groupsText(row.groups),
  },
  {
    key: 'device',
    title: column.device,
    className: 'mono t2 off-phone c3 w-id own-id',
    cell: (row) => row.device,
  },
  {
    key: 'model',
    title: column.model,
    className: 'p-dev c1',
    cell: (row) => <DeviceModel model={row.model ?? row.deviceType} device={row.device} />,
  },
  {
    key: 'system',
    title: column.system,
    className: 'p-os t2 c2',
    hover: (row) => row.os ?? row.osVersion ?? '',
    cell: (row) => row.os ?? row.osVersion ?? <Dash />,
  },
  { key: 'state', title: column.state, className: 'p-st', cell: (row) => <Pill state={row.state} /> },
  {
    key: 'reason',
    title: column.reason,
    className: 'p-why',
    hover: (row) => reasonText(row),
    cell: (row) => reasonText(row) || <Dash />,
  },
  {
    key: 'decision',
    title: column.decision,
    className: 'p-dec off-phone',
    cell: (row) =>
      decidedText(row.decision, row.decisionExpiresAt) ??
      decidedText(row.userDecision, row.userDecisionExpiresAt) ?? <Dash />,
  },
  { key: 'seen', title: column.seen, className: 'p-ago num t2', cell: (row) => <Time iso={row.lastSeen} /> },
];

const CHANGES: readonly Column<ChangedRow>[] = [
  { key: 'user', title: column.user, className: 'p-who over', cell: (row) => name(row.device, row.user) },
  {
    key: 'groups',
    title: column.groups,
    className: 't2 c4 off-phone w-id',
    cell: (row) => groupsText(row.groups),
  },
  {
    key: 'device',
    title: column.device,
    className: 'mono t2 off-phone c3 w-id own-id',
    cell: (row) => row.device,
  },
  {
    key: 'model',
    title: column.model,
    className: 'p-dev c1',
    cell: (row) => <DeviceModel model={row.model} device={row.device} />,
  },
  {
    key: 'wouldBe',
    title: column.wouldBe,
    className: 'p-st',
    cell: (row) => <Pill state={row.after.action} />,
  },
  {
    key: 'reason',
    title: column.reason,
    className: 'p-why',
    hover: (row) => row.after.rule,
    cell: (row) => shortReason(row.after.reason),
  },
  { key: 'seen', title: column.seen, className: 'p-ago num t2', cell: (row) => <Time iso={row.lastSeen} /> },
];

const DUPLICATES: readonly Column<DuplicateRow>[] = [
  { key: 'user', title: column.user, className: 'p-who over', cell: (row) => name(row.device, row.user) },
  { key: 'model', title: column.model, className: 'p-dev', cell: (row) => row.model ?? <Dash /> },
  { key: 'device', title: column.device, className: 'mono t2 p-why', cell: (row) => row.device },
  { key: 'seen', title: column.seen, className: 'p-ago num t2', cell: (row) => <Time iso={row.lastSeen} /> },
  {
    key: 'other',
    title: column.other,
    className: 'mono p-dec',
    cell: (row) => <Link href={deviceHref(row.other, row.user)}>{row.other}</Link>,
  },
  {
    key: 'otherState',
    title: column.otherState,
    className: 'p-st',
    cell: (row) => <Pill state={row.otherState} />,
  },
  {
    key: 'otherSeen',
    title: column.otherSeen,
    className: 'num t2 p-os',
    cell: (row) => <Time iso={row.otherLastSeen} />,
  },
];

const NEAR_MISSES: readonly Column<NearMissRow>[] = [
  { key: 'user', title: column.user, className: 'p-who over', cell: (row) => name(row.device, row.user) },
  { key: 'device', title: column.device, className: 'mono t2 p-why', cell: (row) => row.device },
  {
    key: 'reported',
    title: column.reported,
    className: 'mono p-st',
    cell: (row) => <Link href={deviceHref(row.reported, null)}>{row.reported}</Link>,
  },
  { key: 'owner', title: column.owner, className: 't2 c2 off-phone', cell: (row) => row.owner ?? <Dash /> },
  { key: 'by', title: column.by, className: 'p-dev', cell: (row) => row.by },
  { key: 'model', title: column.model, className: 'p-os t2', cell: (row) => row.model ?? <Dash /> },
  { key: 'seen', title: column.seen, className: 'p-ago num t2', cell: (row) => <Time iso={row.lastSeen} /> },
];

function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}): ReactElement {
  return (
    <div className="tw">
      <table className="devices cards" aria-rowcount={rows.length + 1}>
        <caption className="vh">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ key, title, className }) => (
              <th key={key} scope="col" className={className}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ key, className, cell, hover }) => (
                <td key={key} className={className} title={hover?.(row)}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Rows of each kind; null = the report has none of it. */
export type ReportRows = Pick<Report, 'phones' | 'duplicates' | 'nearMisses' | 'changes'>;

/** How many rows there are. */
export function rowCount({ phones, duplicates, nearMisses, changes }: ReportRows): number {
  return (phones ?? duplicates ?? nearMisses ?? changes ?? []).length;
}

const pairKey = (one: string, other: string, user: string | null): string =>
  `${one}\n${other}\n${user ?? ''}`;

/** The rows of a report. */
export function ReportTable({ caption, rows }: { caption: string; rows: ReportRows }): ReactElement {
  const { phones, duplicates, nearMisses, changes } = rows;
  if (phones !== null) return <Table caption={caption} columns={PHONES} rows={phones} keyOf={deviceRowKey} />;
  if (duplicates !== null)
    return (
      <Table
        caption={caption}
        columns={DUPLICATES}
        rows={duplicates}
        keyOf={({ device, other, user }) => pairKey(device, other, user)}
      />
    );
  if (nearMisses !== null)
    return (
      <Table
        caption={caption}
        columns={NEAR_MISSES}
        rows={nearMisses}
        keyOf={({ device, reported, user }) => pairKey(device, reported, user)}
      />
    );
  return (
    <Table
      caption={caption}
      columns={CHANGES}
      rows={changes ?? []}
      keyOf={({ device, user }) => pairKey(device, '', user)}
    />
  );
}

/** "100 of 1,180". */
export const shownOf = (shown: number, all: number): string =>
  t.list.shownOf(number(shown), number(Math.max(shown, all)));
