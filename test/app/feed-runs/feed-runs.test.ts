// Owns the promises of feeds: cursors, failures, held runs, schedules, and what is remembered.
import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FeedStates } from '../../../src/app/feed-runs/feed-state.ts';
import { runFeed } from '../../../src/app/feed-runs/run-feed.ts';
import type { Feed, RunOptions } from '../../../src/app/feed-runs/run-feed.ts';
import { backOff, healthOf, nextRun, runAfterLast } from '../../../src/app/feed-runs/schedule.ts';
import { startFeeds } from '../../../src/app/feed-runs/start-feeds.ts';
import { DEFAULT_BRAKES } from '../../../src/app/brakes.ts';
import type { ApplyOutcome } from '../../../src/app/apply-outcome.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import { FeedError } from '../../../src/feeds/contract.ts';
import type { FeedPart } from '../../../src/feeds/contract.ts';
import { fileLines } from '../../../src/feeds/files/files-adapter.ts';
import type { FolderFile } from '../../../src/feeds/files/folder.ts';
import { watchedFolder } from '../../../src/feeds/files/watched-folder.ts';
import type { FeedLine } from '../../../src/feeds/record.ts';
import { SYSTEM_CLOCK } from '../../../src/feeds/waiting.ts';
import { deviceKey } from '../../../src/identity/device.ts';
import { deviceLine } from '../../feeds/lines.ts';
import { until } from '../../support/checks/until.ts';

let store: DirectoryStore;
let states: FeedStates;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-feeds-'));
  store = new EmbeddedStore(':memory:');
  states = new FeedStates(join(folder, 'feeds'));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

type Answer = readonly FeedPart[] | Error;

/** A source that gives the answers one after the other, the last one again and again. */
function scripted(...answers: readonly Answer[]): { feed: Feed; cursors: (string | null)[] } {
  const cursors: (string | null)[] = [];
  const adapter: Feed['adapter'] = {
    kind: 'scripted',
    complete: ['device', 'user', 'group'],
    async *run(cursor, signal) {
      const answer = answers[Math.min(cursors.length, answers.length - 1)] ?? [];
      cursors.push(cursor);
      await Promise.resolve();
      signal.throwIfAborted();
      if (answer instanceof Error) throw answer;
      yield* answer;
    },
  };
  const feed: Feed = {
    name: 'mdm',
    schedule: '*/15 * * * *',
    fullEveryMs: 86_400_000,
    staleAfter: 4,
    brakes: DEFAULT_BRAKES,
    allowDecisions: false,
    adapter,
  };
  return { feed, cursors };
}

const fleet = (count: number, compliant = true): FeedPart => ({
  lines: Array.from({ length: count }, (_, index) => deviceLine(`PHONE${index}`, { compliant })),
});

function run(feed: Feed, more: Partial<RunOptions> = {}): Promise<ApplyOutcome> {
  return runFeed(store, states, feed, { signal: new AbortController().signal, ...more });
}

async function isManaged(id: string): Promise<boolean | null | undefined> {
  return (await store.getDevice(deviceKey(id)))?.record?.managed;
}

