// Owns the foot of a list: how many rows are shown, of how many, as of when; and what stands in the way of more.
import type { ReactElement } from 'react';
import type { Pages } from '../client/use-pages.ts';
import { clockTime, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { Time } from './time.tsx';

/** `total` = null: not known. */
export function ListFoot<Row>({ pages, total }: { pages: Pages<Row>; total: number | null }): ReactElement {
  const shown = number(pages.rows.length);
  return (
    <footer>
      <span>
        {total === null
          ? pages.hasMore
            ? t.list.soFar(t.counted.rows(pages.rows.length, shown))
            : t.counted.rows(pages.rows.length, shown)
          : t.list.shownOf(shown, number(Math.max(total, pages.rows.length)))}
      </span>
      {pages.asOf === null ? null : (
        <span className="age">
          {t.list.asOf} <Time iso={pages.asOf} form={clockTime} />
        </span>
      )}
      {pages.isFull ? <span>{t.list.tooMany(shown)}</span> : null}
      {pages.loadingMore ? <span className="t3">{t.list.loading}…</span> : null}
      {pages.moreError === null ? null : (
        <span className="err">
          <Icon name="x" />
          {t.list.failedMore}
          <button className="btn small" type="button" onClick={pages.loadMore}>
            {t.trouble.retry}
          </button>
        </span>
      )}
    </footer>
  );
}

/** The button that shows newer rows: until it is pressed, the rows keep their places. */
export function NewRows({ count, show }: { count: number; show: () => void }): ReactElement | null {
  if (count === 0) return null;
  return (
    <button
      className="newrows"
      type="button"
      onClick={() => {
        show();
        // The button goes away.
        document.getElementById('main')?.focus({ preventScroll: true });
      }}
    >
      <Icon name="up" small />
      {t.list.newer(t.counted.rows(count, number(count)))}
    </button>
  );
}
