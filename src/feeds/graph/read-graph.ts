// Owns one run over Graph: users, groups, then devices, whose owners are then known.
import { FeedError } from '../contract.ts';
import type { FeedAdapter, FeedPart, RecordKind } from '../contract.ts';
import { LatestCheckIns, deviceCount, devices, isWindowTrusted } from './devices.ts';
import { readCursor, settingsDigest } from './graph-cursor.ts';
import type { GraphCursor } from './graph-cursor.ts';
import { group, users } from './people.ts';
import { PolicyStates } from './policy-states.ts';
import { SYSTEM_CLOCK } from '../waiting.ts';
import type { Clock } from '../waiting.ts';
import { GraphRequests } from './requests.ts';
import type { GraphSettings } from './settings.ts';

/**
 * Intune's devices, and users and groups of Entra. Graph has no delta of managed devices: a full run reads all of them, an
 * incremental one those that checked in since. What changes without a check-in, such as a policy, shows in the next full run.
 */
export function graphFeed(source: string, settings: GraphSettings, clock: Clock = SYSTEM_CLOCK): FeedAdapter {
  const states = new PolicyStates();
  const complete: RecordKind[] = [];
  if (settings.users) complete.push('user');
  if (settings.groups.length > 0) complete.push('group');
  if (settings.devices) complete.push('device');
  return {
    kind: 'graph',
    complete,
    async *run(cursor, signal) {
      const requests = new GraphRequests(settings, signal, clock);
      states.begin(settings.maxPolicyStates);
      try {
        let line = 0;
        for await (const part of new GraphRun(source, settings, clock, requests, states).parts(cursor)) {
          // Each list counts its own records.
          for (const record of part.lines) record.line = ++line;
          yield part;
        }
      } finally {
        await requests.close();
      }
    },
  };
}

class GraphRun {
  private readonly source: string;
  private readonly settings: GraphSettings;
  private readonly clock: Clock;
  private readonly requests: GraphRequests;
  private readonly states: PolicyStates;

  constructor(
    source: string,
    settings: GraphSettings,
    clock: Clock,
    requests: GraphRequests,
    states: PolicyStates,
  ) {
    this.source = source;
    this.settings = settings;
    this.clock = clock;
    this.requests = requests;
    this.states = states;
  }

  async *parts(text: string | null): AsyncGenerator<FeedPart> {
    const before = text === null ? null : this.usable(text);
    const deltaLink = yield* this.users(before);
    for (const id of this.settings.groups) yield* group(this.requests, this.source, id);
    const since = yield* this.devices(before);
    // Without a window that can be trusted every run is a full one.
    if (this.settings.devices && since === null) return;
    const cursor: GraphCursor = {
      version: 1,
      settings: settingsDigest(this.settings),
      since: since === null ? null : new Date(since).toISOString(),
      users: deltaLink,
    };
    yield { lines: [], cursor: JSON.stringify(cursor) };
  }

  private usable(text: string): GraphCursor {
    const cursor = readCursor(text, this.settings);
    if (cursor === null)
      throw new FeedError(
        'EASGATE_FEED_CURSOR',
        'everything is read again: the settings of the feed changed',
      );
    return cursor;
  }

  private async *users(before: GraphCursor | null): AsyncGenerator<FeedPart, string | null> {
    if (!this.settings.users) return null;
    let last: string | null = null;
    for await (const { lines, gone, deltaLink } of users(this.requests, this.source, before?.users ?? null)) {
      yield { lines, ...(before !== null && { gone: gone ?? [] }) };
      last = deltaLink;
    }
    if (last === null)
      throw new FeedError(
        'EASGATE_FEED_ANSWER',
        'Graph ends the list of users without a delta link: it is incomplete',
      );
    return last;
  }

  /** Yields devices; returns the moment from which the next run reads, null where it must read all. */
  private async *devices(before: GraphCursor | null): AsyncGenerator<FeedPart, number | null> {
    const { requests, source, settings, states, clock } = this;
    if (!settings.devices) return null;
    const last = before?.since === undefined || before.since === null ? null : Date.parse(before.since);
    const since = last === null ? null : Math.max(last - settings.overlapSeconds * 1_000, 0);
    const checkIns = new LatestCheckIns();
    for await (const lines of devices(requests, source, since, states, checkIns)) yield { lines };
    const latest = checkIns.latest(clock.now());
    if (last !== null) return Math.max(last, latest ?? last);
    const count = await deviceCount(requests);
    if (count !== null) yield { lines: [], count: { device: count } };
    return (await isWindowTrusted(requests, checkIns)) ? latest : null;
  }
}
