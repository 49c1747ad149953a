// Owns how an event of the journal reads: icon and sentence.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { feedText } from '../texts/feed-text.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import type { IconName } from './icon.tsx';
import { StateIcon, shortReason, wordOf } from './state.tsx';

/** An event as the API sends it. */
export type Event = AnswerOf<'queryJournal'>['rows'][number];

const ICONS: Readonly<Record<string, IconName>> = {
  device_throttled: 'pause',
  device_busy: 'pause',
  ping_superseded: 'sync',
  poll_ended: 'sync',
  request_ended: 'sync',
  device_respelled: 'warn',
  device_shared: 'warn',
  agent_changed: 'warn',
  many_devices: 'users',
  successor_accepted: 'swap',
  feed_run: 'feed',
  outage: 'warn',
  policy_changed: 'policy',
  journal_overflow: 'warn',
};

/** The icon of an event: of its verdict where it has one. */
export function EventIcon({ event }: { event: Event }): ReactElement {
  if (event.kind.startsWith('wipe_')) return <StateIcon state="wiping" />;
  const icon = ICONS[event.kind];
  if (icon === undefined && event.action !== null) return <StateIcon state={event.action} />;
  return <Icon name={icon ?? 'info'} />;
}

/** The sentence of an event. */
export function eventText(event: Event): string {
  if (event.kind === 'feed_run' && typeof event.facts?.['feed'] === 'string') return feedText(event);
  const { kind, action, reason, count } = event;
  const what = t.events[kind] ?? kind;
  const verdict = action === null || kind === 'device_refused' ? '' : wordOf(action);
  const why = shortReason(reason);
  const parts = [verdict, why].filter((part) => part !== '').join(', ');
  const times = count > 1 ? ` (${t.times(number(count))})` : '';
  return `${what}${parts === '' ? '' : `: ${parts}`}${times}`;
}
