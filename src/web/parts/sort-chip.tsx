// Owns the order of a list on phones, where the head of the table is gone.
import type { ReactElement } from 'react';
import { t } from '../texts/texts.ts';
import type { Column } from './data-table.tsx';
import { Menu, MenuCheck, MenuGroup } from './menu.tsx';

/** The chip. */
export function SortChip<Row>({
  columns,
  sort,
  onSort,
}: {
  columns: readonly Column<Row>[];
  sort: string;
  onSort: (sort: string) => void;
}): ReactElement {
  const by = sort.replace(/^-/, '');
  const current = columns.find((column) => column.sort === by);
  return (
    <span className="chip only-phone">
      <Menu
        className=""
        button={
          <>
            {t.list.sort} <b>{current?.title ?? by}</b>
          </>
        }
      >
        <MenuGroup title={t.list.sort}>
          {columns.flatMap((column) =>
            column.sort === undefined
              ? []
              : [
                  <MenuCheck
                    key={column.key}
                    checked={column.sort === by}
                    onChange={() =>
                      onSort(sort === `-${column.sort}` ? (column.sort ?? by) : `-${column.sort}`)
                    }
                  >
                    {column.title}
                  </MenuCheck>,
                ],
          )}
        </MenuGroup>
      </Menu>
    </span>
  );
}
