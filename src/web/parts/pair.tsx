// Owns one line of a list of titles and values.
import type { ReactElement, ReactNode } from 'react';

/** Within a `dl`. */
export function Pair({ title, children }: { title: string; children: ReactNode }): ReactElement {
  return (
    <div className="pair">
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}
