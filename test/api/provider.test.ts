// Owns the promises of signing in with OpenID Connect: who is let in with which role, and what is refused (RFC 9700, OpenID Connect
// Core 3.1.3.7).
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasGroupsElsewhere, nameIn, roleIn } from '../../src/api/auth/provider-claims.ts';
import { adminProvider } from '../../src/config/schema/admin-provider.ts';
import { createSelfSigned } from '../support/servers/certificates.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { Browser, openProvider } from '../support/servers/openid-provider.ts';
import type { TestProvider, Visit } from '../support/servers/openid-provider.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const START = '/api/v1/sign-in/provider';
const CALLBACK = '/api/v1/session/provider';
const COOKIE = 'easgate-provider';

interface World {
  readonly api: TestApi;
  readonly provider: TestProvider;
  readonly browser: Browser;
  /** Signs in, up to the dashboard or a refusal. */
  readonly signIn: (browser?: Browser) => Promise<Visit>;
  /** Signs in at the provider; the way back, which is not taken yet. */
  readonly wayBack: (browser?: Browser) => Promise<URL>;
  readonly session: (browser?: Browser) => Promise<{ status: number; json: unknown }>;
}

async function open(more: Record<string, unknown> = {}): Promise<World> {
  const provider = await openProvider();
  const { issuer, clientId, clientSecret } = provider;
  const roles = { admin: ['mail-admins'], helpdesk: ['support', 'mail-admins'], viewer: ['staff'] };
  const settings = adminProvider.parse({ issuer, clientId, clientSecret, roles, name: 'Contoso', ...more });
  const api = await openTestApi({ admin: { provider: settings } });
  provider.register(api.url + CALLBACK);
  const own = new Browser();
  return {
    api,
    provider,
    browser: own,
    signIn: (browser = own) => browser.open(api.url + START),
    wayBack: async (browser = own) => new URL((await browser.open(api.url + START, api.url + CALLBACK)).url),
    session: (browser = own) =>
      api.send(null, '/api/v1/session', {
        headers: { cookie: `easgate=${browser.cookie(api.url, 'easgate') ?? ''}` },
      }),
  };
}

describe('signing in with a provider', () => {
  it('leads back to the dashboard with a session of the role of the group, which is in the audit', async () => {
    const { api, signIn, session, browser } = await open();
    const { json } = await api.send(null, '/api/v1/sign-in');
    expect(json).toMatchObject({ provider: { name: 'Contoso', url: START }, needsSetUp: false });
    const last = await signIn();
    expect(last.url).toBe(`${api.url}/`);
    expect(await session()).toMatchObject({ status: 200, json: { role: 'admin', by: 'provider' } });
    expect(browser.cookie(api.url, COOKIE)).toBeUndefined();
    expect(api.audited).toMatchObject([{ operation: 'sign_in', by: 'ada-1', subject: 'admin' }]);
  });

  it('takes the role anew with each sign-in', async () => {
    const { provider, signIn, session } = await open();
    await signIn();
    provider.visitor.claims = { groups: ['staff'], preferred_username: 'ada@contoso.com' };
    await signIn();
    expect(await session()).toMatchObject({ json: { role: 'viewer', name: 'ada@contoso.com' } });
  });

  it.each([
    { groups: ['others'] },
    { groups: [] },
    {},
    { groups: 'mail-admin' },
    { groups: [['mail-admins']] },
  ])('refuses somebody without a role, and says so: %j', async (claims) => {
    const { api, provider, signIn, session } = await open();
    provider.visitor.claims = claims;
    const last = await signIn();
    expect([last.status, last.text]).toEqual([403, expect.stringContaining('EASGATE_API_PROVIDER_ROLE')]);
    expect((await session()).status).toBe(401);
    expect(api.audited).toMatchObject([{ operation: 'sign_in_refused' }]);
  });

  it('shows the name of a person as text', async () => {
    const { provider, signIn } = await open();
    provider.visitor.claims = { preferred_username: '<script>alert(1)</script>' };
    expect((await signIn()).text).not.toContain('<script>');
  });

  it('refuses somebody who cancelled there', async () => {
    const { provider, signIn } = await open();
    provider.visitor.denies = true;
    const last = await signIn();
    expect([last.status, last.text]).toEqual([403, expect.stringContaining('cancelled')]);
    expect(last.text).not.toContain('the person');
  });

  it('answers scripts with a problem', async () => {
    const { api } = await open();
    const { status, json } = await api.send(null, `${CALLBACK}?code=x&state=y`);
    expect({ status, json }).toMatchObject({ status: 403, json: { code: 'EASGATE_API_PROVIDER_REFUSED' } });
  });
});

