// Owns the promise that only workers give up on Redis as soon as phones need it: commands and feeds wait longer.
import type { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../src/directory/open-store.ts';
import { askedAgainWhileSlow } from '../../src/directory/background-timeout.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import { change, KEEP_ALL } from '../journal/entries.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { deviceReport, phone } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));

const options = (commandTimeoutMs: number) =>
  ({ kind: 'redis', url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs }) as const;
/** Redis answers nothing for half a second, as on a busy machine. */
const pause = () => client.call('CLIENT', 'PAUSE', '500');

it('a command writes to a Redis that answers later than a worker waits', async () => {
  const store = await openStore(options(20));
  await pause();
  expect(await store.putDevices([deviceReport(phone)])).toHaveLength(1);
  await store.close();
});

it('a worker does not wait for it', async () => {
  const store = await openStore(options(2_000), { ...UNGUARDED, serves: true });
  // Longer than the test takes. Other commands than writes are answered, or this pause could not be ended.
  await client.call('CLIENT', 'PAUSE', '600000', 'WRITE');
  await expect(store.putDevices([deviceReport(phone)])).rejects.toThrow('timed out');
  await client.call('CLIENT', 'UNPAUSE');
  await store.close();
});

it('a worker that starts does: no phone waits for it yet', async () => {
  // The check of a worker is a script, which the pause of writes holds up; the connection itself is ready at once.
  await client.call('CLIENT', 'PAUSE', '500', 'WRITE');
  const store = await openStore(options(100), { ...UNGUARDED, serves: true });
  const found = (): Promise<boolean> =>
    store.getDevice('nowhere' as DeviceKey).then(
      (device) => device === null,
      () => false,
    );
  await until(found, 'an answer within the time of a worker');
  await store.close();
});

it('a worker that starts says which Redis does not answer, after some seconds', async () => {
  await client.call('CLIENT', 'PAUSE', '600000', 'WRITE');
  onTestFinished(async () => void (await client.call('CLIENT', 'UNPAUSE')));
  await expect(openStore(options(100), { ...UNGUARDED, serves: true })).rejects.toMatchObject({
    code: 'EASGATE_REDIS',
    message: expect.stringMatching(/^redis:.*store\.url\): no answer/) as string,
  });
});

it('an answer that takes too long is asked for again, and another error is told at once', async () => {
  const errors = ['Command timed out', 'Command timed out', 'WRONGTYPE'];
  let asked = 0;
  const ask = async (): Promise<void> => {
    throw new Error(errors[asked++]);
  };
  await expect(askedAgainWhileSlow(ask)).rejects.toThrow('WRONGTYPE');
  expect(asked).toBe(3);
});

it('the audit is written, too', async () => {
  const journal = await openJournalStore({ ...options(20), retention: KEEP_ALL });
  await journal.end('audit');
  await pause();
  await journal.appendAudit(change());
  expect(await journal.end('audit')).not.toBeNull();
  await journal.close();
});
