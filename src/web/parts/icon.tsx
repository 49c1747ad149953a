// Owns icons: symbols of the sprite in index.html. An icon is decoration; the words beside it carry the meaning.
import type { ReactElement } from 'react';

/** Names of the symbols, without their `i-`. */
export type IconName =
  | 'access'
  | 'check'
  | 'clock'
  | 'cloudoff'
  | 'columns'
  | 'copy'
  | 'dots'
  | 'down'
  | 'eye'
  | 'feed'
  | 'flag'
  | 'info'
  | 'journal'
  | 'left'
  | 'lock'
  | 'mail'
  | 'overview'
  | 'pause'
  | 'pen'
  | 'phone'
  | 'plus'
  | 'policy'
  | 'print'
  | 'report'
  | 'right'
  | 'save'
  | 'search'
  | 'swap'
  | 'sync'
  | 'system'
  | 'theme'
  | 'up'
  | 'users'
  | 'warn'
  | 'x';

/** One icon; `small` = 12 px instead of 16. */
export function Icon({
  name,
  small,
  className,
}: {
  name: IconName;
  small?: boolean;
  className?: string;
}): ReactElement {
  const classes = ['i', small === true ? 'sm' : '', className ?? ''].filter((part) => part !== '').join(' ');
  return (
    <svg className={classes} viewBox="0 0 16 16" aria-hidden="true">
      <use href={`#i-${name}`} />
    </svg>
  );
}

/** The mark of easgate. */
export function Mark(): ReactElement {
  return (
    <svg
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M3 17V8.5a7 7 0 0 1 14 0V17" />
      <path d="M7.5 10.5 9.4 12.5 13 8.5" />
    </svg>
  );
}
