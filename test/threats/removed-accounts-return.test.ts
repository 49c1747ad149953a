// Owns the promises about tokens and sessions that were removed: no failover, old backup, restart or foreign field lets them in again
// (CWE-613).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { FleetAccounts } from '../../src/api/auth/fleet-accounts.ts';
import { SignIn, makeSetUp, newToken } from '../../src/api/auth/sign-in.ts';
import type { AccountRecords } from '../../src/directory/account-records.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { makeToken } from '../support/servers/make-token.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
useRedis((server) => (redis = server));
let records: AccountRecords;
beforeEach(async () => {
  await redis.clear();
  const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
  onTestFinished(() => store.close());
  records = store.accounts;
});

const NOW = 1_800_000_000_000;
const ADDRESS = '192.0.2.1';
const LIMITS = { idleMs: 600_000, longestMs: 3_600_000 };
const ADMIN = { name: 'ada', role: 'admin', createdBy: 'test', expiresAt: null } as const;

interface Gateway {
  readonly file: AdminStore;
  readonly accounts: FleetAccounts;
  readonly signIn: SignIn;
  isAway: boolean;
}

/** A gateway of the fleet. `file`: of the process before. */
function gateway(file: AdminStore | null = null): Gateway {
  const own = file ?? AdminStore.open(':memory:');
  const accounts = new FleetAccounts(own, () => {
    if (made.isAway) throw new Error('the directory does not answer');
    return records;
  });
  const signIn = new SignIn(own, LIMITS, () => undefined, null, accounts);
  const made = { file: own, accounts, signIn, isAway: false };
  onTestFinished(async () => {
    await accounts.close();
    if (file === null) own.close();
  });
  return made;
}

async function token({ accounts }: Gateway): Promise<{ readonly id: string; readonly secret: string }> {
  const made = newToken(ADMIN, NOW);
  await accounts.addToken(made.token);
  return { id: made.token.id, secret: made.secret };
}

async function session({ signIn }: Gateway, secret: string): Promise<{ id: string; secret: string }> {
  const started = await signIn.withToken(secret, ADDRESS, NOW);
  return { id: started?.principal.session ?? '', secret: started?.secret ?? '' };
}

/** All fields, with the version. */
async function backup(): Promise<() => Promise<void>> {
  const { fields, version } = await records.all();
  return async () => {
    await redis.clear();
    await records.replace(fields, version - 1);
  };
}

describe('a revoked token', () => {
  it('stays revoked everywhere where Redis loses the revocation at once, and has the version from before', async () => {
    const [a, b] = [gateway(), gateway()];
    const { id, secret } = await token(a);
    for (const { accounts } of [a, b]) await accounts.compare();
    const restore = await backup();
    await a.accounts.removeToken(id);
    await restore();
    for (const { accounts } of [a, b]) await accounts.compare();
    for (const { signIn } of [a, b]) expect(signIn.bearer(secret, NOW)).toBeNull();
  });

  it('stays revoked where others have written to an old backup before its gateway compares', async () => {
    const [a, b] = [gateway(), gateway()];
    const { id, secret } = await token(a);
    for (const { accounts } of [a, b]) await accounts.compare();
    const restore = await backup();
    await a.accounts.removeToken(id);
    await a.accounts.compare();
    await restore();
    for (const _ of [1, 2, 3]) await token(b);
    for (const { accounts } of [b, a, b]) await accounts.compare();
    for (const { signIn } of [a, b]) expect(signIn.bearer(secret, NOW)).toBeNull();
    expect(a.file.tokens()).toHaveLength(3);
  });

  it('ends with the sessions that its gateway did not know, which do not stay in Redis', async () => {
    const [a, b] = [gateway(), gateway()];
    const { id, secret } = await token(a);
    await b.accounts.compare();
    const late = await session(b, secret);
    await a.accounts.removeToken(id);
    for (const { accounts } of [a, b]) await accounts.compare();
    expect(b.signIn.session(late.secret, NOW)).toBeNull();
    expect((await records.all()).fields.size).toBe(0);
  });
});

