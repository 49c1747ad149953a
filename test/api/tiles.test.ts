// Owns the promise that the number of a tile of the overview is how many rows the list behind it has, with a directory of either kind.
import { expect, it } from 'vitest';
import { TILE_LISTS } from '../../src/api/contract/tiles.ts';
import type { TileName } from '../../src/api/contract/tiles.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { AccessDecision } from '../../src/model/decision.ts';
import { DAY_MS, openOffice, seen } from '../app/office.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { BY_TEST, decision, deviceReport, wipeDecision } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaksAtEnd();

let url = '';
useRedis((server) => (url = server.url));

const device = (name: string): DeviceKey => name as DeviceKey;
const user = (name: string): UserKey => name as UserKey;

/** The office with exceptions that end in three days, later and never, a wipe that is open, and one that was confirmed. */
async function fill(store: DirectoryStore, now: number): Promise<void> {
  await openOffice(store, now);
  await store.recordSeen([
    seen('contoso\\bob', 'second6', 1),
    seen('dave', 'good7', 1),
    seen('erin', 'good8', 1),
  ]);
  await store.putDevices([deviceReport(device('good7')), deviceReport(device('good8'))]);
  const allowFor = (days: number | null): AccessDecision => ({
    ...decision('allow'),
    expiresAt: days === null ? null : now + days * DAY_MS,
  });
  await store.decide({ user: user('contoso\\bob'), device: null }, allowFor(3), BY_TEST);
  await store.decide({ user: null, device: device('good7') }, allowFor(30), BY_TEST);
  await store.decide({ user: null, device: device('good8') }, allowFor(null), BY_TEST);
  await store.decide({ user: null, device: device('good1') }, wipeDecision(now - 1), BY_TEST);
  const { wipe, ...confirmed } = wipeDecision(now - 1, 'accountWipe', 'alice@contoso.com', device('old2'));
  await store.decide(
    { user: user('alice@contoso.com'), device: device('old2') },
    { ...confirmed, wipe: { ...wipe, state: 'acknowledged', acknowledgedAt: now } },
    BY_TEST,
  );
}

it.each([
  ['a file', async () => new EmbeddedStore(':memory:')],
  ['Redis', () => RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 })],
])('of a directory in %s is the number of rows of its list', async (_what, open) => {
  const store: DirectoryStore = await open();
  await fill(store, Date.now());
  const api = await openTestApi({ store });
  const get = async (path: string): Promise<unknown> => (await api.send('viewer', `/api/v1/${path}`)).json;
  const rowsOf = async (path: string): Promise<number> => {
    const list = (await get(path)) as { readonly rows?: unknown[]; readonly phones?: unknown[] };
    return (list.rows ?? list.phones)?.length ?? NaN;
  };

  const overview = (await get('overview')) as {
    readonly tiles: Readonly<Record<TileName, { readonly count: number }>>;
    readonly devices: number;
  };
  const numbers = Object.fromEntries(
    Object.entries(overview.tiles).map(([name, { count }]) => [name, count]),
  );
  const rows: Record<string, number> = {};
  for (const [name, { page, query }] of Object.entries(TILE_LISTS))
    rows[name] = await rowsOf(`${page}?${new URLSearchParams({ ...query, limit: '100' }).toString()}`);
  expect(numbers).toEqual(rows);
  expect(numbers).toMatchObject({ unknown: 2, wiping: 2, exceptions: 2 });
  expect(overview.devices).toBe(await rowsOf('devices?limit=100'));
});
