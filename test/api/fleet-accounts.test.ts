// Owns the promises of the accounts of a fleet: tokens, sessions and set-up links of one gateway hold at all of them, and end there.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { FleetAccounts } from '../../src/api/auth/fleet-accounts.ts';
import { SET_UP_MS, SignIn, makeSetUp, newToken } from '../../src/api/auth/sign-in.ts';
import type { AccountRecords } from '../../src/directory/account-records.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { makeToken } from '../support/servers/make-token.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
useRedis((server) => (redis = server));
beforeEach(() => redis.clear());

interface Gateway {
  readonly file: AdminStore;
  readonly accounts: FleetAccounts;
  readonly signIn: SignIn;
}

const NOW = 1_800_000_000_000;
const LIMITS = { idleMs: 600_000, longestMs: 3_600_000 };
const ADMIN = { name: 'ada', role: 'admin', createdBy: 'test', expiresAt: null } as const;

async function openRecords(): Promise<AccountRecords> {
  const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
  onTestFinished(() => store.close());
  return store.accounts;
}

function openGateway(records: () => AccountRecords): Gateway {
  const file = AdminStore.open(':memory:');
  const accounts = new FleetAccounts(file, records);
  const signIn = new SignIn(file, LIMITS, () => undefined, null, accounts);
  onTestFinished(async () => {
    await accounts.close();
    file.close();
  });
  return { file, accounts, signIn };
}

async function openFleet(): Promise<[Gateway, Gateway]> {
  const [first, second] = [await openRecords(), await openRecords()];
  return [openGateway(() => first), openGateway(() => second)];
}

/** The secret of a new token. */
async function token({ accounts }: Gateway): Promise<{ readonly id: string; readonly secret: string }> {
  const made = newToken(ADMIN, NOW);
  await accounts.addToken(made.token);
  return { id: made.token.id, secret: made.secret };
}

describe('a fleet on one Redis', () => {
  it('lets a token of one gateway in at the other, and no longer once it is revoked', async () => {
    const [a, b] = await openFleet();
    a.accounts.start();
    b.accounts.start();
    const { id, secret } = await token(a);
    // It does not look again where it looked a moment ago.
    await until(async () => {
      await b.accounts.lookForNews();
      return b.signIn.bearer(secret, NOW) !== null;
    }, 'the token at the other gateway');
    expect(b.signIn.bearer(secret, NOW)).toMatchObject({ name: 'ada', role: 'admin' });
    await b.accounts.removeToken(id);
    expect(b.signIn.bearer(secret, NOW)).toBeNull();
    // Nothing asks: the gateway follows the fleet by itself.
    await until(() => a.signIn.bearer(secret, NOW) === null, 'the end of the token');
  });

  it('knows the sessions of each other, and when they were last used', async () => {
    const [a, b] = await openFleet();
    const { secret } = await token(a);
    const session = (await a.signIn.withToken(secret, '192.0.2.1', NOW))?.secret ?? '';
    await b.accounts.compare();
    expect(b.signIn.session(session, NOW)?.name).toBe('ada');
    // In use at one gateway, it does not seem idle at the other.
    expect(a.signIn.session(session, NOW + 500_000)).not.toBeNull();
    await until(async () => {
      await b.accounts.compare();
      return b.signIn.session(session, NOW + 1_000_000) !== null;
    }, 'the last use');
    await b.accounts.leaveSession(b.signIn.session(session, NOW + 1_000_000)?.session ?? '');
    await a.accounts.compare();
    expect(a.signIn.session(session, NOW + 1_000_000)).toBeNull();
  });

  it('ends the sessions of a revoked token', async () => {
    const [a, b] = await openFleet();
    const { id, secret } = await token(a);
    const session = (await a.signIn.withToken(secret, '192.0.2.1', NOW))?.secret ?? '';
    await b.accounts.compare();
    await b.accounts.removeToken(id);
    await a.accounts.compare();
    expect(a.signIn.session(session, NOW)).toBeNull();
  });

  it('takes over the tokens that gateways had before', async () => {
    const [a, b] = await openFleet();
    const [one, two] = [makeToken(a.file, ADMIN, NOW).secret, makeToken(b.file, ADMIN, NOW).secret];
    for (const { accounts } of [a, b, a]) await accounts.compare();
    for (const { signIn } of [a, b])
      for (const secret of [one, two]) expect(signIn.bearer(secret, NOW)).not.toBeNull();
  });

  it('signs the first admin in once, wherever the link was made', async () => {
    const [a, b] = await openFleet();
    const link = (await makeSetUp(a.file, NOW, a.accounts)) ?? '';
    await b.accounts.compare();
    const started = await Promise.all([
      a.signIn.withSetUp(link, '192.0.2.1', NOW + SET_UP_MS / 2),
      b.signIn.withSetUp(link, '192.0.2.2', NOW + SET_UP_MS / 2),
    ]);
    expect(started.filter((one) => one !== null)).toHaveLength(1);
  });

  it('stores no secret, only hashes', async () => {
    const [a] = await openFleet();
    const { secret } = await token(a);
    const session = (await a.signIn.withToken(secret, '192.0.2.1', NOW))?.secret ?? '';
    const { fields } = await (await openRecords()).all();
    expect(fields.size).toBe(2);
    const stored = [...fields].flat().join(' ');
    expect(stored).not.toContain(secret.slice(10));
    expect(stored).not.toContain(session.slice(10));
  });
});

