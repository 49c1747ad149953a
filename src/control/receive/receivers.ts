// Owns the receivers of all feeds in this process, and whether it takes deliveries: only the leader does, with its fence.
import { fileReadingOf } from '../../app/feed-runs/configured-feeds.ts';
import type { FeedStates } from '../../app/feed-runs/feed-state.ts';
import { credentialsOf, receivedFeeds } from '../../app/received/received-feeds.ts';
import { Pushes } from '../../app/received/pushes.ts';
import { Receiver } from '../../app/received/receiver.ts';
import type { Writing } from '../../app/received/receiver.ts';
import { Webhooks } from '../../app/received/webhooks.ts';
import type { Trigger } from '../../app/received/webhooks.ts';
import type { Config } from '../../config/schema.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import { Rate } from './rate.ts';

/** A feed that takes deliveries. */
export type ReceivingFeed =
  | { readonly kind: 'webhook'; readonly webhooks: Webhooks; readonly rate: Rate }
  | { readonly kind: 'push'; readonly pushes: Pushes; readonly rate: Rate };

/** Receivers of one leadership. */
export class Receivers {
  readonly writing: Writing;
  readonly trigger: Trigger;
  private readonly closing = new AbortController();
  private readonly receivers: readonly Receiver[];
  private readonly feeds: ReadonlyMap<string, ReceivingFeed>;

  /** @throws ConfigError for a secret that is missing */
  constructor(
    store: DirectoryStore,
    states: FeedStates,
    config: Config,
    { fence, trigger }: { readonly fence: number; readonly trigger: Trigger },
  ) {
    const configured = receivedFeeds(config);
    const ofFeeds = credentialsOf(configured);
    const receivers: Receiver[] = [];
    const feeds = new Map<string, ReceivingFeed>();
    for (const feed of configured) {
      const { name, settings, maxPerMinute } = feed;
      const receiver = new Receiver(store, states, feed);
      const credentials = ofFeeds.get(name) ?? { keys: [], tokens: [] };
      const rate = new Rate(maxPerMinute);
      receivers.push(receiver);
      if (settings.kind === 'push') {
        const pushes = new Pushes(settings, receiver, credentials, store.pushes);
        feeds.set(name, { kind: 'push', pushes, rate });
      } else {
        const webhooks = new Webhooks(
          settings,
          receiver,
          credentials,
          fileReadingOf(settings),
          store.deliveries,
        );
        feeds.set(name, { kind: 'webhook', webhooks, rate });
      }
    }
    this.receivers = receivers;
    this.feeds = feeds;
    this.trigger = trigger;
    this.writing = { fence, signal: this.closing.signal };
  }

  /** The feed with a name; null = none of that name takes deliveries. */
  feed(name: string): ReceivingFeed | null {
    return this.feeds.get(name) ?? null;
  }

  /** Ends deliveries that are under way, which then write nothing more, and resolves when all have ended. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.receivers.map((receiver) => receiver.close()));
  }
}
