// Owns the table of a long list: sticky head, virtual rows, sorting, selection, keys. On narrow panels a row becomes a card
// (the classes p-* of a column give its place), and the page scrolls instead of the panel.
import { useEffect, useRef, useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { useKeys } from '../frame/keys.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { useRows } from './use-rows.ts';

/** A column. */
export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  /** The field that the API sorts by; absent = it cannot. */
  readonly sort?: string;
  /** Of the head and of the cells. */
  readonly className?: string;
  readonly cell: (row: Row) => ReactNode;
  /** The whole text, for the hover. */
  readonly hover?: (row: Row) => string;
}

/** What has been ticked. */
export interface Selection {
  readonly keys: ReadonlySet<string>;
  readonly change: (keys: ReadonlySet<string>) => void;
}

interface DataTableProps<Row> {
  readonly caption: string;
  readonly className?: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** All rows that match, also those that are not loaded; null = not known. */
  readonly total: number | null;
  readonly keyOf: (row: Row) => string;
  /** For readers: "Select …", "Actions for …". */
  readonly nameOf: (row: Row) => string;
  readonly sort?: string;
  readonly onSort?: (sort: string) => void;
  readonly selection?: Selection;
  readonly actions?: (row: Row) => ReactNode;
  readonly onOpen?: (row: Row) => void;
  /** Shows why a row is in its state. */
  readonly onExplain?: (row: Row) => void;
  /** Called when the last rows come into view. */
  readonly onEnd?: () => void;
}

function HeadCell<Row>({
  column,
  sort,
  onSort,
}: {
  column: Column<Row>;
  sort: string;
  onSort: ((sort: string) => void) | undefined;
}): ReactElement {
  const field = column.sort;
  if (field === undefined || onSort === undefined)
    return (
      <th scope="col" className={column.className}>
        {column.title}
      </th>
    );
  const isBy = sort === field || sort === `-${field}`;
  const isDown = sort.startsWith('-');
  return (
    <th
      scope="col"
      className={column.className}
      aria-sort={isBy ? (isDown ? 'descending' : 'ascending') : undefined}
    >
      <button type="button" onClick={() => onSort(isBy && isDown ? field : `-${field}`)}>
        {column.title}
        {isBy ? <Icon name={isDown ? 'down' : 'up'} small /> : null}
      </button>
    </th>
  );
}

function toggled(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next;
}

/** The table. */
export function DataTable<Row>(props: DataTableProps<Row>): ReactElement {
  const { caption, className, columns, rows, total, keyOf, nameOf, selection, actions, onEnd } = props;
  const [at, setAt] = useState(-1);
  const frame = useRef<HTMLDivElement>(null);
  const virtual = useRows(frame, rows.length);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  const before = items[0]?.start ?? 0;
  const after = Math.max(0, virtual.getTotalSize() - (items.at(-1)?.end ?? 0));
  const margin = virtual.options.scrollMargin;

  useEffect(() => {
    if (last >= rows.length - 20) onEnd?.();
  }, [last, rows.length, onEnd]);
  useEffect(() => setAt((now) => Math.min(now, rows.length - 1)), [rows.length]);

  // The row that a key led to gets the focus, once it is drawn: readers say it, Enter opens its link, and Tab goes on from it.
  const isMoved = useRef(false);
  const focusRow = (index: number): boolean => {
    const drawn = frame.current?.querySelector(`tr[data-index="${index}"]`) ?? null;
    drawn?.querySelector('a')?.focus({ preventScroll: true });
    return drawn !== null;
  };
  const move = (step: number): void => {
    if (rows.length === 0) return;
    const next = Math.max(0, Math.min(rows.length - 1, at + step));
    virtual.scrollToIndex(next, { align: 'auto' });
    // There is no further row, and nothing is drawn anew: a later drawing must not take the focus from where it is by then.
    if (next === at && focusRow(at)) return;
    isMoved.current = true;
    setAt(next);
  };
  useEffect(() => {
    if (isMoved.current && focusRow(at)) isMoved.current = false;
  });
  const row = rows[at];
  useKeys({
    j: () => move(1),
    k: () => move(at < 0 ? 1 : -1),
    x: () => {
      if (row !== undefined && selection !== undefined) selection.change(toggled(selection.keys, keyOf(row)));
    },
    e: () => {
      if (row !== undefined) props.onExplain?.(row);
    },
    Enter: (event) => {
      const target = event.target as HTMLElement;
      if (row !== undefined && target.closest('a,button') === null) props.onOpen?.(row);
    },
  });

  const all =
    selection !== undefined && rows.length > 0 && rows.every((each) => selection.keys.has(keyOf(each)));
  const width = columns.length + (selection === undefined ? 0 : 1) + (actions === undefined ? 0 : 1);
  return (
    <div className="tw rows" ref={frame}>
      <table className={`${className ?? ''} cards`} aria-rowcount={(total ?? -2) + 1}>
        <caption className="vh">{caption}</caption>
        <thead>
          <tr>
            {selection === undefined ? null : (
              <th scope="col">
                <input
                  type="checkbox"
                  aria-label={t.list.selectAll}
                  checked={all}
                  onChange={() => selection.change(all ? new Set() : new Set(rows.map(keyOf)))}
                />
              </th>
            )}
            {columns.map((column) => (
              <HeadCell key={column.key} column={column} sort={props.sort ?? ''} onSort={props.onSort} />
            ))}
            {actions === undefined ? null : (
              <th scope="col">
                <span className="vh">{t.list.actions}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {before - margin > 0 ? (
            <tr className="gap" aria-hidden="true">
              <td colSpan={width} style={{ height: before - margin }} />
            </tr>
          ) : null}
          {items.map((item) => {
            const each = rows[item.index];
            if (each === undefined) return null;
            const key = keyOf(each);
            const isChosen = selection?.keys.has(key) === true;
            const name = nameOf(each);
            return (
              <tr
                key={key}
                ref={virtual.measureElement}
                data-index={item.index}
                aria-rowindex={item.index + 2}
                onFocus={() => setAt(item.index)}
                className={`${isChosen ? 'sel' : ''}${item.index === at ? ' at' : ''}`}
              >
                {selection === undefined ? null : (
                  <td className="off-phone">
                    <input
                      type="checkbox"
                      aria-label={t.list.select(name)}
                      checked={isChosen}
                      onChange={() => selection.change(toggled(selection.keys, key))}
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <td key={column.key} className={column.className} title={column.hover?.(each)}>
                    {column.cell(each)}
                  </td>
                ))}
                {actions === undefined ? null : <td className="act off-phone">{actions(each)}</td>}
              </tr>
            );
          })}
          {after > 0 ? (
            <tr className="gap" aria-hidden="true">
              <td colSpan={width} style={{ height: after }} />
            </tr>
          ) : null}
        </tbody>
      </table>
    </div>
  );
}
