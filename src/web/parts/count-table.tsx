// Owns numbers of devices by name and last activity: of reports, and of what a change of the policy would do.
import type { ReactElement, ReactNode } from 'react';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

/** Devices by how lately they were seen. */
export interface Seen {
  readonly all: number;
  readonly lastDay: number;
  readonly lastWeek: number;
  readonly lastMonth: number;
}

/** One line. */
export interface NamedSeen {
  readonly name: string | null;
  readonly phones: Seen;
}

const { column } = t.policy.impact;

function Cells({ phones, bold }: { phones: Seen; bold: boolean }): ReactElement {
  return (
    <>
      <td className="num">{bold ? <b>{number(phones.all)}</b> : number(phones.all)}</td>
      <td className="num">{number(phones.lastDay)}</td>
      <td className="num">{number(phones.lastWeek)}</td>
      <td className="num">{number(phones.lastMonth)}</td>
    </>
  );
}

/** `label` = how a name is shown; `total` = under the lines. */
export function CountTable({
  caption,
  title,
  rows,
  total,
  label,
}: {
  caption: string;
  title: string;
  rows: readonly NamedSeen[];
  total: Seen | null;
  label: (name: string | null) => ReactNode;
}): ReactElement {
  const top = Math.max(1, ...rows.map(({ phones }) => phones.all));
  return (
    <div className="tw">
      <table className="plain counts">
        <caption className="vh">{caption}</caption>
        <thead>
          <tr className="grp">
            <td />
            <td />
            <th scope="colgroup" colSpan={3} className="num">
              {t.policy.impact.active}
            </th>
          </tr>
          <tr>
            <th scope="col">{title}</th>
            <th scope="col" className="num">
              {column.devices}
            </th>
            <th scope="col" className="num">
              {column.day}
            </th>
            <th scope="col" className="num">
              {column.week}
            </th>
            <th scope="col" className="num">
              {column.month}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, phones }) => (
            <tr key={name ?? ''}>
              <th scope="row">
                <span className="barred">
                  <span>{label(name)}</span>
                  <svg className="bar thin" aria-hidden="true">
                    <rect className="f-track" width="100%" height="100%" />
                    <rect className="f-hold" width={`${(phones.all / top) * 100}%`} height="100%" />
                  </svg>
                </span>
              </th>
              <Cells phones={phones} bold />
            </tr>
          ))}
        </tbody>
        {total === null ? null : (
          <tfoot>
            <tr>
              <th scope="row">{t.policy.impact.all}</th>
              <Cells phones={total} bold={false} />
            </tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}
