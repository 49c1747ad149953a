// Owns the health strip: the weakest member of each part decides, and words say what.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';

type Parts = AnswerOf<'showOverview'>['health'];

/** All parts. */
export function Health({ health }: { health: Parts }): ReactElement {
  const shown = (Object.keys(t.health) as (keyof Parts)[]).filter((name) => health[name].state !== 'off');
  return (
    <ul className="health" aria-label={t.healthTitle}>
      {shown.map((name) => {
        const { state, text } = health[name];
        const look = state === 'good' ? 'allow' : state === 'bad' ? 'block' : 'hold';
        return (
          <li key={name} className={state === 'good' ? undefined : 'bad'}>
            <div className="part">
              <span className={`c-${look}`}>
                <Icon name={state === 'good' ? 'check' : 'warn'} />
              </span>
              <b>{t.health[name]}</b>
              <span className="d">{text}</span>
            </div>
          </li>
        );
      })}
    </ul>
  );
}
