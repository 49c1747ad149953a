// Owns the promise of SECURITY.md that the account it names for Redis is enough for a gateway, and for nothing else.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { openStore } from '../../src/directory/open-store.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  phone,
  seenPartnership,
  userReport,
} from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));

/** The words of the command in SECURITY.md. */
function documented(): string[] {
  const text = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');
  const [line = ''] = /ACL SETUSER easgate [^`\n]*/.exec(text) ?? [];
  return line.split(' ');
}

it('the account of SECURITY.md can do what a gateway does, and reads no other keys', async () => {
  const [acl = '', ...words] = documented();
  expect(await client.call(acl, ...words)).toBe('OK');
  await client.set('other', 'secret');
  const password = words.find((word) => word.startsWith('>'))?.slice(1) ?? '';
  const url = redis.url.replace('redis://', `redis://easgate:${password}@`);
  const codes: string[] = [];
  const store = await openStore(
    { kind: 'redis', url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 },
    { serves: true, onEvent: (_level, { code }) => codes.push(String(code)) },
  );
  const start = await store.position();
  await store.putDevices([deviceReport(phone)]);
  await store.putUsers([userReport(alice, { aliases: ['al'] })]);
  await store.putUsers([userReport(alice, { observedAt: 2, aliases: [] })]);
  await store.putImported('exchange', [{ device: phone, user: null, decision: decision('allow') }]);
  await store.putImported('exchange', [{ device: phone, user: null, decision: null }]);
  await store.decide({ device: phone, user: alice }, decision('block'), BY_TEST);
  await store.recordSeen([seenPartnership(alice, phone, 1)]);
  expect((await store.lookup(alice, phone)).partnershipDecision?.action).toBe('block');
  expect((await store.changesAfter(start)).changes.length).toBeGreaterThan(0);
  expect(await store.unreadable()).toEqual([]);
  expect(await store.sharedSecret()).toMatch(/^[0-9a-f]{64}$/);
  await store.close();
  expect(codes).toEqual([]);
  const restricted = new Redis(url);
  await expect(restricted.get('other')).rejects.toThrow('NOPERM');
  await expect(restricted.flushall()).rejects.toThrow('NOPERM');
  restricted.disconnect();
});
