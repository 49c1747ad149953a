// Owns what feeds report of a user: other names, groups, account, attributes; each by source and age.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { t } from '../texts/texts.ts';
import { Dash, Time } from './time.tsx';

type Details = AnswerOf<'showUser'>;
/** Of one feed, or of all together. */
type Report = Pick<Details['reports'][number], 'aliases' | 'groups' | 'enabled' | 'attributes'>;

const texts = t.user.facts;

const accountText = ({ enabled }: Report): string =>
  enabled === null ? '' : enabled ? texts.enabled : texts.disabled;

interface Fact {
  readonly name: string;
  readonly textOf: (report: Report) => string;
  /** Holds the user back. */
  readonly isBad?: (report: Report) => boolean;
}

function factsOf({ record, reports }: Details): readonly Fact[] {
  const attributes = new Set(
    [...(record === null ? [] : [record]), ...reports].flatMap((report) =>
      Object.keys(report.attributes ?? {}),
    ),
  );
  return [
    { name: texts.account, textOf: accountText, isBad: ({ enabled }) => enabled === false },
    { name: texts.groups, textOf: ({ groups }) => groups?.join(', ') ?? '' },
    { name: texts.names, textOf: ({ aliases }) => aliases?.join(', ') ?? '' },
    ...[...attributes].map((name) => ({
      name,
      textOf: ({ attributes: own }: Report): string => {
        const value = own?.[name];
        return value === null || value === undefined
          ? ''
          : typeof value === 'string'
            ? value
            : JSON.stringify(value);
      },
    })),
  ];
}

/** The table. */
export function UserFacts({ details }: { details: Details }): ReactElement {
  const { record, reports, names } = details;
  if (record === null) return <p className="body t2">{texts.none}</p>;
  return (
    <>
      <div className="tw">
        <table className="facts people plain wrap cards">
          <thead>
            <tr>
              <th scope="col">{texts.fact}</th>
              <th scope="col">{texts.inEffect}</th>
              {reports.map((report) => (
                <th scope="col" key={`${report.source} ${report.key}`}>
                  {report.source} <Time className="age" iso={report.observedAt} />
                  {reports.every(({ key }) => key === report.key) ? null : (
                    <span className="age break"> {report.key}</span>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {factsOf(details).map(({ name, textOf, isBad }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="used break">
                  {textOf(record) === '' ? (
                    <Dash />
                  ) : (
                    <span className={isBad?.(record) === true ? 'c-block' : ''}>{textOf(record)}</span>
                  )}
                </td>
                {reports.map((report) => (
                  <td
                    key={`${report.source} ${report.key}`}
                    data-l={report.source}
                    className={`break ${textOf(report) === textOf(record) ? '' : 'lose'}${textOf(report) === '' ? ' none' : ''}`}
                  >
                    {textOf(report) === '' ? <Dash /> : textOf(report)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {names.length === 0 ? null : (
        <p className="body top sm break">
          <span className="t2">{texts.seenNames}:</span> {names.join(', ')}
        </p>
      )}
    </>
  );
}
