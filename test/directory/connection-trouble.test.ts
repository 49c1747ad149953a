// Owns the promise that each reason why Redis cannot be reached again is logged once, and that a lost connection or a late answer is no reason.
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { logConnectionTrouble } from '../../src/directory/redis/connection-trouble.ts';
import type { RedisClient } from '../../src/directory/redis/redis-cluster.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const OPTIONS = { url: 'redis://127.0.0.1:1', keyPrefix: 'easgate:', commandTimeoutMs: 1_000 };

it('each reason is logged once until a connection is ready, whichever of two connections reports it', () => {
  const [one, other] = [new EventEmitter(), new EventEmitter()];
  const told: string[] = [];
  const clients = [one, other].map((client) => Object.assign(client, { isCluster: false })) as unknown[];
  logConnectionTrouble(clients as RedisClient[], OPTIONS, (_level, { code, cause }) =>
    told.push(`${String(code)} ${String(cause)}`),
  );
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const password = new Error('WRONGPASS invalid username-password pair');
  for (const error of [refused, password, refused, password])
    for (const client of [one, other]) client.emit('error', error);
  expect(told).toEqual([
    expect.stringMatching(/^EASGATE_STORE_CONNECTION .*nothing listens there/),
    expect.stringMatching(/^EASGATE_STORE_CONNECTION .*refuses the user or the password/),
  ]);
  one.emit('ready');
  other.emit('error', refused);
  expect(told).toHaveLength(3);
});

it('Sentinels that cannot be reached are one reason, however long the library waits between its attempts', () => {
  const client = Object.assign(new EventEmitter(), { isCluster: false });
  const causes: unknown[] = [];
  const sentinel = { nodes: [{ host: '127.0.0.1', port: 1 }], name: 'directory' };
  const behindSentinel = { ...OPTIONS, sentinel };
  logConnectionTrouble([client as unknown as RedisClient], behindSentinel, (_level, { cause }) =>
    causes.push(cause),
  );
  for (const ms of [135, 222, 1_850])
    client.emit(
      'error',
      new Error(`All sentinels are unreachable. Retrying from scratch after ${ms}ms. Last error: it is gone`),
    );
  expect(causes).toEqual([
    'directory (store.sentinels): no Sentinel answers, or none knows this name: All sentinels are unreachable. Last error: it is gone',
  ]);
});

it.each([
  Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' }),
  new Error('Connection is closed.'),
  new Error("Socket timeout. Expecting data, but didn't receive any in 5000ms."),
  new Error('timeout'),
  new Error('LOADING Redis is loading the dataset in memory'),
])('%s is not logged as a reason', (error) => {
  const client = Object.assign(new EventEmitter(), { isCluster: false });
  const told: unknown[] = [];
  logConnectionTrouble([client as unknown as RedisClient], OPTIONS, (_level, facts) => told.push(facts));
  client.emit('error', error);
  expect(told).toEqual([]);
});
