// Owns the requests that failed: why, how many, and how many lately.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';
import { TableHead } from './table-head.tsx';

const texts = t.system.failures;

/** The panel. */
export function FailurePanel({ status }: { status: AnswerOf<'showStatus'> }): ReactElement {
  const { traffic } = status;
  const failures = traffic?.failures ?? [];
  const { column } = texts;
  return (
    <Panel title={texts.title}>
      {failures.length === 0 ? (
        <p className="body t2">{traffic === null ? t.system.unknown : texts.none}</p>
      ) : (
        <div className="tw">
          <table className="plain cards wrap">
            <caption className="vh">{texts.caption}</caption>
            <TableHead
              titles={[column.code, column.meaning, [column.lastMinute, 'num'], [column.count, 'num']]}
            />
            <tbody>
              {failures.map(({ code, meaning, count, lastMinute }) => (
                <tr key={code}>
                  <th scope="row" className="full mono break">
                    {code}
                  </th>
                  <td className="full">{meaning}</td>
                  <td className="num" data-l={column.lastMinute}>
                    {lastMinute === 0 ? (
                      number(lastMinute)
                    ) : (
                      <span className="age stale">
                        <Icon name="warn" />
                        {number(lastMinute)}
                      </span>
                    )}
                  </td>
                  <td className="num" data-l={column.count}>
                    {number(count)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
