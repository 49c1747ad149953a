// Owns the head of a page: title, one line of context, tools on the right; and the title of the window.
import { useEffect } from 'react';
import type { ReactElement, ReactNode } from 'react';

/** Sets the title of the window. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · easgate`;
  }, [title]);
}

/** `keep` = the tools stay beside the title also on phones. */
export function PageHead({
  title,
  children,
  tools,
  keep,
}: {
  title: string;
  children?: ReactNode;
  tools?: ReactNode;
  keep?: boolean;
}): ReactElement {
  useTitle(title);
  return (
    <div className={keep === true ? 'head keep' : 'head'}>
      <div>
        <h1>{title}</h1>
        {children === undefined ? null : <p>{children}</p>}
      </div>
      {tools === undefined ? null : <div className="tools">{tools}</div>}
    </div>
  );
}
