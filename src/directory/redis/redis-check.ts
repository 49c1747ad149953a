// Owns the search for malformed records in Redis.
import type { Redis } from 'ioredis';
import type { DeviceKey } from '../../identity/keys.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { readDecision } from '../../model/decision.ts';
import { readDevice } from '../../model/device.ts';
import { readPartnership } from '../../model/partnership.ts';
import { readUser } from '../../model/user.ts';
import { decodeUser } from './redis-keys.ts';

const BATCH = 500;

/** Name prefixes of records that are text. */
const TEXTS = /^(?:device|user|alias|partnership|decision|secret):/;

/** Names of records, in order. */
export async function unreadableRecords(client: Redis, prefix: string, epoch: number): Promise<string[]> {
  const reader = new TolerantReader();
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', BATCH);
    cursor = next;
    const names = keys.map((key) => key.slice(prefix.length)).filter((name) => TEXTS.test(name));
    const stored = await readTexts(
      client,
      names.map((name) => prefix + name),
    );
    for (const [index, name] of names.entries()) {
      const found = stored[index];
      if (found === undefined) reader.fail(name);
      else reader.read(found, (text) => parse(name, text, epoch));
    }
  } while (cursor !== '0');
  return [...new Set(reader.unreadable().unreadable ?? [])].sort();
}

/** One entry per key: its text, null if missing, undefined if not text. */
export async function readTexts(
  client: Redis,
  keys: readonly string[],
): Promise<(string | null | undefined)[]> {
  if (keys.length === 0) return [];
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.get(key);
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, value]) => {
    if (error === null) return value as string | null;
    if (error.message.startsWith('WRONGTYPE')) return undefined;
    throw error;
  });
}

function parse(name: string, text: string, epoch: number): void {
  const [kind, one = '', two = ''] = name.split(':');
  if (kind === 'device') readDevice(one as DeviceKey, text);
  else if (kind === 'user') readUser(decodeUser(one), text);
  else if (kind === 'partnership') readPartnership(decodeUser(one), two as DeviceKey, text);
  else if (kind === 'decision')
    readDecision(text, two === '' ? `decision ${one}` : `decision ${one} ${decodeUser(two)}`, epoch);
}
