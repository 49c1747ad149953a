// Owns the journal: events of phones, feeds and the gateway; and, for operators, who changed what.
import type { ReactElement } from 'react';
import { Link, useLocation } from 'wouter';
import { addressOf } from '../client/call.ts';
import { useMay } from '../client/signed-in.ts';
import { FilterChips, useFilters } from '../parts/filters.tsx';
import type { Filter } from '../parts/filters.tsx';
import { Icon } from '../parts/icon.tsx';
import { ChangeList, EventList } from '../parts/journal-lists.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { t } from '../texts/texts.ts';

const { filter } = t.journal;
const { hour, day, week, month } = t.devices.filter;

const SINCE: Filter = {
  key: 'since',
  title: filter.since,
  choices: [
    ['1h', filter.last(hour)],
    ['24h', filter.last(day)],
    ['7d', filter.last(week)],
    ['30d', filter.last(month)],
  ],
};
const USER: Filter = { key: 'user', title: filter.user };
const DEVICE: Filter = { key: 'device', title: filter.device };

const EVENT_FILTERS: readonly Filter[] = [
  { key: 'kind', title: filter.kind, several: true, choices: Object.entries(t.events) },
  {
    key: 'reason',
    title: filter.reason,
    several: true,
    choices: Object.entries(t.reasons).map(([key, { short }]) => [key, short] as const),
  },
  SINCE,
  USER,
  DEVICE,
];
const CHANGE_FILTERS: readonly Filter[] = [
  { key: 'operation', title: filter.operation, several: true, choices: Object.entries(t.journal.operations) },
  { key: 'by', title: filter.by },
  SINCE,
  USER,
  DEVICE,
];
const EVENT_KEYS = EVENT_FILTERS.map(({ key }) => key);
const CHANGE_KEYS = CHANGE_FILTERS.map(({ key }) => key);

/** The page; below /journal/changes it shows the changes. */
export function JournalPage(): ReactElement {
  const [location] = useLocation();
  const mayChanges = useMay('queryAudit');
  const isChanges = location.endsWith('/changes');
  const filters = useFilters(isChanges ? CHANGE_KEYS : EVENT_KEYS);
  const what = isChanges ? 'audit' : 'journal';
  const csv = addressOf('exportRows', { what }, { ...filters.values, format: 'csv' });
  return (
    <>
      <PageHead
        title={t.pages.journal}
        tools={
          <a className="btn" href={csv} download>
            <Icon name="save" />
            {t.journal.csv}
          </a>
        }
      >
        {t.journal.lead}
      </PageHead>
      {mayChanges ? (
        <nav className="tabs" aria-label={t.pages.journal}>
          <Link href="/journal" aria-current={isChanges ? undefined : 'page'}>
            {t.journal.tabs.events}
          </Link>
          <Link href="/journal/changes" aria-current={isChanges ? 'page' : undefined}>
            {t.journal.tabs.changes}
          </Link>
        </nav>
      ) : null}
      <div className="row mb">
        <FilterChips filters={filters} of={isChanges ? CHANGE_FILTERS : EVENT_FILTERS} />
      </div>
      {isChanges ? <ChangeList filter={filters.values} /> : <EventList filter={filters.values} />}
    </>
  );
}
