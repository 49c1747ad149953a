// Owns the lines in which two texts differ, with some lines around them.
import { useMemo } from 'react';
import type { ReactElement } from 'react';
import { t } from '../texts/texts.ts';
import { lineDiff, nearChanges } from './line-diff.ts';

const SIGNS = { same: ' ', added: '+', removed: '−' } as const;

/** The lines; `same` is shown where the texts do not differ. */
export function TextDiff({ before, after }: { before: string; after: string }): ReactElement {
  const lines = useMemo(() => nearChanges(lineDiff(before, after)), [before, after]);
  if (lines.every((line) => line === null)) return <p className="body top t2">{t.policy.history.same}</p>;
  return (
    // A region that scrolls must be reachable by key.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="editor diffs" tabIndex={0} role="region" aria-label={t.policy.diff.caption}>
      <ol>
        {lines.map((line, index) =>
          line === null ? (
            <li key={index} className="left" aria-hidden="true">
              <span>{t.policy.diff.left}</span>
            </li>
          ) : (
            <li key={index} className={line.kind} data-line={line.after ?? line.before}>
              <span>
                {SIGNS[line.kind]}{' '}
                {line.kind === 'same' ? null : <span className="vh">{t.policy.diff[line.kind]} </span>}
                {line.text}
                {'\n'}
              </span>
            </li>
          ),
        )}
      </ol>
    </div>
  );
}
