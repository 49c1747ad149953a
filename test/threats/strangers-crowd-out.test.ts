// Owns the promise that strangers, whose credentials were not checked, neither use up the look-ups of known phones nor
// make the gateway forget how many passwords were wrong.
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { Decision } from '../../src/directory/verdict-cache.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { LoginLimiter } from '../../src/gateway/credentials/login-limiter.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { TestClock } from '../support/checks/test-clock.ts';
import { checkLeaks, watchGateway } from '../support/checks/leaks.ts';
import { UNAUTHORIZED, ok } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request, testSettings } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import { backendOf, phoneOf } from '../support/servers/openings.ts';
import { deviceReport } from '../support/servers/directory-records.ts';
import { TWO_AT_ONCE } from '../support/servers/two-lookups.ts';

checkLeaks();

const STRANGERS = 300;
const PHONES = 12;

const ask = (login: string, device: string): string =>
  request('FolderSync', FOLDER_SYNC, [], device)
    .replace('YWxpY2U6c2VjcmV0', Buffer.from(login).toString('base64'))
    .replace('User=alice&', '');

describe('three hundred connections of strangers, before a slow directory', () => {
  it('leave every known phone its look-up', async () => {
    const inner = new EmbeddedStore(':memory:');
    const gate = Promise.withResolvers<void>();
    let held = 0;
    // The store answers for the phones, and never for the strangers.
    const store = Object.create(inner, {
      lookup: {
        value: async (...asked: Parameters<DirectoryStore['lookup']>) => {
          if (asked[0].startsWith('stranger')) {
            held++;
            await gate.promise;
          }
          return inner.lookup(...asked);
        },
      },
    }) as DirectoryStore;
    const allow = compileSimplePolicy({});
    const cache = new VerdictCache(store, allow, {
      maxEntries: 1_000,
      maxUnknownEntries: 1_000,
      // Each request needs a look-up of its own.
      lifetimeMs: 1,
      unknownLifetimeMs: 1,
      maxConcurrentLookups: 256,
      lookupTimeoutMs: 60_000,
      staleAllowedMs: 1,
      staleBlockedMs: 1,
      onLookupError: () => undefined,
    });
    await cache.start();
    const recorder = new PartnershipRecorder(inner);
    const backend = await backendOf(({ connection, head }) =>
      connection.socket.write(
        head.includes(Buffer.from('stranger').toString('base64').slice(0, 8)) ? UNAUTHORIZED : ok(),
      ),
    );
    const time = new TestClock();
    const gateway = await startGateway({
      clock: time.now,
      wall: time.wall,
      settings: testSettings(backend.port, { client: { bodyTimeoutMs: 60_000, maxConnections: 1_000 } }),
      verdicts: cache,
      recorder,
      accessLog: null,
    });
    watchGateway(gateway);
    onTestFinished(async () => {
      gate.resolve();
      await gateway.close();
      await cache.stop();
      await recorder.close();
      await inner.close();
    });
    const names = Array.from({ length: PHONES }, (_, index) => `PHONE${index}`);
    for (const name of names) await inner.putDevices([deviceReport(deviceKey(name))]);
    const phones = await Promise.all(names.map(() => phoneOf(gateway)));
    const all = async (): Promise<number[]> => {
      for (const [index, phone] of phones.entries())
        phone.send(ask(`owner${index}:secret`, names[index] ?? ''));
      return (await Promise.all(phones.map((phone) => phone.response()))).map(({ status }) => status);
    };
    expect(await all()).toEqual(Array(PHONES).fill(200));

    const before = cache.misses;
    const strangers = await Promise.all(Array.from({ length: STRANGERS }, () => phoneOf(gateway)));
    for (const [index, stranger] of strangers.entries())
      stranger.send(ask(`stranger${index}:x`, `EVIL${index}`));
    await until(() => cache.misses === before + STRANGERS, 'all of them to need a look-up');
    for (let round = 0; round < 3; round++) expect(await all()).toEqual(Array(PHONES).fill(200));
    // One address gets half of the places for strangers.
    expect(held).toBe(128);
  });
});

