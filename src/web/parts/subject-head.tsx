// Owns the head of the page of a device or a user: its name, facts in one line, buttons; below them what was decided.
import type { ReactElement, ReactNode } from 'react';
import { t } from '../texts/texts.ts';
import { Copy } from './copy.tsx';
import { Icon } from './icon.tsx';

/** `copied`: the text that is copied by a click. */
export function SubjectHead({
  label,
  name,
  copied,
  facts,
  buttons,
  children,
}: {
  label: string;
  name: string;
  copied: string;
  facts: ReactNode;
  buttons: ReactNode;
  children: ReactNode;
}): ReactElement {
  return (
    <section className="panel" aria-label={label}>
      <div className="ident">
        <div>
          <h1>{name}</h1>
          <div className="sumline">
            <Copy text={copied} />
            {facts}
          </div>
        </div>
        <div className="row">{buttons}</div>
      </div>
      {children}
    </section>
  );
}

/** What the button of the menu with further actions says. */
export const MORE = (
  <>
    {t.device.more}
    <Icon name="down" small />
  </>
);
