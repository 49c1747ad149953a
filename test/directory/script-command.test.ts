// Owns the promises of commands that are not made by the Redis library: Redis gets the same bytes, and they end in their time.
import { Command } from 'ioredis';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { ScriptCommand } from '../../src/directory/redis/script-command.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { alice, deviceReport, phone } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
useRedis((server) => (redis = server));

const other = 'phone2' as DeviceKey;

async function open(commandTimeoutMs: number): Promise<RedisStore> {
  const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs });
  onTestFinished(() => store.close());
  return store;
}

it('a script command has the bytes that the library would send', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 250, maxLength: 300 }));
  fc.assert(
    fc.property(text, fc.array(text), fc.array(text), (sha, keys, values) => {
      const words = [sha, keys.length, ...keys, ...values];
      const byLibrary = new Command('evalsha', words, { replyEncoding: null }).toWritable({});
      expect(Buffer.from(new ScriptCommand(sha, keys, values).toWritable())).toEqual(Buffer.from(byLibrary));
    }),
  );
});

it('the answer to a look-up that ended without it does not answer a later one', async () => {
  const store = await open(3_000);
  await store.putDevices([deviceReport(phone, { model: 'first' }), deviceReport(other, { model: 'second' })]);
  redis.freeze();
  const late = store.lookup(alice, phone);
  try {
    await expect(late).rejects.toThrow('Command timed out');
  } finally {
    redis.thaw();
  }
  const { device } = await store.lookup(alice, other);
  expect(device?.model).toBe('second');
});
