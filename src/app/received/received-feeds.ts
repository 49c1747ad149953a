// Owns how the configuration becomes the feeds that are sent their records: webhooks and pushed records.
import { readDeliveryCredentials } from '../../config/delivery-credentials.ts';
import type { DeliveryCredentials, ReceivedSettings } from '../../config/delivery-credentials.ts';
import type { Config } from '../../config/schema.ts';
import type { Brakes } from '../brakes.ts';

/** A configured feed that is sent its records. */
export interface ReceivedFeed {
  readonly name: string;
  readonly kind: 'webhook' | 'push';
  /** Longest time between two deliveries, milliseconds; later it counts as stale. Null = any. */
  readonly expectedMs: number | null;
  readonly brakes: Brakes;
  readonly joinBy: readonly string[] | null;
  readonly maxPerMinute: number;
  readonly settings: ReceivedSettings;
}

const HOUR_MS = 3_600_000;

/** Whether a feed is sent its records. */
export function isReceived(settings: Config['feeds'][number]): settings is ReceivedSettings {
  return settings.kind === 'webhook' || settings.kind === 'push';
}

/** The configured feeds that are sent their records, in order of precedence. */
export function receivedFeeds({ feeds }: Config): ReceivedFeed[] {
  return feeds.filter(isReceived).map(receivedFeed);
}

/** One of them. */
export function receivedFeed(settings: ReceivedSettings): ReceivedFeed {
  const { name, kind, expectedHours, maxRemoved, maxChanged, maxPerMinute, joinBy = null } = settings;
  return {
    name,
    kind,
    expectedMs: expectedHours === undefined ? null : expectedHours * HOUR_MS,
    brakes: { maxRemoved, maxChanged },
    joinBy,
    maxPerMinute,
    settings,
  };
}

/** What proves deliveries to each feed, by its name. @throws ConfigError */
export function credentialsOf(feeds: readonly ReceivedFeed[]): ReadonlyMap<string, DeliveryCredentials> {
  return new Map(feeds.map(({ name, settings }) => [name, readDeliveryCredentials(settings)]));
}
