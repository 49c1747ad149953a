// Owns the head of a plain table.
import type { ReactElement } from 'react';

/** A title, or with the class of its cells and what is shown when one points at it. */
type Title = string | readonly [title: string, className?: string | undefined, hint?: string];

/** `actions`: the title of the column with buttons, for screen readers; absent = there is none. */
export function TableHead({ titles, actions }: { titles: readonly Title[]; actions?: string }): ReactElement {
  return (
    <thead>
      <tr>
        {titles.map((each) => {
          const [title, className, hint] = typeof each === 'string' ? [each] : each;
          return (
            <th key={title} scope="col" className={className} title={hint}>
              {title}
            </th>
          );
        })}
        {actions === undefined ? null : (
          <th scope="col">
            <span className="vh">{actions}</span>
          </th>
        )}
      </tr>
    </thead>
  );
}