describe('a certificate in place of the secret', () => {
  it('signs for the gateway at the provider', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-provider-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(files.certificate, (await createSelfSigned([])).certificate);
    const { api, provider, signIn } = await open({ clientSecret: undefined, certificate: files });
    provider.registerKey({ ...publicKey.export({ format: 'jwk' }), use: 'sig' });
    expect((await signIn()).url).toBe(`${api.url}/`);
  });

  it('that cannot be read is an error of the set-up, without its path', async () => {
    const files = { certificate: '/nowhere/a.pem', key: '/nowhere/b.pem' };
    const { signIn } = await open({ clientSecret: undefined, certificate: files });
    const last = await signIn();
    expect([last.status, last.text]).toEqual([500, expect.stringContaining('EASGATE_API_PROVIDER_SETUP')]);
    expect(last.text).not.toContain('nowhere');
  });
});

describe('the way back from the provider', () => {
  const refused = (visit: Visit): void =>
    expect([visit.status, visit.text]).toEqual([
      403,
      expect.stringContaining('EASGATE_API_PROVIDER_REFUSED'),
    ]);

  it('is for the browser that began', async () => {
    const { wayBack, session } = await open();
    const other = new Browser();
    refused(await other.open((await wayBack()).href));
    expect((await session(other)).status).toBe(401);
  });

  it('is not for a browser that began another sign-in (session fixation)', async () => {
    const { wayBack } = await open();
    const victim = new Browser();
    await wayBack(victim);
    refused(await victim.open((await wayBack()).href));
  });

  it.each([
    ['another state', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['two states', (url: URL) => url.searchParams.append('state', 'x')],
    ['no code', (url: URL) => url.searchParams.delete('code')],
    ['another code', (url: URL) => url.searchParams.set('code', 'x')],
    ['another issuer (RFC 9207)', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['no issuer', (url: URL) => url.searchParams.delete('iss')],
  ])('is refused with %s', async (_name, change) => {
    const { wayBack, browser, session } = await open();
    const url = await wayBack();
    change(url);
    refused(await browser.open(url.href));
    expect((await session()).status).toBe(401);
  });

  it('works once', async () => {
    const { api, wayBack, browser } = await open();
    const attempt = async (): Promise<readonly [URL, string]> => {
      const url = await wayBack();
      return [url, browser.cookie(api.url, COOKIE) ?? ''];
    };
    const [url, cookie] = await attempt();
    expect((await browser.open(url.href)).url).toBe(`${api.url}/`);
    refused(await browser.open(url.href));
    // Somebody who copied the cookie too: the provider takes a code once (RFC 6749 4.1.2).
    browser.setCookie(api.url, COOKIE, cookie);
    refused(await browser.open(url.href));
  });

  it.each([
    ['another nonce', 1],
    ['another verifier (RFC 7636)', 2],
  ])('is refused with %s', async (_name, part) => {
    const { api, wayBack, browser } = await open();
    const url = await wayBack();
    const parts = (browser.cookie(api.url, COOKIE) ?? '').split('.');
    parts[part] = 'x'.repeat(43);
    browser.setCookie(api.url, COOKIE, parts.join('.'));
    refused(await browser.open(url.href));
  });

  it.each([
    ['after ten minutes', -600_001],
    ['from the future', 60_000],
  ])('is refused %s', async (_name, shift) => {
    const { api, wayBack, browser } = await open();
    const url = await wayBack();
    const parts = (browser.cookie(api.url, COOKIE) ?? '').split('.');
    parts[3] = String(Date.now() + shift);
    browser.setCookie(api.url, COOKIE, parts.join('.'));
    refused(await browser.open(url.href));
  });

  it('leads to the dashboard, whatever the address asks for (open redirect)', async () => {
    const { api, provider, browser } = await open();
    const more = '?redirect=https://evil.example&next=//evil.example&return_to=https://evil.example';
    const begun = await browser.open(api.url + START + more, api.url + CALLBACK);
    expect(begun.url).not.toContain('evil');
    const url = new URL(begun.url);
    url.searchParams.set('next', 'https://evil.example');
    expect((await browser.open(url.href)).url).toBe(`${api.url}/`);
    expect(provider.issuer).toContain('127.0.0.1');
  });
});

describe('the provider', () => {
  it('may be away: a clear error, and tokens go on', async () => {
    const { api, provider, signIn } = await open();
    await provider.stop();
    const last = await signIn();
    expect([last.status, last.text]).toEqual([502, expect.stringContaining('sign in with a token')]);
    expect(last.text).not.toContain('127.0.0.1');
    expect((await api.send('viewer', '/api/v1/session')).status).toBe(200);
  });

  it('may go away between the two steps', async () => {
    const { provider, wayBack, browser } = await open();
    const url = await wayBack();
    await provider.stop();
    expect((await browser.open(url.href)).status).toBe(502);
  });

  it('may change its keys: at the latest the second sign-in works', async () => {
    const { api, provider, signIn } = await open();
    expect((await signIn()).url).toBe(`${api.url}/`);
    provider.rotateKeys();
    await signIn(new Browser());
    expect((await signIn(new Browser())).url).toBe(`${api.url}/`);
  });

  it('that is no longer configured lets none of its sessions in', async () => {
    const { api, browser, signIn } = await open();
    await signIn();
    const cookie = `easgate=${browser.cookie(api.url, 'easgate') ?? ''}`;
    const bare = await openTestApi({ parts: { admin: api.admin } });
    expect((await bare.send(null, '/api/v1/session', { headers: { cookie } })).status).toBe(401);
  });
});

describe('claims', () => {
  const settings = (more: object): ReturnType<typeof adminProvider.parse> =>
    adminProvider.parse({
      issuer: 'https://id.example.com',
      clientId: 'x',
      clientSecret: 'y',
      roles: { admin: ['a'], viewer: ['v'] },
      ...more,
    });

  it.each([
    ['realm_access.roles', { realm_access: { roles: ['v', 'a'] } }, 'admin'],
    ['https://example.com/roles', { 'https://example.com/roles': ['v'] }, 'viewer'],
    ['groups', { groups: 'v' }, 'viewer'],
    ['groups', { groups: ['A'] }, null],
    ['__proto__.roles', { groups: ['a'] }, null],
    ['constructor.name', {}, null],
  ])('by %s: %j is %s', (rolesClaim, claims, role) => {
    expect(roleIn(claims, settings({ rolesClaim }))).toBe(role);
  });

  it('have a name to show, without control characters and bounded', () => {
    expect(nameIn({ sub: '1', email: 'a@b.c' }, settings({}))).toBe('a@b.c');
    expect(nameIn({ sub: '1', preferred_username: 'a\u001b[2J\n' }, settings({}))).toBe('a[2J');
    expect(nameIn({ sub: '1', preferred_username: 'x'.repeat(500) }, settings({}))).toHaveLength(100);
    expect(nameIn({ sub: '1', preferred_username: 7 }, settings({}))).toBe('1');
  });

  it('may be elsewhere, because there are too many groups', () => {
    expect(hasGroupsElsewhere({ _claim_names: { groups: 'src1' } }, settings({}))).toBe(true);
    expect(hasGroupsElsewhere({}, settings({}))).toBe(false);
  });

  it('need a provider over HTTPS, one way to prove oneself, and a role for somebody', () => {
    const issues = (more: object): boolean => {
      const base = {
        issuer: 'https://id.example.com',
        clientId: 'x',
        clientSecret: 'y',
        roles: { admin: ['a'] },
      };
      return adminProvider.safeParse({ ...base, ...more }).success;
    };
    expect(issues({})).toBe(true);
    expect(issues({ issuer: 'http://id.example.com' })).toBe(false);
    expect(issues({ issuer: 'https://id.example.com/?a=b' })).toBe(false);
    expect(issues({ clientSecret: undefined })).toBe(false);
    expect(issues({ certificate: { certificate: 'a', key: 'b' } })).toBe(false);
    expect(issues({ roles: {} })).toBe(false);
  });
});