describe('a gateway whose directory', () => {
  const away = (): AccountRecords => {
    throw new Error('the directory does not answer');
  };

  it('does not answer goes on with what it knows, and refuses to make or revoke tokens', async () => {
    const records = await openRecords();
    let isAway = false;
    const one = openGateway(() => (isAway ? away() : records));
    const { id, secret } = await token(one);
    isAway = true;
    expect(one.signIn.bearer(secret, NOW)).not.toBeNull();
    await expect(token(one)).rejects.toThrow('does not answer');
    await expect(one.accounts.removeToken(id)).rejects.toThrow('does not answer');
    expect(one.signIn.bearer(secret, NOW)).not.toBeNull();
  });

  it('does not answer lets people sign in and out; the others learn of it afterwards', async () => {
    const records = await openRecords();
    let isAway = false;
    const one = openGateway(() => (isAway ? away() : records));
    const other = openGateway(() => records);
    const { secret } = await token(one);
    const before = await one.signIn.withToken(secret, '192.0.2.1', NOW);
    isAway = true;
    const session = (await one.signIn.withToken(secret, '192.0.2.1', NOW))?.secret ?? '';
    await one.accounts.leaveSession(before?.principal.session ?? '');
    isAway = false;
    await one.accounts.compare();
    await other.accounts.compare();
    expect(other.signIn.session(session, NOW)?.name).toBe('ada');
    for (const { signIn } of [one, other]) expect(signIn.session(before?.secret ?? '', NOW)).toBeNull();
  });

  it('lost its latest changes brings no revoked token back', async () => {
    const records = await openRecords();
    const one = openGateway(() => records);
    const { id, secret } = await token(one);
    await one.accounts.compare();
    const { fields } = await records.all();
    await one.accounts.removeToken(id);
    await one.accounts.compare();
    // As a backup that is older than the change.
    await redis.clear();
    await records.change(fields);
    await one.accounts.compare();
    expect(one.signIn.bearer(secret, NOW)).toBeNull();
    expect((await records.all()).fields.size).toBe(0);
  });

  it('has a malformed account leaves that one out', async () => {
    const records = await openRecords();
    const one = openGateway(() => records);
    const { secret } = await token(one);
    await records.change(
      new Map([
        ['t:x', '{'],
        ['s:y', '{"role":"root"}'],
        ['zzz', ''],
      ]),
    );
    await one.accounts.compare();
    expect(one.signIn.bearer(secret, NOW)).not.toBeNull();
    expect(one.file.accounts()).toMatchObject({ tokens: [{ name: 'ada' }], sessions: [], setUps: [] });
  });
});
