// Owns the panel: head with an age or live mark, body, foot.
import { useId } from 'react';
import type { ReactElement, ReactNode } from 'react';

/** A part of a page with a heading. */
export function Panel({
  title,
  id,
  mark,
  children,
  foot,
  className,
}: {
  title: string;
  /** For links to it. */
  id?: string;
  /** At the right of the head. */
  mark?: ReactNode;
  children: ReactNode;
  foot?: ReactNode;
  className?: string;
}): ReactElement {
  const heading = useId();
  return (
    <section
      className={className === undefined ? 'panel' : `panel ${className}`}
      id={id}
      aria-labelledby={heading}
    >
      <header>
        <h2 id={heading}>{title}</h2>
        {mark}
      </header>
      {children}
      {foot === undefined ? null : <footer>{foot}</footer>}
    </section>
  );
}

/** Whether numbers come in by themselves. */
export function Live({ on, text }: { on: boolean; text: string }): ReactElement {
  return (
    <span className={on ? 'live push' : 'live paused push'} role="status">
      <i />
      <span>{text}</span>
    </span>
  );
}
