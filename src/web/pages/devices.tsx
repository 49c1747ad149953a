// Owns the list of devices: search, filters, columns, rows, decisions about one or many.
import { useCallback, useMemo, useState } from 'react';
import type { ReactElement } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { AnswerOf, QueryOf } from '../../api/contract/operations.ts';
import { addressOf } from '../client/call.ts';
import { useSession } from '../client/signed-in.ts';
import { usePages } from '../client/use-pages.ts';
import { useQuery } from '../client/use-query.ts';
import { BulkBar, BulkDone } from '../parts/bulk-bar.tsx';
import type { Chosen } from '../parts/bulk-bar.tsx';
import { DataTable } from '../parts/data-table.tsx';
import {
  deviceColumns,
  deviceHref,
  deviceRowKey,
  deviceRowName,
  useColumns,
} from '../parts/device-columns.tsx';
import type { DeviceRow } from '../parts/device-columns.tsx';
import { DEVICE_FILTERS, DEVICE_FILTER_KEYS, VIEWS, viewOf } from '../parts/device-filters.ts';
import type { View } from '../parts/device-filters.ts';
import { DeviceMenu } from '../parts/device-menu.tsx';
import { FilterChips, useFilters } from '../parts/filters.tsx';
import { SortChip } from '../parts/sort-chip.tsx';
import { Icon } from '../parts/icon.tsx';
import { ListFoot, NewRows } from '../parts/list-foot.tsx';
import { MenuItem } from '../parts/menu.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { SearchBox } from '../parts/search-box.tsx';
import { Blank, ChangeTrouble, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { useDecide } from '../parts/use-decide.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

const FIRST_SORT = '-lastSeen';
const PAGE_ROWS = 100;

function Views({ values }: { values: Readonly<Record<string, string>> }): ReactElement {
  const { data } = useQuery('showOverview', {}, { everyMs: 30_000 });
  const current = viewOf(values);
  const count = (key: View['key']): number | null => {
    if (data === null) return null;
    const { quarantined, blocked, unknown, wiping } = data.tiles;
    if (key === 'all') return data.devices;
    if (key === 'refused') return quarantined.count + blocked.count;
    if (key === 'unknown') return unknown.count;
    return key === 'wipes' ? wiping.count : null;
  };
  return (
    <nav className="tabs" aria-label={t.devices.views}>
      {VIEWS.map((view) => {
        const shown = count(view.key);
        return (
          <Link
            key={view.key}
            href={`/devices?${new URLSearchParams(view.values).toString()}`}
            aria-current={view.key === current ? 'page' : undefined}
          >
            {t.devices.view[view.key]}
            {shown === null ? null : <span className="n">{number(shown)}</span>}
          </Link>
        );
      })}
    </nav>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }): ReactElement {
  const session = useSession();
  if (!isFiltered)
    return (
      <Blank icon="phone" title={t.devices.emptyTitle}>
        {t.devices.emptyText(session?.gateway ?? '')}
      </Blank>
    );
  return (
    <Blank
      icon="search"
      title={t.devices.noneTitle}
      actions={
        <Link className="btn" href="/devices">
          {t.devices.noneButton}
        </Link>
      }
    >
      {t.devices.noneText}
    </Blank>
  );
}

/** The page. */
export function DevicesPage(): ReactElement {
  const [, go] = useLocation();
  const [search, setSearch] = useSearchParams();
  const filters = useFilters(DEVICE_FILTER_KEYS);
  const sort = search.get('sort') ?? FIRST_SORT;
  const filter = filters.values as NonNullable<Chosen['filter']>;
  const query: QueryOf<'listDevices'> = useMemo(
    () => ({ ...filter, sort, limit: PAGE_ROWS }),
    [filter, sort],
  );
  const pages = usePages('listDevices', query, deviceRowKey);
  const counts = useQuery('countDevices', { query: filter }, { everyMs: 30_000 });
  const total = counts.data?.total.all ?? null;
  const decide = useDecide(counts.reload);

  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [isAll, setAll] = useState(false);
  const [done, setDone] = useState<AnswerOf<'decideMany'> | null>(null);
  const tickedRows = pages.rows.filter((row) => ticked.has(deviceRowKey(row)));
  const tick = useCallback((keys: ReadonlySet<string>) => {
    setTicked(keys);
    setAll(false);
    setDone(null);
  }, []);
  const chosen: Chosen = isAll
    ? { filter }
    : { devices: [...new Set(tickedRows.map(({ device }) => device))] };

  const { doneFor } = decide;
  const columns = useMemo(() => deviceColumns(({ device, user }) => doneFor({ device, user })), [doneFor]);
  const { shown, menu } = useColumns(columns);
  const open = (row: DeviceRow): void => go(deviceHref(row.device, row.user));
  const explain = (row: DeviceRow): void => go(`${deviceHref(row.device, row.user)}#why`);
  const setSort = (next: string): void => {
    setSearch((before) => {
      const after = new URLSearchParams(before);
      after.set('sort', next);
      return after;
    });
  };

  const csv = addressOf('exportRows', { what: 'devices' }, { ...filter, sort, format: 'csv' });
  const tools = (
    <>
      {menu}
      <a className="btn" href={csv} download>
        <Icon name="save" />
        {total === null ? t.devices.csvPlain : t.devices.csv(number(total))}
      </a>
    </>
  );
  return (
    <>
      <PageHead title={t.pages.devices} tools={tools}>
        {total === null ? null : t.devices.lead(t.counted.devices(total, number(total)))}
      </PageHead>
      <Views values={filters.values} />
      <div className="row mb">
        <SearchBox
          value={filters.values['search'] ?? ''}
          label={t.devices.search}
          placeholder={t.devices.searchHint}
          onSearch={(text) => filters.set('search', text)}
        />
        <FilterChips filters={filters} of={DEVICE_FILTERS}>
          <SortChip columns={shown} sort={sort} onSort={setSort} />
        </FilterChips>
      </div>
      <section className="panel bleed fill" aria-label={t.devices.caption}>
        <NewRows count={pages.newer} show={pages.reload} />
        <ChangeTrouble error={decide.error} />
        {!pages.ready ? (
          pages.error === null ? (
            <Skeleton />
          ) : (
            <LoadTrouble error={pages.error} operation="listDevices" retry={pages.reload} />
          )
        ) : pages.rows.length === 0 ? (
          <Nothing isFiltered={Object.keys(filters.values).length > 0} />
        ) : (
          <DataTable
            caption={t.devices.caption}
            className="devices"
            columns={shown}
            rows={pages.rows}
            total={total}
            keyOf={deviceRowKey}
            nameOf={deviceRowName}
            sort={sort}
            onSort={setSort}
            selection={{ keys: ticked, change: tick }}
            onOpen={open}
            onExplain={explain}
            onEnd={pages.loadMore}
            actions={(row) => (
              <DeviceMenu
                target={{ device: row.device, user: row.user }}
                name={deviceRowName(row)}
                decide={decide}
                className="btn ghost sq small"
                label={t.list.actionsFor(deviceRowName(row))}
                button={<Icon name="dots" />}
                changed={pages.reload}
              >
                <MenuItem onPick={() => open(row)}>{t.devices.why}</MenuItem>
              </DeviceMenu>
            )}
          />
        )}
        {tickedRows.length === 0 && done !== null ? <BulkDone outcome={done} /> : null}
        {tickedRows.length === 0 ? null : (
          <BulkBar
            count={tickedRows.length}
            total={total}
            isAll={isAll}
            chosen={chosen}
            onAll={setAll}
            onDone={(outcome) => {
              tick(new Set());
              setDone(outcome);
              pages.reload();
            }}
          />
        )}
        {pages.rows.length === 0 ? null : <ListFoot pages={pages} total={total} />}
      </section>
    </>
  );
}
