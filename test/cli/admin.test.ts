// Owns the promises of `easgate admin setup` and `easgate tokens`: what they print, that they work without a running gateway, and
// that each change is in the audit.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { SignIn } from '../../src/api/auth/sign-in.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

checkLeaks();

interface Machine {
  readonly run: (...words: string[]) => Promise<Ended>;
  readonly open: () => { readonly store: AdminStore; readonly signIn: SignIn };
}

function machine(admin = '{ listen: "127.0.0.1:8781" }'): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-admin-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'easgate.yaml');
  writeFileSync(config, `store: { kind: embedded, path: easgate.db }\nadmin: ${admin}\n`);
  return {
    run: (...words) => runInProcess(...words, '--config', config),
    open: () => {
      const store = AdminStore.open(join(folder, 'admin.db'));
      onTestFinished(() => store.close());
      return { store, signIn: new SignIn(store, { idleMs: 60_000, longestMs: 60_000 }, () => undefined) };
    },
  };
}

async function audited({ run }: Machine): Promise<unknown[]> {
  const { out } = await run('audit', 'query', '--json');
  return (JSON.parse(out) as { operation: string }[]).map(({ operation }) => operation);
}

describe('easgate admin setup', () => {
  it('prints a link that signs the first admin in', async () => {
    const here = machine();
    const { out } = await here.run('admin', 'setup');
    const [, secret = ''] = /^http:\/\/127\.0\.0\.1:8781\/setup#(easgate_u_[\w-]{43})\n$/.exec(out) ?? [];
    const { signIn } = here.open();
    expect((await signIn.withSetUp(secret, '192.0.2.1', Date.now()))?.principal.role).toBe('admin');
  });

  it('uses the public address', async () => {
    const { run } = machine('{ listen: "127.0.0.1:8781", publicUrl: "https://easgate.example.com" }');
    expect((await run('admin', 'setup')).out).toMatch(/^https:\/\/easgate\.example\.com\/setup#/);
  });

  it('makes no link once somebody is an admin, and none without a dashboard', async () => {
    const here = machine();
    await here.run('tokens', 'create', 'ada', '--role', 'admin');
    const { code, error } = await here.run('admin', 'setup');
    expect([code, error]).toEqual([1, expect.stringContaining('EASGATE_ADMIN_EXISTS')]);
    const off = await machine('{}').run('admin', 'setup');
    expect([off.code, off.error]).toEqual([1, expect.stringContaining('EASGATE_ADMIN_OFF')]);
  });
});

describe('easgate tokens', () => {
  it('creates a token whose secret is printed once, lists it without, and revokes it', async () => {
    const here = machine();
    const { out, error } = await here.run('tokens', 'create', 'ticketing', '--role', 'helpdesk');
    const secret = out.trim();
    expect(secret).toMatch(/^easgate_t_[\w-]{43}$/);
    expect(error).toContain('helpdesk');
    const { signIn } = here.open();
    const now = Date.now();
    expect(signIn.bearer(secret, now)).toMatchObject({ name: 'ticketing', role: 'helpdesk' });
    expect(signIn.bearer(secret, now + 91 * 86_400_000)).toBeNull();
    const listed = await here.run('tokens', 'list', '--json');
    expect(listed.out).not.toContain(secret);
    const { rows } = JSON.parse(listed.out) as { rows: { id: string }[] };
    expect((await here.run('tokens', 'list')).out).toContain('ticketing');
    expect((await here.run('tokens', 'revoke', rows[0]?.id ?? '')).code).toBe(0);
    expect(signIn.bearer(secret, now)).toBeNull();
    expect(await audited(here)).toEqual(['token_revoke', 'token_create']);
  });

  it.each([
    [['x', '--role', 'root'], 2, 'root'],
    [['x'], 2, '--role'],
    [['  ', '--role', 'viewer'], 1, 'EASGATE_ADMIN_NAME'],
    [['a\u001b[2J', '--role', 'viewer'], 1, 'EASGATE_ADMIN_NAME'],
    [['x', '--role', 'viewer', '--expires', '2020-01-01'], 2, 'EASGATE_EXPIRY'],
  ])('refuses %j', async (words, code, text) => {
    const ended = await machine().run('tokens', 'create', ...words);
    expect([ended.code, ended.error]).toEqual([code, expect.stringContaining(text)]);
  });

  it('says that an id is unknown', async () => {
    const { code, error } = await machine().run('tokens', 'revoke', 'nothing');
    expect([code, error]).toEqual([1, expect.stringContaining('EASGATE_ADMIN_TOKEN')]);
  });
});
