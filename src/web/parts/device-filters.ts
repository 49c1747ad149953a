// Owns the filters of lists of devices, and the views that are a choice of them.
import { TILE_LISTS } from '../../api/contract/tiles.ts';
import { t } from '../texts/texts.ts';
import type { Filter } from './filters.tsx';

const { filter } = t.devices;

type Choices = NonNullable<Filter['choices']>;

const yesNo: Choices = [
  ['yes', filter.yes],
  ['no', filter.no],
  ['unknown', filter.unknown],
];

const past = (words: (age: string) => string): Choices => [
  ['1h', words(filter.hour)],
  ['24h', words(filter.day)],
  ['7d', words(filter.week)],
  ['30d', words(filter.month)],
  ['90d', words(filter.quarter)],
];

/** In the order of their menu. */
export const DEVICE_FILTERS: readonly Filter[] = [
  {
    key: 'state',
    title: filter.state,
    several: true,
    choices: [
      ['allowed', t.states.allowed],
      ['quarantined', t.states.quarantined],
      ['blocked', t.states.blocked],
      ['wiping', t.states.wiping],
      ['unseen', t.states.unseen],
    ],
  },
  {
    key: 'reason',
    title: filter.reason,
    several: true,
    choices: Object.entries(t.reasons).map(([key, { short }]) => [key, short] as const),
  },
  { key: 'seen', title: filter.seen, choices: past(filter.last) },
  { key: 'notSeen', title: filter.notSeen, choices: past(filter.for) },
  { key: 'user', title: filter.user },
  { key: 'model', title: filter.model, hint: filter.pattern },
  { key: 'os', title: filter.os, hint: filter.pattern },
  { key: 'type', title: filter.type, hint: filter.pattern },
  {
    key: 'reported',
    title: filter.reported,
    choices: [
      ['yes', filter.yes],
      ['no', filter.no],
    ],
  },
  { key: 'managed', title: filter.managed, choices: yesNo },
  { key: 'compliant', title: filter.compliant, choices: yesNo },
  {
    key: 'decision',
    title: filter.decision,
    several: true,
    choices: [
      ['allow', t.states.allowed],
      ['quarantine', t.states.quarantined],
      ['block', t.states.blocked],
      ['wipe', t.states.wiping],
      ['none', filter.noDecision],
    ],
  },
  { key: 'exception', title: filter.exception, choices: [['true', filter.inForce]] },
  { key: 'openWipe', title: filter.openWipe, choices: [['true', filter.notConfirmed]] },
];

/** Filters and the search, as keys of the address. */
export const DEVICE_FILTER_KEYS: readonly string[] = [...DEVICE_FILTERS.map(({ key }) => key), 'search'];

/** A choice of filters with a name. */
export interface View {
  readonly key: keyof typeof t.devices.view;
  readonly values: Readonly<Record<string, string>>;
}

/** In the order of the tabs. */
export const VIEWS: readonly View[] = [
  { key: 'all', values: {} },
  { key: 'refused', values: { state: 'quarantined,blocked' } },
  { key: 'unknown', values: TILE_LISTS.unknown.query },
  { key: 'exceptions', values: { exception: 'true' } },
  { key: 'wipes', values: TILE_LISTS.wiping.query },
  { key: 'notSeen', values: { notSeen: '30d' } },
];

function sortedText(values: Readonly<Record<string, string>>): string {
  return JSON.stringify(
    Object.keys(values)
      .sort()
      .map((key) => [key, values[key]]),
  );
}

/** The view that these filters are; null = a choice of one's own. */
export function viewOf(values: Readonly<Record<string, string>>): View['key'] | null {
  const { search: _, ...own } = values;
  return VIEWS.find((view) => sortedText(view.values) === sortedText(own))?.key ?? null;
}
