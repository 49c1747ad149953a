// Owns how the configuration becomes feeds.
import { dirname, join } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { ProgramError } from '../../errors.ts';
import type { FeedAdapter } from '../../feeds/contract.ts';
import { FilesAdapter } from '../../feeds/files/files-adapter.ts';
import type { FilesOptions } from '../../feeds/files/files-adapter.ts';
import { graphFeed } from '../../feeds/graph/read-graph.ts';
import { ldapFeed } from '../../feeds/ldap/read-ldap.ts';
import { readSecret } from '../../config/load.ts';
import { FeedStates } from './feed-state.ts';
import type { Feed } from './run-feed.ts';

const HOUR_MS = 3_600_000;

/** The configured feeds, in order of precedence. */
export function configuredFeeds({ feeds }: Config): Feed[] {
  return feeds.map((settings) => {
    const { name, schedule, fullEveryHours, staleAfter, maxRemoved, maxChanged, allowDecisions } = settings;
    return {
      name,
      schedule,
      fullEveryMs: fullEveryHours * HOUR_MS,
      staleAfter,
      brakes: { maxRemoved, maxChanged },
      allowDecisions,
      adapter: adapterOf(settings),
    };
  });
}

/** The feed with a name. @throws ProgramError EASGATE_NOT_FOUND */
export function feedNamed(feeds: readonly Feed[], name: string): Feed {
  const found = feeds.find((feed) => feed.name === name);
  if (found !== undefined) return found;
  const names = feeds.map((feed) => feed.name);
  const known = names.length === 0 ? '; there are none' : `; there are ${names.join(', ')}`;
  throw new ProgramError('EASGATE_NOT_FOUND', `no feed ${name}${known}`);
}

function adapterOf(settings: Config['feeds'][number]): FeedAdapter {
  const field = `feeds (${settings.name})`;
  if (settings.kind === 'ldap')
    return ldapFeed(settings.name, {
      ...settings,
      password: readSecret(settings.password, `${field}.password`),
    });
  if (settings.kind === 'graph') {
    const { clientSecret: secret } = settings;
    const clientSecret = secret === undefined ? undefined : readSecret(secret, `${field}.clientSecret`);
    return graphFeed(settings.name, { ...settings, clientSecret });
  }
  return new FilesAdapter({ ...readingOf(settings), path: settings.path });
}

/** How the files of a feed are read. */
type Reading = Omit<FilesOptions, 'path'>;

/** A feed of files. */
type FilesSettings = Extract<Config['feeds'][number], { kind: 'files' }>;

function readingOf({ name, format, timeZone, dates }: FilesSettings): Reading {
  return {
    source: name,
    format: format === 'auto' ? null : format,
    zone: timeZone,
    order: dates === undefined ? null : dates === 'day-first' ? 'dayFirst' : 'monthFirst',
  };
}

/** How a file of the feed with this name is read. */
export function fileReading({ feeds }: Config, name: string): Reading {
  const settings = feeds.find((feed) => feed.name === name);
  return settings?.kind !== 'files'
    ? { source: name, format: null, zone: 'UTC', order: null }
    : readingOf(settings);
}

/** What is remembered of the feeds of this directory: a folder beside its data. */
export function feedStates({ store }: Config): FeedStates {
  return new FeedStates(join(dirname(store.identityFile ?? '.'), 'feeds'));
}
