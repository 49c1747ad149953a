// Owns the promises on changes through the admin API that meet others: keys of two tokens with one name, changes at the same moment
// (RFC 9110 13.1.1), a file of tokens that is full, locked, deleted or replaced, and a directory that is away.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openOfficeToday } from '../app/office.ts';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { openStore } from '../../src/directory/open-store.ts';
import { BY_TEST, decision } from '../support/servers/directory-records.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { makeToken } from '../support/servers/make-token.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { ApiAnswer, TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const DECISION = '/api/v1/devices/GOOD1/decision';
const SESSION = '/api/v1/session';

function fileOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-admin-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'admin.db');
}

function openFile(path: string): AdminStore {
  const store = AdminStore.open(path);
  onTestFinished(() => store.close());
  return store;
}

const tokenIn = (store: AdminStore): string =>
  makeToken(store, { name: 'a', role: 'admin', createdBy: 'test', expiresAt: null }, Date.now()).secret;

const put = (
  api: TestApi,
  token: string,
  body: object,
  headers: Record<string, string>,
): Promise<ApiAnswer> => api.send(token, DECISION, { method: 'PUT', body, headers });

describe('an Idempotency-Key', () => {
  it('is of one token: another one with the same name has its own', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    const headers = { 'idempotency-key': 'one' };
    const [first, second] = [api.token('helpdesk'), api.token('helpdesk')];
    expect((await put(api, first, { action: 'block' }, headers)).status).toBe(200);
    expect((await put(api, second, { action: 'allow' }, headers)).status).toBe(200);
    expect(api.audited.map(({ after }) => (after as { action: string }).action)).toEqual(['block', 'allow']);
  });

  it('is shared by a token and its sessions', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    const token = api.token('helpdesk');
    const headers = { 'idempotency-key': 'one' };
    await put(api, token, { action: 'block' }, headers);
    const signedIn = await api.send(null, SESSION, {
      method: 'POST',
      body: { token },
      headers: { origin: api.url },
    });
    const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    const again = await api.send(null, DECISION, {
      method: 'PUT',
      body: { action: 'block' },
      headers: { ...headers, cookie, origin: api.url },
    });
    expect(again.status).toBe(200);
    expect(api.audited.filter(({ operation }) => operation === 'decide')).toHaveLength(1);
  });

  it('of requests at the same moment makes one change', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    const token = api.token('helpdesk');
    const headers = { 'idempotency-key': 'one' };
    const all = await Promise.all(
      Array.from({ length: 8 }, () => put(api, token, { action: 'block' }, headers)),
    );
    for (const { status } of all) expect([200, 409]).toContain(status);
    expect(api.audited).toHaveLength(1);
  });

  it('of a request that failed can be used again', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    const token = api.token('helpdesk');
    const headers = { 'idempotency-key': 'one' };
    const body = { action: 'allow', expiresAt: '2020-01-01T00:00:00Z' };
    for (let index = 0; index < 2; index++)
      expect((await put(api, token, body, headers)).json).toMatchObject({ code: 'EASGATE_EXPIRY' });
  });

  it('of one token pushes out no key of another one', () => {
    const store = openFile(':memory:');
    const now = Date.now();
    store.claim('token:a', 'key', 'hash', now);
    store.answer('token:a', 'key', 200, '{}');
    for (let index = 0; index < 1_100; index++) store.claim('token:b', `key${index}`, 'hash', now + index);
    expect(store.claim('token:a', 'key', 'hash', now + 2_000)).toMatchObject({ status: 200 });
    expect(store.claim('token:b', 'key0', 'hash', now + 2_000)).toBeNull();
  });
});

describe('changes at the same moment', () => {
  it('with one If-Match: one is made, the others are refused', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    const token = api.token('helpdesk');
    const tag = (await api.send(token, '/api/v1/devices/GOOD1')).headers.get('etag') ?? '';
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        put(api, token, { action: 'block', reason: `the ${index}th` }, { 'if-match': tag }),
      ),
    );
    const statuses = all.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    for (const status of statuses) expect([200, 409, 412]).toContain(status);
    expect(api.audited).toHaveLength(1);
  });

  it('is refused also where the other change came while it was looked at', async () => {
    const store = await openOfficeToday();
    const api = await openTestApi({ store });
    const token = api.token('helpdesk');
    const tag = (await api.send(token, '/api/v1/devices/GOOD1')).headers.get('etag') ?? '';
    const read = store.getDevice.bind(store);
    store.getDevice = async (device) => {
      const entry = await read(device);
      store.getDevice = read;
      await store.decide({ device, user: null }, decision('quarantine'), BY_TEST);
      return entry;
    };
    const { status } = await put(api, token, { action: 'allow' }, { 'if-match': tag });
    expect([409, 412]).toContain(status);
    expect(api.audited).toEqual([]);
  });
});