describe('a stranger who asks for the phone of somebody else, behind a crowd of his own', () => {
  it('does not have it wait there when it comes itself, from another address', async () => {
    const inner = new EmbeddedStore(':memory:');
    const gate = Promise.withResolvers<void>();
    const asked: string[] = [];
    const store = Object.create(inner, {
      lookup: {
        value: async (...pair: Parameters<DirectoryStore['lookup']>) => {
          asked.push(pair[1]);
          if (pair[1] === 'crowd') await gate.promise;
          return inner.lookup(...pair);
        },
      },
    }) as DirectoryStore;
    const cache = new VerdictCache(store, compileSimplePolicy({}), TWO_AT_ONCE);
    onTestFinished(async () => {
      gate.resolve();
      await cache.stop();
      await inner.close();
    });
    const ask = (device: string, address: string): Promise<Decision> =>
      cache.decide('alice' as UserKey, device as DeviceKey, { address, proven: false });
    // The directory takes long for what the stranger asks first, so that the rest of his crowd waits.
    const crowd = ask('crowd', '192.0.2.1');
    const named = ask('phone', '192.0.2.1');
    expect((await ask('phone', '198.51.100.1')).source).toBe('store');
    expect(asked).toEqual(['crowd', 'phone']);
    gate.resolve();
    expect([(await crowd).source, (await named).source]).toEqual(['store', 'store']);
  });
});

describe('the count of wrong passwords of a user', () => {
  const guess = (limits: LoginLimiter, user: string, address: string): boolean =>
    limits.charge(user as UserKey, address) !== null;

  it('outlives 12,000 made-up users', () => {
    const limits = new LoginLimiter(() => 1_000);
    let asked = 0;
    for (let index = 0; index < 200; index++) if (guess(limits, 'alice', `192.0.2.${index % 20}`)) asked++;
    expect(asked).toBe(60);
    for (let index = 0; index < 12_000; index++)
      guess(limits, `made-up-${index}`, `2001:db8:${index.toString(16)}::1`);
    for (let index = 0; index < 200; index++) if (guess(limits, 'alice', `198.51.100.${index}`)) asked++;
    expect(asked).toBe(60);
  });

  it('of an address outlives as many made-up addresses', () => {
    const limits = new LoginLimiter(() => 1_000);
    let asked = 0;
    for (let index = 0; index < 300; index++) if (guess(limits, `user-${index}`, '192.0.2.1')) asked++;
    for (let index = 0; index < 12_000; index++)
      guess(limits, `made-up-${index}`, `2001:db8:${index.toString(16)}::1`);
    for (let index = 0; index < 300; index++) if (guess(limits, `later-${index}`, '192.0.2.1')) asked++;
    expect(asked).toBe(100);
  });

  it('ends with its minute, and is given back for what was no refusal', () => {
    let now = 1_000;
    const limits = new LoginLimiter(() => now);
    for (let index = 0; index < 10; index++) {
      const charge = limits.charge('alice' as UserKey, '192.0.2.1');
      expect(charge).not.toBeNull();
      if (charge !== null && index % 2 === 0) limits.refund(charge);
    }
    for (let index = 0; index < 5; index++) expect(guess(limits, 'alice', '192.0.2.1')).toBe(true);
    expect(guess(limits, 'alice', '192.0.2.1')).toBe(false);
    now += 60_000;
    expect(guess(limits, 'alice', '192.0.2.1')).toBe(true);
  });

  it('lets nearly every real user be asked about beside a flood of made-up ones', () => {
    const limits = new LoginLimiter(() => 1_000);
    for (let index = 0; index < 100_000; index++)
      guess(
        limits,
        `made-up-${index}`,
        `2001:db8:${(index >> 4).toString(16)}:${(index & 15).toString(16)}::1`,
      );
    let served = 0;
    for (let index = 0; index < 1_000; index++)
      if (guess(limits, `real-${index}`, `10.0.${index >> 8}.${index & 255}`)) served++;
    expect(served).toBeGreaterThan(990);
  });
});
