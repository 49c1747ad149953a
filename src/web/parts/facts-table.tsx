// Owns the facts of a device by source and age: in effect, since when, and what each feed and the phone say.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { since as sinceText } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Dash, Time } from './time.tsx';

type Details = AnswerOf<'showDevice'>;
type Report = Readonly<Record<string, unknown>>;

/** Fields in the order of their rows; the time since when one is not met; the field of what the phone told. */
const FIELDS: readonly (readonly [string, string | null, string | null])[] = [
  ['managed', 'managedUnmetSince', null],
  ['compliant', 'compliantUnmetSince', null],
  ['encrypted', 'encryptedUnmetSince', null],
  ['compromised', 'compromisedUnmetSince', null],
  ['managedMailProfile', 'mailProfileUnmetSince', null],
  ['os', null, 'os'],
  ['osVersion', null, null],
  ['platform', null, null],
  ['model', null, 'model'],
  ['manufacturer', null, null],
  ['serialNumber', null, null],
  ['imei', null, 'imei'],
  ['ownership', null, null],
  ['owner', null, null],
  ['lastCheckIn', null, null],
  ['graceUntil', null, null],
];
const TIMES = new Set(['lastCheckIn', 'graceUntil']);
/** Values that hold a device back. */
const BAD: Readonly<Record<string, boolean>> = {
  managed: false,
  compliant: false,
  encrypted: false,
  compromised: true,
  managedMailProfile: false,
};

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

/** `isOwn` = of one source: what is bad is red only where it is in effect. */
function Value({ field, value, isOwn }: { field: string; value: unknown; isOwn?: boolean }): ReactElement {
  if (!isThere(value)) return <Dash />;
  if (TIMES.has(field) && typeof value === 'string') return <Time iso={value} ago />;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return isOwn !== true && BAD[field] === value ? <span className="c-block">{text}</span> : <>{text}</>;
}

/** The table; nothing where nobody reported anything. */
export function FactsTable({ details }: { details: Details }): ReactElement {
  const record = (details.record ?? {}) as Report;
  const reports = details.reports as readonly Report[];
  const phone = (details.partnerships[0]?.record ?? {}) as Report;
  const attributes = Object.entries((record['attributes'] ?? {}) as Report);
  const shown = FIELDS.filter(
    ([field, , told]) =>
      isThere(record[field]) ||
      reports.some((report) => isThere(report[field])) ||
      (told !== null && isThere(phone[told])),
  );
  return (
    <div className="tw">
      <table className="facts plain cards">
        <thead>
          <tr>
            <th scope="col">{t.device.facts.fact}</th>
            <th scope="col">{t.device.facts.inEffect}</th>
            {reports.map((report) => (
              <th scope="col" key={String(report['source'])}>
                {String(report['source'])} <Time className="age" iso={report['observedAt'] as string} />
              </th>
            ))}
            <th scope="col">
              {t.device.facts.phone}{' '}
              <Time className="age" iso={(phone['lastSeen'] as string | undefined) ?? null} />
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(([field, since, told]) => {
            const unmet = since === null ? null : (record[since] as string | null);
            return (
              <tr key={field}>
                <th scope="row">{field}</th>
                <td className="used">
                  <Value field={field} value={record[field] ?? (told === null ? null : phone[told])} />{' '}
                  {isThere(unmet) && BAD[field] === record[field] ? (
                    <span className="t3">
                      {t.device.facts.since} <Time iso={unmet} form={sinceText} />
                    </span>
                  ) : null}
                </td>
                {reports.map((report) => {
                  const own = report[field];
                  const source = String(report['source']);
                  const wins = isThere(own) && own === record[field];
                  return (
                    <td
                      key={source}
                      data-l={source}
                      className={`${wins ? '' : 'lose'}${isThere(own) ? '' : ' none'}`}
                    >
                      <Value field={field} value={own} isOwn />
                    </td>
                  );
                })}
                <td
                  data-l={t.device.facts.phone}
                  className={told !== null && isThere(phone[told]) ? 'lose' : 'lose none'}
                >
                  {told === null ? <Dash /> : <Value field="" value={phone[told]} />}
                </td>
              </tr>
            );
          })}
          {attributes.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="used">
                <Value field="" value={value} />
              </td>
              {reports.map((report) => {
                const own = ((report['attributes'] ?? {}) as Report)[name];
                return (
                  <td
                    key={String(report['source'])}
                    data-l={String(report['source'])}
                    className={isThere(own) ? '' : 'lose none'}
                  >
                    <Value field="" value={own} />
                  </td>
                );
              })}
              <td className="lose none">
                <Dash />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
