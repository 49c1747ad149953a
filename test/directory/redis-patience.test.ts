// Owns the promise that only workers give up on Redis as soon as phones need it: commands and feeds wait longer.
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { openStore } from '../../src/directory/open-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import { change, KEEP_ALL } from '../journal/entries.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
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

it('the audit is written, too', async () => {
  const journal = await openJournalStore({ ...options(20), retention: KEEP_ALL });
  await journal.end('audit');
  await pause();
  await journal.appendAudit(change());
  expect(await journal.end('audit')).not.toBeNull();
  await journal.close();
});
