// Owns the threat of a wall clock that is set, by NTP or by somebody who controls its source (RFC 8633 5): it must not end
// held polls as one wave, nor keep in force what has ended. Deadlines count on the monotonic clock.
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import { change } from '../journal/entries.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { HeldPolls } from '../support/phones/held-polls.ts';
import { TestClock } from '../support/checks/test-clock.ts';
import { FOLDER_SYNC, PING, request, verdict } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { startRedis } from '../support/servers/redis.ts';
import { untilRead } from '../support/phones/raw-client.ts';
import { BY_TEST, alice, decision, partnershipsOf, phone } from '../support/servers/directory-records.ts';

checkLeaks();

const HOURS_MS = 3_600_000;
/** Forward and back. */
const JUMPS = [2 * HOURS_MS, -2 * HOURS_MS];

describe.each(JUMPS)('a wall clock that is set by %i ms', (jump) => {
  it('ends no held poll', async () => {
    const time = new TestClock();
    const backend = await backendOf(() => undefined);
    const gateway = await gatewayOf(backend, { time });
    const crowd = await HeldPolls.open(gateway.port, 3);
    onTestFinished(() => crowd.destroy());
    await until(() => gateway.heldPolls() === 3, 'the polls to be held');
    await time.setWall(jump);
    expect([gateway.heldPolls(), crowd.polls.map(({ received }) => received)]).toEqual([3, ['', '', '']]);
  });

  it('prolongs no held poll whose heartbeat passes', async () => {
    const time = new TestClock();
    const backend = await backendOf(() => undefined);
    const gateway = await gatewayOf(backend, { time });
    const client = await phoneOf(gateway);
    client.send(request('Ping', PING));
    await until(() => gateway.heldPolls() === 1, 'the poll to be held');
    await time.setWall(jump);
    await time.advance(480_000 + 2_000);
    expect((await client.response()).status).toBe(504);
  });

  it('moves no end of a decision that a held poll rests on', async () => {
    const time = new TestClock();
    const backend = await backendOf(() => undefined);
    const gateway = await gatewayOf(backend, { time });
    gateway.verdicts.set('abc123', { ...verdict('allow'), validUntil: time.wall() + 60_000 });
    const client = await phoneOf(gateway);
    client.send(request('Ping', PING));
    await until(() => gateway.heldPolls() === 1, 'the poll to be held');
    // What holds when the decision has ended; nothing announces it.
    gateway.verdicts.set('abc123', verdict('block'));
    await time.setWall(jump);
    await time.advance(58_000);
    expect(gateway.heldPolls()).toBe(1);
    await time.advance(3_000);
    expect((await client.response()).status).toBe(200);
  });

  it('neither cuts nor keeps a slow head', async () => {
    const time = new TestClock();
    const gateway = await gatewayOf(await backendOf(answerOk), { time });
    const client = await phoneOf(gateway);
    client.send('POST /');
    await until(() => gateway.connections() === 1, 'the connection');
    await time.setWall(jump);
    expect(client.ended).toBe(false);
    await time.advance(5_100);
    expect((await client.response()).status).toBe(408);
  });

  it('frees no device from the throttle, and holds none back', async () => {
    const time = new TestClock();
    const gateway = await gatewayOf(await backendOf(answerOk), {
      time,
      throttle: { burst: 1, perMinute: 1 },
    });
    const client = await phoneOf(gateway);
    const ask = async (): Promise<number> => {
      client.send(request('FolderSync', FOLDER_SYNC));
      return (await client.response()).status;
    };
    expect([await ask(), await ask()]).toEqual([200, 503]);
    await time.setWall(jump);
    expect(await ask()).toBe(503);
    await time.advance(121_000);
    // The connection was idle for too long meanwhile.
    const later = await phoneOf(gateway);
    later.send(request('FolderSync', FOLDER_SYNC));
    expect((await later.response()).status).toBe(200);
  });
});

