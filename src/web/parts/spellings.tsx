// Owns the spellings of a device and the names of its user: a decision covers all of them.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { t } from '../texts/texts.ts';
import { Panel } from './panel.tsx';

type Details = AnswerOf<'showDevice'>;

/** The panel. */
export function Spellings({
  details,
  partnership,
  aliases,
}: {
  details: Details;
  partnership: Details['partnerships'][number] | null;
  /** Other names of the user. */
  aliases: readonly string[];
}): ReactElement {
  const seen = new Set((partnership?.record['spellings'] as readonly string[] | undefined) ?? []);
  const ids = [...new Set([details.key, ...seen, ...details.aliases])];
  const names = partnership === null ? [] : [...new Set([partnership.record.user, ...aliases])];
  return (
    <Panel
      id="spellings"
      title={t.device.spellings.title}
      mark={<span className="age">{t.device.spellings.mark}</span>}
    >
      <ul className="list">
        <li>
          <h3>{t.device.spellings.device}</h3>
          {ids.map((id) => (
            <p className="mono sm t2 break" key={id}>
              {id} {seen.has(id) ? <span className="t3">{t.device.spellings.seenAs}</span> : null}
            </p>
          ))}
        </li>
        {names.length === 0 ? null : (
          <li>
            <h3>{t.device.spellings.user}</h3>
            {names.map((name) => (
              <p className="mono sm t2 break" key={name}>
                {name}
              </p>
            ))}
          </li>
        )}
      </ul>
    </Panel>
  );
}
