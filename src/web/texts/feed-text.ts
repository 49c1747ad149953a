// Owns the sentence for a run of a feed, or its deliveries, in the journal: which feed it was, what it changed, or why nothing.
import { number } from './format.ts';
import { t } from './texts.ts';

/** Of an event of the kind `feed_run`. */
export interface FeedEvent {
  readonly reason: string | null;
  readonly count: number;
  readonly facts: Readonly<Record<string, unknown>> | null;
}

const CHANGES = ['devices', 'devicesRemoved', 'users', 'usersRemoved', 'decisions', 'accepted'] as const;

/** The sentence of a run of a feed, or of its deliveries. */
export function feedText({ reason, count, facts }: FeedEvent): string {
  const texts = t.feedEvents;
  const { feed, held, error, ...counts } = facts ?? {};
  const parts = [...CHANGES, 'refused' as const].flatMap((name) => {
    const value = counts[name];
    return typeof value === 'number' && value > 0 ? [texts.counts[name](number(value))] : [];
  });
  const name = texts.feed(textOf(feed));
  const deliveries = count > 1 ? ` (${texts.deliveries(number(count))})` : '';
  if (held !== undefined) return `${name}: ${texts.held}: ${textOf(held)}${deliveries}`;
  if (error !== undefined) return `${name}: ${texts.failed}: ${textOf(error)}${deliveries}`;
  if (reason !== 'applied') return `${name}: ${texts.outcomes[reason ?? ''] ?? reason ?? ''}${deliveries}`;
  return `${name}: ${parts.length === 0 ? texts.nothing : parts.join(', ')}${deliveries}`;
}

function textOf(fact: unknown): string {
  return typeof fact === 'string' ? fact : '';
}
