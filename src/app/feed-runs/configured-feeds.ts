// Owns how the configuration becomes feeds.
import { dirname, join } from 'node:path';
import { NO_SCHEDULE, isSchedule } from '../../config/feed-schedule.ts';
import { feedMapping } from '../../config/feed-mapping.ts';
import { readSecret } from '../../config/load.ts';
import { ConfigError } from '../../config/problems.ts';
import type { Config } from '../../config/schema.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import type { FeedAdapter } from '../../feeds/contract.ts';
import { FilesAdapter, fileLines } from '../../feeds/files/files-adapter.ts';
import type { FilesOptions } from '../../feeds/files/files-adapter.ts';
import { watchedFolder } from '../../feeds/files/watched-folder.ts';
import { graphFeed } from '../../feeds/graph/read-graph.ts';
import { httpFeed } from '../../feeds/json-api/read-http.ts';
import type { HttpReading } from '../../feeds/json-api/read-http.ts';
import type { HttpSettings } from '../../feeds/json-api/settings.ts';
import { ldapFeed } from '../../feeds/ldap/read-ldap.ts';
import type { ReceivedSettings } from '../../config/delivery-credentials.ts';
import { isReceived, receivedFeed } from '../received/received-feeds.ts';
import type { ReceivedFeed } from '../received/received-feeds.ts';
import { FeedStates } from './feed-state.ts';
import type { Feed } from './run-feed.ts';
import type { ScheduledFeed } from './schedule.ts';

const HOUR_MS = 3_600_000;

/** The configured feeds that read their source, in order of precedence. @throws ConfigError for a schedule or a secret */
export function configuredFeeds({ feeds }: Config): Feed[] {
  return feeds.flatMap((settings) => {
    if (isReceived(settings)) return [];
    const { name, schedule, fullEveryHours, staleAfter, maxRemoved, maxChanged, joinBy, allowDecisions } =
      settings;
    mustBeSchedule(settings);
    const feed: Feed = {
      name,
      schedule,
      fullEveryMs: fullEveryHours * HOUR_MS,
      staleAfter,
      brakes: { maxRemoved, maxChanged },
      joinBy,
      allowDecisions,
      adapter: adapterOf(settings),
    };
    return [feed];
  });
}

/**
 * All configured feeds, also those that are sent their records, with what their health depends on: no secret and no file is read.
 * In order of precedence. @throws ConfigError for a schedule
 */
export function scheduledFeeds({ feeds }: Config): (ScheduledFeed | ReceivedFeed)[] {
  return feeds.map((settings) => {
    if (isReceived(settings)) return receivedFeed(settings);
    mustBeSchedule(settings);
    const { name, kind, schedule, staleAfter } = settings;
    return { name, schedule, staleAfter, adapter: { kind } };
  });
}

function mustBeSchedule({ name, schedule }: { readonly name: string; readonly schedule: string }): void {
  if (!isSchedule(schedule)) throw new ConfigError(`feeds: ${name}: schedule`, [NO_SCHEDULE]);
}

/** The feed with a name, configured or ready to run. @throws ProgramError EASGATE_NOT_FOUND */
export function feedNamed<Named extends { readonly name: string }>(
  feeds: readonly Named[],
  name: string,
): Named {
  const found = feeds.find((feed) => feed.name === name);
  if (found !== undefined) return found;
  const names = feeds.map((feed) => feed.name);
  const known = names.length === 0 ? '; there are none' : `; there are ${names.join(', ')}`;
  throw new ProgramError('EASGATE_NOT_FOUND', `no feed ${name}${known}`);
}

type FeedSettings = Config['feeds'][number];

function adapterOf(settings: Exclude<FeedSettings, ReceivedSettings>): FeedAdapter {
  const { name } = settings;
  if (settings.kind === 'files') return filesFeed(settings);
  if (settings.kind === 'ldap')
    return ldapFeed(name, {
      ...settings,
      password: readSecret(settings.password, `feeds: ${name}: password`),
    });
  if (settings.kind === 'http') return httpFeed(httpReading(settings));
  const { clientSecret, ...others } = settings;
  return graphFeed(name, {
    ...others,
    ...(clientSecret !== undefined && {
      clientSecret: readSecret(clientSecret, `feeds: ${name}: clientSecret`),
    }),
  });
}

function filesFeed(settings: Extract<FeedSettings, { kind: 'files' }>): FeedAdapter {
  const { path, read, settleSeconds, moveRead: moves } = settings;
  const options = { ...fileReadingOf(settings), path };
  const settleMs = settleSeconds * 1_000;
  if (read !== 'each')
    return new FilesAdapter({ ...options, settleMs, newest: read === 'newest' ? { settleMs } : null });
  return watchedFolder({ path, settleMs, moves, linesOf: (file) => fileLines(options, file) });
}

function httpReading(settings: Extract<FeedSettings, { kind: 'http' }>): HttpReading {
  const { name: source, mapping, headers, auth, ...others } = settings;
  const place = `feeds: ${source}`;
  return {
    source,
    mapping: feedMapping(mapping, `${place}: mapping`),
    settings: {
      ...others,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, readSecret(value, `${place}: headers`)]),
      ),
      auth: auth === undefined ? undefined : signInOf(auth, place),
    },
  };
}

type SignIn = Extract<FeedSettings, { kind: 'http' }>['auth'];

function signInOf(auth: NonNullable<SignIn>, place: string): HttpSettings['auth'] {
  if (auth.type === 'bearer') return { ...auth, token: readSecret(auth.token, `${place}: auth.token`) };
  if (auth.type === 'basic')
    return { ...auth, password: readSecret(auth.password, `${place}: auth.password`) };
  return { ...auth, clientSecret: readSecret(auth.clientSecret, `${place}: auth.clientSecret`) };
}

/** How the files of a feed are read. */
type Reading = Omit<FilesOptions, 'path' | 'newest'>;

/** How files and bodies of a feed are read. */
export function fileReadingOf(settings: FeedSettings): Reading {
  const { name: source } = settings;
  // What another kind of source was saved as.
  if (settings.kind === 'http')
    return {
      source,
      format: settings.format ?? null,
      mapping: feedMapping(settings.mapping, `feeds: ${source}: mapping`),
      zone: 'UTC',
      order: null,
    };
  if (settings.kind !== 'files' && settings.kind !== 'webhook')
    return { source, format: settings.kind === 'push' ? 'ndjson' : null, zone: 'UTC', order: null };
  const { format, mapping, timeZone: zone, dates } = settings;
  return {
    source,
    format: format === 'auto' ? null : format,
    mapping: feedMapping(mapping, `feeds: ${source}: mapping`),
    zone,
    order: dates === undefined ? null : dates === 'day-first' ? 'dayFirst' : 'monthFirst',
    ...(settings.kind === 'files' && { maxMegabytes: settings.maxMegabytes }),
  };
}

/** How a file of the feed with this name is read. @throws ProgramError EASGATE_NOT_FOUND */
export function fileReading({ feeds }: Config, name: string): Reading {
  return fileReadingOf(feedNamed(feeds, name));
}

/** What is remembered of the feeds of this directory: a folder beside its data. */
export function feedStates({ store }: Config): FeedStates {
  return new FeedStates(join(dirname(store.identityFile ?? '.'), 'feeds'));
}
