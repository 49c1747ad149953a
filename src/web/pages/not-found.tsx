// Owns the answer to an address without a page.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import { Blank } from '../parts/trouble.tsx';
import { t } from '../texts/texts.ts';

/** The page, with a link to the overview. */
export function NotFoundPage(): ReactElement {
  return (
    <section className="panel">
      <Blank
        icon="search"
        title={t.notFound.title}
        isPage
        actions={
          <Link className="btn" href="/">
            {t.notFound.back}
          </Link>
        }
      >
        {t.notFound.text}
      </Blank>
    </section>
  );
}