describe('a run of a feed', () => {
  it('begins where the last one ended, and removes nothing then', async () => {
    const { feed, cursors } = scripted([{ ...fleet(3), cursor: 'a' }], [{ ...fleet(1), cursor: 'b' }]);
    await run(feed);
    await run(feed);
    await run(feed);
    expect(cursors).toEqual([null, 'a', 'b']);
    expect(await isManaged('PHONE2')).toBe(true);
  });

  it('is a full one again when that is due, and removes what is gone', async () => {
    const { feed, cursors } = scripted([{ ...fleet(3), cursor: 'a' }], [{ ...fleet(2), cursor: 'b' }]);
    await run(feed);
    await run({ ...feed, fullEveryMs: 0 });
    expect(cursors).toEqual([null, null]);
    expect(await isManaged('PHONE2')).toBe(false);
  });

  it('is a full one at once where the source no longer takes the cursor', async () => {
    const lost = new FeedError('EASGATE_FEED_CURSOR', 'another domain controller answers');
    const { feed, cursors } = scripted([{ ...fleet(3), cursor: 'a' }], lost, [{ ...fleet(3), cursor: 'b' }]);
    await run(feed);
    await run(feed);
    expect(cursors).toEqual([null, 'a', null]);
    expect(await states.read('mdm')).toMatchObject({ cursor: 'b', failures: 0, error: null });
  });

  it('remembers a failure, and begins at the same place', async () => {
    const down = new FeedError('EASGATE_FEED_SOURCE', 'the source is down');
    const { feed, cursors } = scripted([{ ...fleet(3), cursor: 'a' }], down, down, [fleet(3)]);
    await run(feed);
    await expect(run(feed)).rejects.toThrow('the source is down');
    await expect(run(feed)).rejects.toThrow('the source is down');
    expect(await states.read('mdm')).toMatchObject({
      failures: 2,
      error: { code: 'EASGATE_FEED_SOURCE', message: 'the source is down' },
    });
    await run(feed);
    expect(cursors).toEqual([null, 'a', 'a', 'a']);
  });

  it('does not accuse the source of a failure without a code', async () => {
    const { feed } = scripted(new TypeError('no such property'));
    await expect(run(feed)).rejects.toThrow('no such property');
    expect((await states.read('mdm')).error).toMatchObject({ code: 'EASGATE_FAILED' });
  });

  it('waits for a confirmation where a brake holds it', async () => {
    const { feed, cursors } = scripted(
      [{ ...fleet(100), cursor: 'a' }],
      [{ ...fleet(100, false), cursor: 'b' }],
    );
    await run(feed);
    expect((await run(feed)).held).toHaveLength(1);
    expect(await states.read('mdm')).toMatchObject({ cursor: 'a', held: { reasons: [expect.any(String)] } });
    const compliant = async (): Promise<boolean | null | undefined> =>
      (await store.getDevice(deviceKey('PHONE0')))?.record?.compliant;
    expect(await compliant()).toBe(true);
    await run(feed, { confirmed: true });
    expect(await compliant()).toBe(false);
    expect(await states.read('mdm')).toMatchObject({ cursor: 'b', held: null });
    expect(cursors).toEqual([null, 'a', 'a']);
  });

  it('applies a source that recovered by itself', async () => {
    const { feed } = scripted([fleet(100)], [fleet(100, false)], [fleet(100)]);
    await run(feed);
    await run(feed);
    await run(feed);
    expect((await states.read('mdm')).held).toBeNull();
  });

  it('neither writes nor remembers anything in a dry run', async () => {
    const { feed } = scripted([{ ...fleet(3), cursor: 'a' }]);
    expect((await run(feed, { dryRun: true })).devices.accepted).toBe(3);
    expect([await isManaged('PHONE0'), (await states.read('mdm')).cursor]).toEqual([undefined, null]);
  });

  it('writes nothing when it is stopped while it reads', async () => {
    const stopping = new AbortController();
    const { feed } = scripted([fleet(3)]);
    const stopped: Feed = {
      ...feed,
      adapter: {
        ...feed.adapter,
        async *run() {
          yield fleet(3);
          stopping.abort();
          await Promise.resolve();
          yield fleet(5);
        },
      },
    };
    await expect(run(stopped, { signal: stopping.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect([await isManaged('PHONE0'), (await states.read('mdm')).error]).toEqual([undefined, null]);
  });
});

describe('what is remembered', () => {
  it('can be read by its user only', async () => {
    const { feed } = scripted([{ ...fleet(1), cursor: 'secret' }]);
    await run(feed);
    expect(statSync(join(folder, 'feeds', 'mdm.json')).mode & 0o777).toBe(0o600);
  });

  it('counts as nothing where the file is damaged: the next run is a full one', async () => {
    const { feed, cursors } = scripted([{ ...fleet(1), cursor: 'a' }]);
    await run(feed);
    const path = join(folder, 'feeds', 'mdm.json');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 20));
    await run(feed);
    expect(cursors).toEqual([null, null]);
  });
});

it('what is remembered leaves no draft behind where it cannot be written', async () => {
  mkdirSync(join(folder, 'feeds', 'mdm.json'), { recursive: true });
  const { feed } = scripted([fleet(1)]);
  await expect(run(feed)).rejects.toMatchObject({
    code: 'EASGATE_STATE_FILE',
    message: expect.stringContaining(join(folder, 'feeds', 'mdm.json')) as string,
  });
  expect(readdirSync(join(folder, 'feeds'))).toEqual(['mdm.json']);
});

it('drafts that killed processes left are removed by the next run of the feed, and no younger ones', async () => {
  const draft = (name: string, minutes: number): string => {
    const file = `${name}.json.${randomUUID()}`;
    writeFileSync(join(folder, 'feeds', file), '{}');
    const at = new Date(Date.now() - minutes * 60_000);
    utimesSync(join(folder, 'feeds', file), at, at);
    return file;
  };
  mkdirSync(join(folder, 'feeds'), { recursive: true });
  const [young, other] = [draft('mdm', 5), draft('mdm.json', 500)];
  draft('mdm', 90);
  const { feed } = scripted([fleet(1)]);
  await run(feed);
  expect(readdirSync(join(folder, 'feeds')).toSorted()).toEqual(['mdm.json', young, other].toSorted());
});

it('a draft that cannot be removed keeps nothing from being remembered', async () => {
  const left = join(folder, 'feeds', `mdm.json.${randomUUID()}`);
  mkdirSync(left, { recursive: true });
  const at = new Date(Date.now() - 90 * 60_000);
  utimesSync(left, at, at);
  const { feed, cursors } = scripted([{ ...fleet(1), cursor: 'a' }]);
  await run(feed);
  await run(feed);
  expect(cursors).toEqual([null, 'a']);
});

it('what is remembered and cannot be written hides no failure of the source', async () => {
  mkdirSync(join(folder, 'feeds', 'mdm.json'), { recursive: true });
  const { feed } = scripted(new FeedError('EASGATE_FEED_SOURCE', 'wait', { retryAfter: 90_000 }));
  await expect(run(feed)).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE', retryAfter: 90_000 });
});

describe('schedules', () => {
  const at = Date.parse('2026-12-01T10:00:00Z');

  it('name the next run', () => {
    expect(nextRun('*/15 * * * *', at)).toBe(at + 900_000);
  });

  it('wait longer after each failure, up to an hour, and as long as the source asks', () => {
    const least = (failures: number, retryAfter: number | null = null): number =>
      backOff(failures, retryAfter, () => 0) / 1_000;
    expect([1, 2, 3, 20, 5_000].map((failures) => least(failures))).toEqual([15, 30, 60, 1_800, 1_800]);
    expect(least(1, 120_000)).toBe(120);
    expect(least(1, 86_400_000)).toBe(3_600);
    expect(backOff(1, null, () => 0.999)).toBeLessThan(30_001);
  });

  it('say that a feed is stale once it missed its runs', async () => {
    const { feed } = scripted([fleet(1)]);
    const never = healthOf(feed, await states.read('mdm'), at);
    expect(never.remembered).not.toHaveProperty('cursor');
    expect([never.state, never.lagMs]).toEqual(['never run', null]);
    const remembered = { ...(await states.read('mdm')), lastSuccessAt: at };
    const stateAt = (minutes: number): string => healthOf(feed, remembered, at + minutes * 60_000).state;
    expect([stateAt(1), stateAt(59), stateAt(61)]).toEqual(['ok', 'ok', 'stale']);
  });

  it('that a brake holds stay held, as an operator has to release them, and count as stale beside that', async () => {
    const { feed } = scripted([fleet(1)]);
    const held = { at, reasons: ['it would remove too many'] };
    const remembered = { ...(await states.read('mdm')), lastSuccessAt: at, held };
    const { state, isStale } = healthOf(feed, remembered, at + 61 * 60_000);
    expect([state, isStale]).toEqual(['held', true]);
    expect(healthOf(feed, remembered, at + 60_000)).toMatchObject({ state: 'held', isStale: false });
  });
});

describe('threat: a clock that is set back', () => {
  const at = Date.parse('2026-12-01T10:00:00Z');
  const year = 365 * 86_400_000;

  it('puts no run off until the time of the last one comes again', () => {
    expect(runAfterLast('*/15 * * * *', at + year, at)).toBeLessThanOrEqual(at);
    expect(runAfterLast('*/15 * * * *', at, at + 1)).toBe(at + 900_000);
  });

  it('shows a feed that ran in the future as stale', async () => {
    const { feed } = scripted([fleet(1)]);
    const remembered = { ...(await states.read('mdm')), lastSuccessAt: at + year };
    expect(healthOf(feed, remembered, at).state).toBe('stale');
  });
});

it('threat: a token of the source in a list of feeds (the cursor is not shown)', async () => {
  const { feed } = scripted([{ ...fleet(1), cursor: 'secret' }]);
  await run(feed);
  const health = healthOf(feed, await states.read('mdm'), Date.now());
  expect(JSON.stringify(health)).not.toContain('secret');
});

/** Of a leader that no other one followed. */
const FENCE = 1;

describe('running feeds', () => {
  it('run what was missed at once, and end when they are closed', async () => {
    const { feed } = scripted([fleet(3)]);
    const { promise, resolve } = Promise.withResolvers<ApplyOutcome>();
    const running = startFeeds(
      store,
      states,
      [feed],
      {
        onRun: (_feed, outcome) => resolve(outcome),
        onFailure: (_feed, error) => expect.unreachable(String(error)),
      },
      FENCE,
    );
    expect((await promise).devices.accepted).toBe(3);
    await running.close();
  });

  it('read a file that is dropped into their folder without waiting for the schedule', async () => {
    const drops = join(folder, 'drops');
    mkdirSync(drops);
    const linesOf = (file: FolderFile): AsyncGenerator<FeedLine> =>
      fileLines({ source: 'mdm', format: null, zone: 'UTC', order: null, path: drops }, file);
    let isWatched = false;
    const clock = {
      ...SYSTEM_CLOCK,
      wait: (ms: number, signal: AbortSignal) => {
        // It looks once a minute whether the folder is still the same one.
        isWatched ||= ms === 60_000;
        return SYSTEM_CLOCK.wait(ms === 60_000 ? ms : 1, signal);
      },
    };
    const adapter = watchedFolder({ path: drops, settleMs: 0, moves: true, linesOf }, clock);
    const feed: Feed = { ...scripted().feed, schedule: '0 0 29 2 *', adapter };
    await run(feed);
    const outcomes: ApplyOutcome[] = [];
    const events = {
      onRun: (_feed: Feed, outcome: ApplyOutcome) => void outcomes.push(outcome),
      onFailure: (_feed: Feed, error: unknown) => expect.unreachable(String(error)),
    };
    const running = startFeeds(store, states, [feed], events, FENCE);
    try {
      await until(() => isWatched, 'the watch');
      writeFileSync(join(drops, 'a.csv'), 'id,managed\nPHONE1,true\n');
      await until(() => outcomes.length > 0, 'a run');
      expect(outcomes[0]?.devices.accepted).toBe(1);
    } finally {
      await running.close();
    }
  });

  it('report a failure, and do not try again at once', async () => {
    const { feed, cursors } = scripted(new FeedError('EASGATE_FEED_SOURCE', 'the source is down'));
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const running = startFeeds(
      store,
      states,
      [feed],
      {
        onRun: () => expect.unreachable('it failed'),
        onFailure: (_feed, error) => resolve(error),
      },
      FENCE,
    );
    expect(await promise).toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
    await running.close();
    expect(cursors).toHaveLength(1);
  });
});