describe('a session that was left while Redis did not answer', () => {
  it('stays ended after a restart of the gateway', async () => {
    const one = gateway();
    const { secret } = await token(one);
    const left = await session(one, secret);
    await one.accounts.compare();
    one.isAway = true;
    await one.accounts.leaveSession(left.id);
    const next = gateway(one.file);
    await next.accounts.compare();
    expect(next.signIn.session(left.secret, NOW)).toBeNull();
    expect([...(await records.all()).fields.keys()]).toEqual([expect.stringMatching(/^t:/)]);
  });

  it('stays ended however many were', async () => {
    const one = gateway();
    const started: { readonly id: string; readonly secret: string }[] = [];
    for (let tokens = 0; tokens < 6; tokens++) {
      const { secret } = await token(one);
      for (let own = 0; own < 20; own++) started.push(await session(one, secret));
    }
    one.isAway = true;
    for (const { id } of started) await one.accounts.leaveSession(id);
    one.isAway = false;
    await one.accounts.compare();
    for (const { secret } of started) expect(one.signIn.session(secret, NOW)).toBeNull();
  });
});

describe('fields that somebody wrote into Redis by hand', () => {
  const row = newToken(ADMIN, NOW).token;
  const foreign: readonly [string, Readonly<Record<string, string>>][] = [
    ['a time with a fraction', { 't:x': JSON.stringify({ ...row, id: 'x', createdAt: 1.5 }) }],
    ['a time that no file takes', { 't:x': JSON.stringify({ ...row, id: 'x', createdAt: 1e300 }) }],
    ['a very long name', { 't:x': JSON.stringify({ ...row, id: 'x', name: 'x'.repeat(100_000) }) }],
    [
      'two tokens with one hash, and a session',
      {
        't:x': JSON.stringify({ ...row, id: 'x' }),
        't:y': JSON.stringify({ ...row, id: 'y' }),
        's:x': sessionOf('x'),
        's:y': sessionOf('y'),
      },
    ],
    ['a version that is no number', { version: 'none' }],
    ['a version beyond whole numbers', { version: '9007199254740993' }],
    ['a version as long as a number can be', { version: '1e300' }],
    ['a version below zero', { version: '-5' }],
  ];

  function sessionOf(id: string): string {
    const times = { createdAt: NOW, lastUsedAt: NOW, expiresAt: NOW + 1_000 };
    return JSON.stringify({
      id,
      hash: `of ${id}`,
      principal: `token:${id}`,
      name: 'x',
      role: 'admin',
      by: 'token',
      token: id,
      ...times,
    });
  }

  it.each(foreign)('do not keep a revocation from the other gateways: %s', async (_, fields) => {
    const [a, b] = [gateway(), gateway()];
    const { id, secret } = await token(a);
    for (const { accounts } of [a, b]) await accounts.compare();
    await records.change(new Map([['zzz', 'news']]));
    const client = new Redis(redis.url);
    await client.hset('easgate:{0}:accounts', fields);
    client.disconnect();
    await a.accounts.removeToken(id);
    for (const { accounts } of [b, a, b, a]) await accounts.compare();
    for (const { signIn } of [a, b]) expect(signIn.bearer(secret, NOW)).toBeNull();
    expect(b.file.tokenById('x')?.name ?? '').not.toHaveLength(100_000);
  });

  it('under the name of another account make no token that cannot be revoked', async () => {
    const one = gateway();
    const { secret, token: made } = newToken(ADMIN, NOW);
    await records.change(new Map([['t:another', JSON.stringify(made)]]));
    await one.accounts.compare();
    expect(one.signIn.bearer(secret, NOW)).toBeNull();
  });
});