describe('a policy that is published while a request looks at the one before', () => {
  it.each([
    ['is not rolled back', 'POST', 'rollback', { version: null, comment: null }],
    ['keeps its shadow', 'DELETE', 'shadow', undefined],
  ])('%s', async (_name, method, path, body) => {
    const store = await openOfficeToday();
    const api = await openTestApi({ store });
    const publish = async (place: string): Promise<ApiAnswer> =>
      api.send('admin', `/api/v1/policy/${place}`, {
        method: 'POST',
        body: { document: `name: ${place}\n`, comment: null },
      });
    await publish('publish');
    await publish('publish');
    const tag = (await publish('shadow')).headers.get('etag') ?? '';
    const before = await store.policies.state();
    const read = store.policies.state.bind(store.policies);
    // The first look is that before the other change.
    store.policies.state = async () => {
      store.policies.state = read;
      await publish('shadow');
      return before;
    };
    const options = { method, headers: { 'if-match': tag }, ...(body !== undefined && { body }) };
    const { status } = await api.send('admin', `/api/v1/policy/${path}`, options);
    expect([409, 412]).toContain(status);
  });
});

describe('the file of tokens', () => {
  it('is readable by its owner alone', () => {
    const path = fileOf();
    openFile(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps nobody out while nothing can be written to it; what needs it gets 503', async () => {
    const path = fileOf();
    const file = openFile(path);
    const api = await openTestApi({ store: await openOfficeToday(), parts: { admin: file } });
    const token = tokenIn(file);
    const other = new DatabaseSync(path);
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    expect((await api.send(token, SESSION)).status).toBe(200);
    const refused = await put(api, token, { action: 'block' }, { 'idempotency-key': 'one' });
    expect(refused.json).toMatchObject({ status: 503, code: 'EASGATE_ADMIN_FILE' });
    expect(refused.text).not.toContain(path);
    expect(api.audited).toEqual([]);
    other.exec('ROLLBACK');
    expect((await put(api, token, { action: 'block' }, { 'idempotency-key': 'one' })).status).toBe(200);
  });

  it('that is deleted ends all tokens; those of the new one hold', async () => {
    const path = fileOf();
    const file = openFile(path);
    const api = await openTestApi({ parts: { admin: file } });
    const token = tokenIn(file);
    expect((await api.send(token, SESSION)).status).toBe(200);
    rmSync(path);
    expect((await api.send(token, SESSION)).status).toBe(401);
    // As a command of the same machine does.
    const beside = AdminStore.open(path);
    const next = tokenIn(beside);
    beside.close();
    expect((await api.send(next, SESSION)).status).toBe(200);
  });

  it('whose log is deleted keeps a token revoked', async () => {
    const path = fileOf();
    const file = openFile(path);
    const api = await openTestApi({ parts: { admin: file } });
    const token = tokenIn(file);
    const held = new DatabaseSync(path);
    held.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    held.close();
    for (const { id } of file.tokens()) file.removeToken(id);
    rmSync(`${path}-wal`);
    expect((await api.send(token, SESSION)).status).toBe(401);
    const beside = AdminStore.open(path);
    expect(beside.tokens()).toEqual([]);
    beside.close();
  });

  it('whose tokens another process revokes ends their sessions', async () => {
    const path = fileOf();
    const file = openFile(path);
    const api = await openTestApi({ parts: { admin: file } });
    const token = tokenIn(file);
    const { headers } = await api.send(null, SESSION, {
      method: 'POST',
      body: { token },
      headers: { origin: api.url },
    });
    const cookie = headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    expect((await api.send(null, SESSION, { headers: { cookie } })).status).toBe(200);
    const beside = AdminStore.open(path);
    for (const { id } of beside.tokens()) beside.removeToken(id);
    beside.close();
    expect((await api.send(null, SESSION, { headers: { cookie } })).status).toBe(401);
  });
});

describe('a directory that is away', () => {
  it('gives 503 with a code', async () => {
    const store = await openStore({
      kind: 'redis',
      url: 'redis://127.0.0.1:1',
    } as Parameters<typeof openStore>[0]).catch((error: unknown) => error);
    const api = await openTestApi({
      parts: {
        store: () => {
          throw store;
        },
      },
    });
    const { status, text } = await api.send('viewer', '/api/v1/devices/A1');
    expect([status, text]).toEqual([503, expect.stringContaining('EASGATE_REDIS')]);
    expect(text).not.toContain('127.0.0.1');
  });
});
