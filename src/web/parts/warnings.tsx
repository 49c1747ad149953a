// Owns the standing warnings: they go when their cause goes. The whole row leads to where one can do something about it.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { since } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { Time } from './time.tsx';

type Warning = AnswerOf<'showOverview'>['warnings'][number];

function Content({ warning }: { warning: Warning }): ReactElement {
  return (
    <>
      <Icon name="warn" />
      <span>
        <b>{warning.text}</b>{' '}
        {warning.since === null ? null : (
          <>
            {t.overview.since} <Time iso={warning.since} form={since} />
          </>
        )}
      </span>
    </>
  );
}

/** Nothing where there is none. */
export function Warnings({ warnings }: { warnings: readonly Warning[] }): ReactElement | null {
  if (warnings.length === 0) return null;
  return (
    <ul className="notes" aria-label={t.overview.warnings}>
      {warnings.map((warning) => (
        <li key={`${warning.code} ${warning.text}`}>
          {warning.page === null ? (
            <div className="note">
              <Content warning={warning} />
            </div>
          ) : (
            <Link className="note" href={`/${warning.page.replace(/^\//, '')}`}>
              <Content warning={warning} />
              <span className="act">{t.overview.see}</span>
              <Icon name="right" small />
            </Link>
          )}
        </li>
      ))}
    </ul>
  );
}
