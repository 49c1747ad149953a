// Owns the promises of the overview: tiles, their lines over a day, refusals, traffic, health, and the stream of counters.
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import type { TileCounts } from '../../src/api/overview/tiles.ts';
import { Traffic } from '../../src/api/overview/traffic.ts';
import { HALF_HOUR_MS, Trends } from '../../src/api/overview/trends.ts';
import {
  certificateHealth,
  directoryHealth,
  feedsHealth,
  mailServerHealth,
} from '../../src/api/overview/health.ts';
import { Warnings } from '../../src/api/overview/warnings.ts';
import type { GatewayStatus } from '../../src/supervisor/status-server.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import { NOW, openOfficeToday, seen } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

/** A minute after the beginning of a half hour. */
const IN_SLOT = NOW - (NOW % HALF_HOUR_MS) + 90_000;

const COUNTS: TileCounts = { allowed: 10, quarantined: 2, blocked: 1, unknown: 3, wiping: 0, exceptions: 1 };

/** A gateway with one worker that counted so much. */
function statusWith(counters: Readonly<Record<string, number>>, more: object = {}): GatewayStatus {
  return {
    version: '1.2.3',
    pid: 1,
    startedAt: 0,
    phase: 'serving',
    policy: { name: null, file: null, hash: null },
    warnings: [],
    control: null,
    workers: [
      {
        pid: 2,
        uptimeSeconds: 1,
        health: { store: true, mailServer: true },
        counters,
        verdicts: { hits: 0, misses: 0 },
        store: 'embedded',
        policies: { live: null, shadow: null, rollout: null },
        position: '1',
        shadow: null,
        stateAgeMs: 5,
        cpuSeconds: 1,
        memoryBytes: 1,
        ...more,
      },
    ],
  };
}

function openTrends(store: AdminStore, counters: Record<string, number>, tiles = COUNTS): Trends {
  let clock = 0;
  const traffic = new Traffic(
    async () => statusWith({ ...counters }),
    () => (clock += 10_000),
  );
  return new Trends(store, traffic, async () => tiles);
}

function openFile(): AdminStore {
  const store = AdminStore.open(':memory:');
  onTestFinished(() => store.close());
  return store;
}

describe('the overview', () => {
  it('counts phones by state, with the reasons of those that are refused', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    const { status, json } = await api.send('viewer', '/api/v1/overview');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      gateway: 'gateway.test',
      tiles: {
        allowed: { count: 1, changed: null },
        quarantined: { count: 1 },
        blocked: { count: 1 },
        unknown: { count: 1 },
      },
      unknownSplit: { allowed: 0, quarantined: 0, blocked: 1 },
      reasons: [
        { state: 'quarantined', reason: 'notCompliant', phones: 1 },
        { state: 'blocked', reason: 'individualRule', phones: 1 },
      ],
    });
  });

  it('says what is wrong where the primary does not answer', async () => {
    const api = await openTestApi();
    const { json } = await api.send('viewer', '/api/v1/overview');
    expect(json).toMatchObject({
      traffic: { requestsPerSecond: null },
      health: { gateway: { state: 'bad' }, feeds: { state: 'off' } },
      warnings: [{ code: 'EASGATE_NO_ANSWER', since: null }],
    });
  });

  it('shows the newest refusals, one for each device and reason, with the model, without phones let in since', async () => {
    const retention = { maxAgeMs: 1e15, maxEntries: 1_000 };
    const journal = await openJournalStore({
      kind: 'embedded',
      path: ':memory:',
      retention: { journal: retention, audit: retention },
    });
    onTestFinished(() => journal.close());
    const refused = (at: number, user = 'contoso\\bob', device = 'lost3') => ({
      at,
      kind: 'device_refused' as const,
      user,
      device,
      action: 'block',
      reason: 'individualRule',
      rule: 'device decision by admin',
      count: 7,
      gateway: 'a',
      seconds: null,
      facts: null,
    });
    const now = Date.now();
    const letIn = refused(now - 3_000, 'dave', 'later5');
    await journal.append([letIn, refused(now - 2_000), refused(now - 1_000)]);
    const store = await openOfficeToday();
    await store.recordSeen([{ ...seen('dave', 'later5', 0), lastSeen: now - 500 }]);
    const api = await openTestApi({
      store,
      parts: { journal: async () => journal },
    });
    const { json } = await api.send('viewer', '/api/v1/overview');
    expect(json).toMatchObject({
      refusals: [
        {
          at: new Date(now - 1_000).toISOString(),
          device: 'lost3',
          state: 'blocked',
          model: 'Pixel 8',
          count: 7,
        },
      ],
    });
    expect((json as { refusals: unknown[] }).refusals).toHaveLength(1);
  });
});

