// Owns the entries of the journal about feeds: one for each run of the leader, with its counts, or why it failed or was held; of deliveries
// their sums (delivery-summaries.ts).
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { ApplyOutcome } from '../app/apply-outcome.ts';
import { messageOf } from '../caught-error.ts';
import { failureOf } from '../directory/failure.ts';
import type { JournalAppender } from '../journal/journal-store.ts';
import { JournalWriter } from '../journal/journal-writer.ts';
import { plain } from '../plain-text.ts';
import { DeliverySummaries } from './delivery-summaries.ts';
import type { DeliverySummary } from './delivery-summaries.ts';

const MAX_TEXT = 256;

/** Writes entries about feeds in the background. */
export class FeedJournal {
  /** Deliveries to the feeds. */
  readonly deliveries = new DeliverySummaries((summary) => this.delivered(summary));
  private readonly store: JournalAppender;
  private readonly writer: JournalWriter;
  private readonly gateway = hostname();

  constructor(store: JournalAppender, logger: Pick<Logger, 'warn' | 'info'>) {
    this.store = store;
    this.writer = new JournalWriter(store, this.gateway, (error) => {
      if (error === null) logger.info({ code: 'EASGATE_JOURNAL_BACK' }, 'the journal is written again');
      else
        logger.warn(
          { code: 'EASGATE_JOURNAL_AWAY', cause: messageOf(error) },
          'the journal cannot be written; feeds run on, and the entries of their latest runs wait',
        );
    });
  }

  /** A run that was applied, or held by a brake. */
  ran(feed: string, outcome: ApplyOutcome, tookMs: number): void {
    const { devices, users, decisions, refused, withProblems, notJoined, held } = outcome;
    this.note(held.length > 0 ? 'held' : 'applied', tookMs, {
      feed,
      ...(held.length === 0
        ? {
            devices: devices.accepted,
            devicesRemoved: devices.removed,
            users: users.accepted,
            usersRemoved: users.removed,
            decisions: decisions.applied,
          }
        : { held: plain(held.join('; '), MAX_TEXT) }),
      refused: refused.count,
      withProblems: withProblems.count,
      notJoined: notJoined.count,
    });
  }

  /** A run that failed: nothing of it was written, or the store went away in the middle. */
  failed(feed: string, error: unknown, tookMs: number): void {
    const { code, message } = failureOf(error);
    this.note(plain(code, MAX_TEXT), tookMs, { feed, error: plain(message, MAX_TEXT) });
  }

  /** Writes the entries that wait, within bounded time. */
  async close(): Promise<void> {
    this.deliveries.close();
    await this.writer.close();
    await this.store.close();
  }

  private delivered({ feed, outcome, deliveries, sums, text, withinMs }: DeliverySummary): void {
    const why = text === null ? {} : { [outcome === 'held' ? 'held' : 'error']: plain(text, MAX_TEXT) };
    this.note(plain(outcome, MAX_TEXT), withinMs, { feed, ...sums, ...why }, deliveries);
  }

  private note(
    reason: string,
    tookMs: number,
    facts: Readonly<Record<string, string | number>>,
    count = 1,
  ): void {
    this.writer.note({
      at: Date.now(),
      kind: 'feed_run',
      user: null,
      device: null,
      action: null,
      reason,
      rule: null,
      count,
      gateway: this.gateway,
      seconds: tookMs / 1_000,
      facts,
    });
  }
}
