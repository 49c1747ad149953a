// Owns the editor of the policy: a text area above the same text with line numbers, colours and wavy marks.
import { memo, useLayoutEffect, useMemo, useState } from 'react';
import type { ReactElement, RefObject } from 'react';
import { t } from '../texts/texts.ts';
import { piecesOf, placeOf } from './policy-text.ts';
import type { Problem } from './policy-text.ts';

/** Longer texts are shown without colours and marks. */
const MAX_COLOURED = 100_000;
const NO_PROBLEMS: readonly Problem[] = [];

const Line = memo(function Line({
  line,
  problems,
  isChanged,
}: {
  line: string;
  problems: readonly Problem[];
  isChanged: boolean;
}): ReactElement {
  const isBad = problems.some(({ severity }) => severity === 'error');
  const pieces = piecesOf(line, problems);
  return (
    <li className={`${isBad ? 'bad' : ''}${isChanged ? ' add' : ''}`}>
      <span>
        {pieces.map(({ text, look, severity }, index) => {
          const word = look === null ? text : <span className={look}>{text}</span>;
          return severity === null ? (
            <span key={index}>{word}</span>
          ) : (
            <mark key={index} className={severity}>
              {word}
            </mark>
          );
        })}
        {'\n'}
      </span>
    </li>
  );
});

/** `changed` = numbers of lines that are not in what is in use. */
export function PolicyEditor({
  text,
  problems,
  changed,
  isReadOnly,
  area,
  onChange,
  onCheck,
}: {
  text: string;
  problems: readonly Problem[];
  changed: ReadonlySet<number>;
  isReadOnly: boolean;
  area: RefObject<HTMLTextAreaElement | null>;
  onChange: (text: string) => void;
  onCheck: () => void;
}): ReactElement {
  const lines = useMemo(() => text.split('\n'), [text]);
  const byLine = useMemo(() => {
    const map = new Map<number, Problem[]>();
    for (const problem of problems)
      if (problem.line !== null) map.set(problem.line, [...(map.get(problem.line) ?? []), problem]);
    return map;
  }, [problems]);
  const isColoured = text.length <= MAX_COLOURED;
  return (
    <div className={isColoured ? 'editor' : 'editor plain'}>
      <div className="sheet">
        {isColoured ? (
          <ol aria-hidden="true">
            {lines.map((line, index) => (
              <Line
                key={index}
                line={line}
                problems={byLine.get(index + 1) ?? NO_PROBLEMS}
                isChanged={changed.has(index + 1)}
              />
            ))}
          </ol>
        ) : (
          <pre aria-hidden="true">{`${text}\n`}</pre>
        )}
        <textarea
          ref={area}
          aria-label={t.policy.editor.label}
          aria-invalid={problems.some(({ severity }) => severity === 'error')}
          value={text}
          readOnly={isReadOnly}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          autoCorrect="off"
          wrap="off"
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            onCheck();
          }}
        />
      </div>
    </div>
  );
}

/** Where the caret is. */
export function Caret({ area }: { area: RefObject<HTMLTextAreaElement | null> }): ReactElement {
  const [place, setPlace] = useState({ line: 1, column: 1 });
  useLayoutEffect(() => {
    const read = (): void => {
      const { current } = area;
      if (current !== null && document.activeElement === current)
        setPlace(placeOf(current.value, current.selectionStart));
    };
    document.addEventListener('selectionchange', read);
    return () => document.removeEventListener('selectionchange', read);
  }, [area]);
  return <span className="mono sm">{t.policy.editor.place(place.line, place.column)}</span>;
}
