// Owns the problems of a document below the editor: sentence, place, suggestion as a button.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { sentenceOf, withSuggestion } from './policy-text.ts';
import type { Problem } from './policy-text.ts';

const AT_FIRST = 5;
const texts = t.policy.editor;

function Item({
  text,
  problem,
  go,
  change,
}: {
  text: string;
  problem: Problem;
  go: (problem: Problem) => void;
  change: ((text: string) => void) | null;
}): ReactElement {
  const { severity, path, line, column, suggestion } = problem;
  const better = change === null ? null : withSuggestion(text, problem);
  return (
    <li className={`lint ${severity}`}>
      <Icon name={severity === 'error' ? 'x' : 'warn'} />
      <span>
        <b className="break">{sentenceOf(problem)}</b>{' '}
        {suggestion === null ? null : <>{texts.meant(suggestion)} </>}
        {line === null || column === null ? (
          <span className="t3 mono">{path}</span>
        ) : (
          <button className="place" type="button" onClick={() => go(problem)}>
            {texts.at(line, column)}
          </button>
        )}
      </span>
      {better === null || suggestion === null ? null : (
        <button className="btn small" type="button" onClick={() => change?.(better)}>
          {texts.use(suggestion)}
        </button>
      )}
    </li>
  );
}

/** `change` = null: the document cannot be changed here. */
export function PolicyProblems({
  text,
  problems,
  go,
  change,
}: {
  text: string;
  problems: readonly Problem[];
  go: (problem: Problem) => void;
  change: ((text: string) => void) | null;
}): ReactElement | null {
  const [isAll, setAll] = useState(false);
  if (problems.length === 0) return null;
  // What stops publishing stands first.
  const sorted = problems.toSorted((a, b) => Number(a.severity !== 'error') - Number(b.severity !== 'error'));
  const shown = isAll ? sorted : sorted.slice(0, AT_FIRST);
  return (
    <ul className="lints" aria-label={texts.list}>
      {shown.map((problem, index) => (
        <Item key={index} text={text} problem={problem} go={go} change={change} />
      ))}
      {shown.length === sorted.length ? null : (
        <li>
          <button className="btn small" type="button" onClick={() => setAll(true)}>
            {texts.more(sorted.length - shown.length)}
          </button>
        </li>
      )}
    </ul>
  );
}

/** One line: how many problems and warnings there are. */
export function ProblemCount({
  id,
  problems,
}: {
  id: string;
  problems: readonly Problem[] | null;
}): ReactElement {
  const count = (severity: Problem['severity']): number =>
    (problems ?? []).filter((problem) => problem.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (problems === null) return <span className="sm t3" id={id} role="status" />;
  if (errors > 0)
    return (
      <span className="err" id={id} role="status">
        <Icon name="x" />
        {texts.problems(errors)}
      </span>
    );
  return (
    <span className="sm t3" id={id} role="status" title={number(warnings)}>
      {warnings === 0 ? texts.noProblems : texts.warnings(warnings)}
    </span>
  );
}