describe('the lines of the overview', () => {
  it('have the tiles of each half hour, and what a day ago was', async () => {
    const trends = openTrends(openFile(), {});
    await trends.sample(IN_SLOT);
    const later = IN_SLOT + 48 * HALF_HOUR_MS;
    const lines = trends.lines(later, { ...COUNTS, allowed: 12 }, '24h');
    expect(lines.before?.allowed).toBe(10);
    expect(lines.tiles.allowed).toHaveLength(48);
    expect(lines.tiles.allowed.at(-1)).toBe(12);
    expect(lines.tiles.allowed.at(-2)).toBeNull();
  });

  it('outlive a restart', async () => {
    const store = openFile();
    await openTrends(store, {}).sample(IN_SLOT);
    const lines = openTrends(store, {}).lines(NOW + HALF_HOUR_MS, null, '24h');
    expect(lines.tiles.allowed.filter((count) => count !== null)).toEqual([10]);
  });

  it('have the requests of each minute, and count verdicts by half hours', async () => {
    const counters = { requests: 100, allowed: 90, quarantined: 0, blocked: 0 };
    const trends = openTrends(openFile(), counters);
    const minute = NOW - (NOW % HALF_HOUR_MS) + 60_000;
    await trends.sample(minute);
    Object.assign(counters, { requests: 700, allowed: 600, blocked: 4 });
    await trends.sample(minute + 60_000);
    const lines = trends.lines(minute + 61_000, null, '24h');
    expect(lines.requests.at(-1)).toBeGreaterThan(0);
    expect(lines.verdicts).toMatchObject([{ allowed: 510, quarantined: 0, blocked: 4 }]);
  });

  it('are over an hour, by minutes, until there are two half hours', async () => {
    const counters = { requests: 0, allowed: 0, quarantined: 0, blocked: 0 };
    const trends = openTrends(openFile(), counters);
    for (let minute = 0; minute < 3; minute++) {
      await trends.sample(IN_SLOT + minute * 60_000);
      counters.allowed += 5;
    }
    const early = trends.lines(IN_SLOT + 180_000, COUNTS);
    expect([early.range, early.tiles.allowed.length]).toEqual(['1h', 60]);
    expect(early.tiles.allowed.filter((count) => count !== null).length).toBeGreaterThan(2);
    expect(early.verdicts.map(({ allowed }) => allowed)).toEqual([0, 5, 5]);
    await trends.sample(IN_SLOT + HALF_HOUR_MS);
    expect(trends.lines(IN_SLOT + HALF_HOUR_MS + 1_000, COUNTS).range).toBe('24h');
  });

  it('are over a week by three hours, with the answers of each added up', async () => {
    const counters = { requests: 0, allowed: 0, quarantined: 0, blocked: 0 };
    const trends = openTrends(openFile(), counters);
    const from = NOW - (NOW % (6 * HALF_HOUR_MS)) + 90_000;
    for (let slot = 0; slot < 6; slot++) {
      await trends.sample(from + slot * HALF_HOUR_MS);
      counters.blocked += 2;
    }
    const { range, tiles, verdicts } = trends.lines(from + 5 * HALF_HOUR_MS, null, '7d');
    expect([range, tiles.allowed.length]).toEqual(['7d', 56]);
    expect(verdicts).toMatchObject([{ blocked: 10 }]);
    expect(tiles.allowed.at(-1)).toBe(10);
  });

  it('forget what is older than they show', async () => {
    const store = openFile();
    const trends = openTrends(store, {});
    for (const at of [NOW, NOW + 400 * HALF_HOUR_MS]) await trends.sample(at);
    expect(store.samples('halfHour', 0)).toHaveLength(1);
  });
});

describe('health', () => {
  it('is that of the weakest member', () => {
    const good = statusWith({});
    const [worker] = good.workers;
    const away = {
      ...good,
      workers: [worker ?? null, { ...worker, health: { store: true, mailServer: false } }],
    };
    const refused = statusWith({}, { health: { store: true, storeRefusal: 'disk full', mailServer: true } });
    expect(directoryHealth(good, 0)).toMatchObject({ state: 'good' });
    expect(directoryHealth(refused, 0)).toEqual({
      state: 'degraded',
      text: 'embedded answers, but takes no changes',
    });
    expect(new Warnings().list({ status: refused, control: null, feeds: [], remarks: [] }, 0)).toMatchObject([
      { code: 'EASGATE_STORE_UNWRITABLE', text: expect.stringContaining('(disk full)') as unknown },
    ]);
    expect(mailServerHealth(good).state).toBe('good');
    expect(mailServerHealth(away as GatewayStatus)).toEqual({
      state: 'degraded',
      text: 'no mail server answers to 1 of 2 workers',
    });
  });

  it('names the certificate that ends next, with the days left', () => {
    const ends = [{ place: 'p', name: 'eas.example.com', endsAt: NOW + 12.5 * 86_400_000 }];
    expect(certificateHealth(ends, NOW)).toEqual({
      state: 'degraded',
      text: '12 days left for eas.example.com',
    });
  });

  it('is bad where a feed of the configuration cannot be used', () => {
    expect(feedsHealth(null).state).toBe('bad');
  });
});