describe('a directory that does not answer', () => {
  it('takes no set-up link: it works once the directory answers again', async () => {
    const [a, b] = [gateway(), gateway()];
    const link = (await makeSetUp(a.file, NOW, a.accounts)) ?? '';
    for (const { accounts } of [a, b]) await accounts.compare();
    b.isAway = true;
    await expect(b.signIn.withSetUp(link, ADDRESS, NOW)).rejects.toThrow('does not answer');
    b.isAway = false;
    expect((await b.signIn.withSetUp(link, ADDRESS, NOW))?.principal.role).toBe('admin');
    expect(await a.signIn.withSetUp(link, ADDRESS, NOW)).toBeNull();
  });

  it('keeps no gateway from starting its API', async () => {
    const file = AdminStore.open(':memory:');
    onTestFinished(() => file.close());
    const silent = {
      version: () => new Promise(() => undefined),
    } as Partial<AccountRecords> as AccountRecords;
    await new FleetAccounts(file, () => silent).begin();
  });
});

it('a set-up link is redeemed once, also at two gateways at the same moment', async () => {
  const [a, b] = [gateway(), gateway()];
  const link = (await makeSetUp(a.file, NOW, a.accounts)) ?? '';
  for (const { accounts } of [a, b]) await accounts.compare();
  const started = await Promise.all([a, b, a, b].map(({ signIn }) => signIn.withSetUp(link, ADDRESS, NOW)));
  expect(started.filter((one) => one !== null)).toHaveLength(1);
});

it('a token that is revoked while somebody signs in with it starts no session', async () => {
  const one = gateway();
  const { id, secret } = await token(one);
  const change = records.change.bind(records);
  const slow: AccountRecords = Object.assign(Object.create(records) as AccountRecords, {
    change: async (...change_: Parameters<AccountRecords['change']>) => {
      one.file.removeToken(id);
      return change(...change_);
    },
  });
  const signIn = new SignIn(one.file, LIMITS, () => undefined, null, new FleetAccounts(one.file, () => slow));
  await expect(signIn.withToken(secret, ADDRESS, NOW)).rejects.toMatchObject({
    code: 'EASGATE_API_UNAUTHENTICATED',
  });
  expect(one.file.sessions(NOW)).toEqual([]);
});

/** The path of a file that is removed with the test. */
function pathOfFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-admin-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'admin.db');
}

function runSql(path: string, sql: string): void {
  const raw = new DatabaseSync(path);
  raw.exec(sql);
  raw.close();
}

function openFile(path: string): AdminStore {
  const file = AdminStore.open(path);
  onTestFinished(() => file.close());
  return file;
}

it('an admin.file of an earlier version keeps its tokens, and remembers what is removed from now on', async () => {
  const path = pathOfFile();
  const made = AdminStore.open(path);
  const { token: row, secret } = makeToken(made, ADMIN, NOW);
  made.close();
  // As it was before removed accounts were remembered.
  runSql(path, 'DROP TABLE removed; PRAGMA user_version = 3');
  const file = openFile(path);
  const one = gateway(file);
  await one.accounts.compare();
  expect(one.signIn.bearer(secret, NOW)?.name).toBe('ada');
  const restore = await backup();
  await one.accounts.removeToken(row.id);
  await restore();
  await one.accounts.compare();
  expect(one.signIn.bearer(secret, NOW)).toBeNull();
  expect(file.removedIds()).toEqual(new Set([row.id]));
});

it('of removed accounts a bounded number is remembered: sessions push out no token', () => {
  const path = pathOfFile();
  AdminStore.open(path).close();
  runSql(
    path,
    `INSERT INTO removed VALUES ('the token', 1);
     INSERT INTO removed WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) SELECT 'session ' || i, 0 FROM n`,
  );
  const file = openFile(path);
  file.removeSession('one more');
  const removed = file.removedIds();
  expect([
    removed.size,
    removed.has('the token'),
    removed.has('session 0'),
    removed.has('session 1'),
  ]).toEqual([10_001, true, false, true]);
});