describe.each(JUMPS)('verdicts in memory, when the wall clock is set by %i ms', (jump) => {
  const policy = compileSimplePolicy({ unknownDevice: 'block', notEnrolled: 'block', notCompliant: 'block' });
  const options = {
    maxEntries: 10,
    maxUnknownEntries: 10,
    lifetimeMs: 600_000,
    unknownLifetimeMs: 10_000,
    maxConcurrentLookups: 9,
    lookupTimeoutMs: 5_000,
    staleAllowedMs: 900_000,
    staleBlockedMs: 900_000,
    onLookupError: () => undefined,
  };

  /** A cache whose clocks only the test moves. */
  function cacheOf(store: EmbeddedStore): { clock: { now: number; wall: number }; cache: VerdictCache } {
    const clock = { now: 1_000, wall: 1_800_000_000_000 };
    const cache = new VerdictCache(
      store,
      policy,
      options,
      () => clock.now,
      () => clock.wall,
    );
    return { clock, cache };
  }

  it('live as long as they would have, and end with the decision they rest on', async () => {
    const store = new EmbeddedStore(':memory:');
    const { clock, cache } = cacheOf(store);
    await store.decide(
      { user: null, device: phone },
      { ...decision('allow'), expiresAt: clock.wall + 60_000 },
      BY_TEST,
    );
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
    clock.wall += jump;
    expect(cache.peek(alice, phone)?.action).toBe('allow');
    clock.now += 59_000;
    expect(cache.peek(alice, phone)?.action).toBe('allow');
    clock.now += 1_001;
    expect(cache.peek(alice, phone)?.action).toBe('block');
    await store.close();
    // The directory is away: what has ended does not serve on.
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('block');
  });

  it('serve in an outage for as long as configured', async () => {
    const store = new EmbeddedStore(':memory:');
    const { clock, cache } = cacheOf(store);
    await store.decide({ user: null, device: phone }, decision('allow'), BY_TEST);
    await cache.decide(alice, phone);
    await store.close();
    clock.wall += jump;
    clock.now += 899_000;
    expect((await cache.decide(alice, phone)).source).toBe('stale');
    clock.now += 2_000;
    expect((await cache.decide(alice, phone)).source).toBe('none');
  });

  it('are decided anew under the new time of day, once they are over', async () => {
    const store = new EmbeddedStore(':memory:');
    const { clock, cache } = cacheOf(store);
    await store.decide(
      { user: null, device: phone },
      { ...decision('allow'), expiresAt: clock.wall + HOURS_MS },
      BY_TEST,
    );
    await cache.decide(alice, phone);
    clock.wall += jump;
    clock.now += 600_001;
    const { verdict } = await cache.decide(alice, phone);
    expect(verdict?.action).toBe(jump > 0 ? 'block' : 'allow');
    await store.close();
  });

  it('have the end of their decision converted again when it moved', async () => {
    const store = new EmbeddedStore(':memory:');
    const { clock, cache } = cacheOf(store);
    await store.decide(
      { user: null, device: phone },
      { ...decision('allow'), expiresAt: clock.wall + 10 * HOURS_MS },
      BY_TEST,
    );
    const before = (await cache.decide(alice, phone)).verdict;
    clock.now += 600_001;
    clock.wall += 600_001;
    // The same moment: the verdict stays the same object.
    expect((await cache.decide(alice, phone)).verdict).toBe(before);
    clock.wall += jump;
    clock.now += 600_001;
    expect((await cache.decide(alice, phone)).verdict?.lapsesAt).toBe(
      clock.now + (1_800_000_000_000 + 10 * HOURS_MS - clock.wall),
    );
    await store.close();
  });
});

describe.each(JUMPS)('limits, when the wall clock is set by %i ms', (jump) => {
  it('of writing a partnership again stay as they are, and records carry the time of day', async () => {
    const store = new EmbeddedStore(':memory:');
    const clock = { now: 1_000, wall: 1_800_000_000_000 };
    const recorder = new PartnershipRecorder(
      store,
      () => clock.now,
      () => clock.wall,
    );
    const lastSeen = async (): Promise<number | undefined> => {
      recorder.seen({
        user: alice,
        device: phone,
        deviceType: 'Test',
        userAgent: null,
        protocolVersion: '14.1',
        verdict: verdict('allow'),
        information: null,
        spelling: 'phone1',
      });
      await recorder.flush();
      return (await partnershipsOf(store))[0]?.lastSeen;
    };
    expect(await lastSeen()).toBe(clock.wall);
    const before = clock.wall;
    clock.wall += jump;
    expect(await lastSeen()).toBe(before);
    clock.now += 900_000;
    expect(await lastSeen()).toBe(clock.wall);
    await recorder.close();
    await store.close();
  });
});

const HOUR_MS = 3_600_000;

describe('a wall clock that is set back', () => {
  it('makes no device of the throttle wait longer', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend, { throttle: { burst: 2, perMinute: 6_000 } });
    const phone = await phoneOf(gateway);
    const ask = async (): Promise<number> => {
      phone.send(request('FolderSync', FOLDER_SYNC));
      return (await phone.response()).status;
    };
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 503]);
    await gateway.time.setWall(-HOUR_MS);
    const statuses: number[] = [];
    for (let round = 0; round < 3; round++) {
      await gateway.time.advance(10);
      statuses.push(await ask());
    }
    expect(statuses).toEqual([200, 200, 200]);
  });

  it('changes no deadline', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    const client = await phoneOf(gateway);
    client.send('POST /');
    await untilRead(gateway);
    await gateway.time.setWall(-HOUR_MS);
    await gateway.time.advance(5_001);
    await until(() => client.ended, 'the slow head to be given up').catch(() => undefined);
    const { ended } = client;
    expect(ended).toBe(true);
  });

  it('ends a decision when its time of day has come', async () => {
    const backend = await backendOf(() => undefined);
    const gateway = await gatewayOf(backend);
    const { time } = gateway;
    await time.setWall(-HOUR_MS);
    gateway.verdicts.set('abc123', { ...verdict('allow'), validUntil: time.wall() + 60_000 });
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    gateway.verdicts.set('abc123', verdict('block'));
    await time.advance(59_999);
    const { received } = phone;
    await time.advance(1);
    const { status } = await phone.response();
    expect([received, status]).toEqual(['', 200]);
  });
});

describe('a gateway whose clock is years ahead', () => {
  it('removes nothing from the audit that it shares with other gateways', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.kill());
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    // Redis removes whole nodes of a stream, of about 100 entries.
    const entries = 250;
    for (let count = 0; count < entries; count += 1) await client.xadd('easgate:audit', '*', 'e', '[]');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 365 * 24 * HOURS_MS });
    onTestFinished(() => void vi.useRealTimers());
    const kept = { maxAgeMs: 400 * 24 * HOURS_MS, maxEntries: 1_000_000 };
    const options = { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
    const journal = new RedisJournal(options, { journal: kept, audit: kept });
    onTestFinished(() => journal.close());
    await journal.appendAudit(change());
    expect(await client.xlen('easgate:audit')).toBe(entries + 1);
  });
});
