// Owns the list of users: search, filters, rows, decisions on one user with every device.
import { useMemo } from 'react';
import type { ReactElement } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { QueryOf } from '../../api/contract/operations.ts';
import { addressOf } from '../client/call.ts';
import { usePages } from '../client/use-pages.ts';
import { DataTable } from '../parts/data-table.tsx';
import { FilterChips, useFilters } from '../parts/filters.tsx';
import { Icon } from '../parts/icon.tsx';
import { ListFoot, NewRows } from '../parts/list-foot.tsx';
import { MenuItem } from '../parts/menu.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { SearchBox } from '../parts/search-box.tsx';
import { SortChip } from '../parts/sort-chip.tsx';
import { Blank, ChangeTrouble, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { useDecideUser } from '../parts/use-decide.ts';
import { USER_FILTERS, USER_FILTER_KEYS, userColumns, userRowKey } from '../parts/user-columns.tsx';
import type { UserRow } from '../parts/user-columns.tsx';
import { userHref } from '../parts/user-href.ts';
import { UserMenu } from '../parts/user-menu.tsx';
import { t } from '../texts/texts.ts';

const FIRST_SORT = 'user';
const PAGE_ROWS = 100;

const VIEWS: readonly (readonly [keyof typeof t.users.view, Readonly<Record<string, string>>])[] = [
  ['all', {}],
  ['refused', { state: 'quarantined,blocked' }],
  ['many', { minDevices: '5' }],
  ['notSeen', { notSeen: '30d' }],
];

function Views({ values }: { values: Readonly<Record<string, string>> }): ReactElement {
  const { search: _, ...own } = values;
  const current = new URLSearchParams(own).toString();
  return (
    <nav className="tabs" aria-label={t.users.views}>
      {VIEWS.map(([key, wanted]) => {
        const query = new URLSearchParams(wanted).toString();
        return (
          <Link key={key} href={`/users?${query}`} aria-current={query === current ? 'page' : undefined}>
            {t.users.view[key]}
          </Link>
        );
      })}
    </nav>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }): ReactElement {
  if (!isFiltered)
    return (
      <Blank icon="users" title={t.users.emptyTitle}>
        {t.users.emptyText}
      </Blank>
    );
  const all = (
    <Link className="btn" href="/users">
      {t.users.noneButton}
    </Link>
  );
  return (
    <Blank icon="search" title={t.users.noneTitle} actions={all}>
      {t.users.noneText}
    </Blank>
  );
}

/** The page. */
export function UsersPage(): ReactElement {
  const [, go] = useLocation();
  const [search, setSearch] = useSearchParams();
  const filters = useFilters(USER_FILTER_KEYS);
  const sort = search.get('sort') ?? FIRST_SORT;
  const query: QueryOf<'listUsers'> = useMemo(
    () => ({ ...filters.values, sort, limit: PAGE_ROWS }),
    [filters.values, sort],
  );
  const pages = usePages('listUsers', query, userRowKey);
  const decide = useDecideUser(pages.reload);
  const { doneFor } = decide;
  const columns = useMemo(() => userColumns(({ user }) => doneFor({ user })), [doneFor]);
  const open = (row: UserRow): void => go(userHref(row.user));
  const setSort = (next: string): void => {
    setSearch((before) => {
      const after = new URLSearchParams(before);
      after.set('sort', next);
      return after;
    });
  };
  const csv = addressOf('exportRows', { what: 'users' }, { ...filters.values, sort, format: 'csv' });
  const tools = (
    <a className="btn" href={csv} download>
      <Icon name="save" />
      {t.users.csv}
    </a>
  );
  return (
    <>
      <PageHead title={t.pages.users} tools={tools}>
        {t.users.lead}
      </PageHead>
      <Views values={filters.values} />
      <div className="row mb">
        <SearchBox
          value={filters.values['search'] ?? ''}
          label={t.users.search}
          placeholder={t.users.searchHint}
          onSearch={(text) => filters.set('search', text)}
        />
        <FilterChips filters={filters} of={USER_FILTERS}>
          <SortChip columns={columns} sort={sort} onSort={setSort} />
        </FilterChips>
      </div>
      <section className="panel bleed fill" aria-label={t.users.caption}>
        <NewRows count={pages.newer} show={pages.reload} />
        <ChangeTrouble error={decide.error} />
        {!pages.ready ? (
          pages.error === null ? (
            <Skeleton />
          ) : (
            <LoadTrouble error={pages.error} operation="listUsers" retry={pages.reload} />
          )
        ) : pages.rows.length === 0 ? (
          <Nothing isFiltered={Object.keys(filters.values).length > 0} />
        ) : (
          <DataTable
            caption={t.users.caption}
            className="devices people"
            columns={columns}
            rows={pages.rows}
            total={null}
            keyOf={userRowKey}
            nameOf={userRowKey}
            sort={sort}
            onSort={setSort}
            onOpen={open}
            onEnd={pages.loadMore}
            actions={(row) => (
              <UserMenu
                user={row.user}
                decide={decide}
                className="btn ghost sq small"
                label={t.list.actionsFor(row.user)}
                button={<Icon name="dots" />}
              >
                <MenuItem onPick={() => open(row)}>{t.users.open}</MenuItem>
              </UserMenu>
            )}
          />
        )}
        {pages.rows.length === 0 ? null : <ListFoot pages={pages} total={null} />}
      </section>
    </>
  );
}
