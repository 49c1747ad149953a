// Owns the promises about the client headers of the gateway's own requests (subrequests): they equal those of a request of the
// same client. Many servers and front ends answer a request without X-Forwarded-Proto: https only with a redirect to https.
import { describe, expect, it, onTestFinished } from 'vitest';
import { writeRequest, writeSettings } from '../../../src/eas/autodiscover/pox.ts';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../../fixtures/tls.ts';
import { changes, find } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { guarded, openQuarantine } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import type { RawResponse } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../../support/servers/test-gateway.ts';
import { listenerTls } from '../../support/phones/tls-phone.ts';

checkLeaks();

let world: Quarantine;
const PUBLIC_URL = 'https://mail.example.com/Microsoft-Server-ActiveSync';
const PATH = '/Autodiscover/Autodiscover.xml';
const GOOD = 'alice:secret';

/** Phones whose addresses and schemes a proxy sends. */
const proxied: SettingsOverrides = { identity: { trustedProxies: ['127.0.0.1'] } };

/** Answers requests with https as `answer` does, and others with `instead`. */
const byHttps =
  (answer = guarded(), instead = redirect) =>
  (asked: BackendRequest): void => {
    if (asked.header('x-forwarded-proto') === 'https') answer(asked);
    else asked.connection.socket.write(instead(asked));
  };

const redirect = (asked: BackendRequest): string =>
  `HTTP/1.1 301 Moved\r\nLocation: https://${asked.header('host') ?? ''}${asked.target}\r\nContent-Length: 0\r\n\r\n`;

/** The headers that describe the client, by lower-case name; some subrequests have the server's own Host. */
function claims({ headers }: BackendRequest): Record<string, string> {
  const said = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(said.filter(([name]) => name.includes('forwarded')));
}

interface Asking {
  readonly login?: string | null;
  readonly device?: string;
  readonly host?: string;
  readonly by?: 'http' | 'https';
  readonly from?: string;
}

const authorization = (login: string | null): string =>
  login === null ? '' : `Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n`;

/** One request, as the proxy in front forwards it. */
async function ask(asking: Asking, path?: string): Promise<RawResponse> {
  const { login = GOOD, device = 'PHONE1', host = 'mail.example.com', by = 'https', from } = asking;
  const body = path === undefined ? FOLDER_SYNC.toString('latin1') : writeRequest('alice@example.com');
  const target = path ?? `/Microsoft-Server-ActiveSync?Cmd=FolderSync&DeviceId=${device}&DeviceType=iPhone`;
  const type = path === undefined ? 'application/vnd.ms-sync.wbxml' : 'text/xml';
  const client = await RawClient.open(world.gateway.port);
  onTestFinished(() => client.destroy());
  client.send(
    `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${authorization(login)}` +
      `X-Forwarded-For: ${from ?? '192.0.2.7'}\r\nX-Forwarded-Proto: ${by}\r\n` +
      `Content-Type: ${type}\r\nMS-ASProtocolVersion: 14.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return client.response();
}

describe('with a mail server that redirects http to https', () => {
  it('a quarantined phone over TLS gets the quarantine mailbox', async () => {
    const tls = listenerTls([{ certificate: SERVER_CERTIFICATE, key: SERVER_KEY }]);
    world = await openQuarantine(byHttps(), { listen: { tls } });
    const phone = world.phone({ secure: true });
    const folders = await phone.folderSync();
    const inbox = find(folders.tree, 'ServerId') ?? '';
    expect(inbox).toMatch(/^easg1-/);
    await phone.sync(inbox);
    expect(changes(await phone.sync(inbox), 'Add')).toHaveLength(1);
  });

  it('a quarantined phone behind a TLS proxy gets the quarantine mailbox', async () => {
    world = await openQuarantine(byHttps(), proxied);
    const { status, body } = await ask({});
    expect(status).toBe(200);
    expect(body.toString('latin1')).toContain('easg1-');
    expect(world.gateway.seen).toEqual([{ user: 'alice', device: 'phone1' }]);
  });

  it.each([
    ['a wrong password', 'alice:wrong'],
    ['no credentials', null],
  ])("%s gets the mail server's own 401", async (_, login) => {
    world = await openQuarantine(byHttps(), proxied);
    const answer = await ask({ login });
    expect([answer.status, answer.header('www-authenticate')]).toEqual([401, 'Basic realm="corp"']);
  });

  it('a phone gets its Autodiscover answer from the mail server', async () => {
    const facts = { culture: 'en:us', displayName: 'Alice', email: 'alice@example.com' };
    const discovery = writeSettings(facts, 'https://mbx01.internal/Microsoft-Server-ActiveSync');
    world = await openQuarantine(
      byHttps(
        guarded(({ target, connection }) => connection.socket.write(target === PATH ? ok(discovery) : ok())),
      ),
      { ...proxied, autodiscover: { mode: 'forward', publicUrl: PUBLIC_URL, path: PATH } },
    );
    const { status, body } = await ask({}, '/autodiscover/autodiscover.xml');
    expect([status, body.toString()]).toEqual([200, writeSettings(facts, PUBLIC_URL)]);
  });

  it('a phone over http gets the challenge of the gateway, one over https that of the mail server', async () => {
    world = await openQuarantine(byHttps(), proxied);
    for (let round = 0; round < 3; round++) {
      const plain = await ask({ login: null, by: 'http' });
      expect(plain.header('www-authenticate')).toBe('Basic realm="ActiveSync"');
      expect((await ask({ login: null })).header('www-authenticate')).toBe('Basic realm="corp"');
    }
    expect(world.backend.requests).toHaveLength(2);
  });

  it('strangers over http do not affect the challenge for https', async () => {
    const named = (asked: BackendRequest): void =>
      void asked.connection.socket.write(
        `HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="${asked.header('host') ?? ''}"\r\nContent-Length: 0\r\n\r\n`,
      );
    world = await openQuarantine(byHttps(named), proxied);
    for (let name = 0; name < 20; name++) await ask({ login: null, by: 'http', host: `name${name}.example` });
    expect((await ask({ login: null })).header('www-authenticate')).toBe('Basic realm="mail.example.com"');
  });
});

describe('the result of a credential check', () => {
  const forbid = (): string => 'HTTP/1.1 403 Use https\r\nContent-Length: 0\r\n\r\n';

  it('over http is not used for https', async () => {
    world = await openQuarantine(byHttps(guarded(), forbid), proxied);
    expect((await ask({ by: 'http' })).status).toBe(403);
    expect((await ask({ by: 'https' })).status).toBe(200);
    expect((await ask({ by: 'http' })).status).toBe(403);
  });

  it('under one host is not used for another', async () => {
    world = await openQuarantine((asked) => {
      if (asked.header('x-forwarded-host') === 'mail.example.com') guarded()(asked);
      else asked.connection.socket.write(forbid());
    }, proxied);
    expect((await ask({ host: 'old.example.com' })).status).toBe(403);
    expect((await ask({ host: 'mail.example.com' })).status).toBe(200);
  });

  it('of a wrong password is requested once per scheme, however often it is repeated', async () => {
    world = await openQuarantine(guarded(), proxied);
    for (let round = 0; round < 5; round++) {
      for (const by of ['http', 'https'] as const) await ask({ login: 'alice:wrong', by });
    }
    expect(
      world.backend.requests.filter((asked) => asked.header('authorization') !== undefined),
    ).toHaveLength(2);
  });
});

describe('a subrequest of the gateway', () => {
  const asGood = (asked: BackendRequest): void => {
    const { target, connection } = asked;
    const facts = { culture: 'en:us', displayName: 'Alice', email: 'alice@example.com' };
    guarded(() => connection.socket.write(target === PATH ? ok(writeSettings(facts, PUBLIC_URL)) : ok()))(
      asked,
    );
  };

  it.each([
    ['with X-Forwarded-*', false],
    ['with Forwarded beside them', true],
  ])('has the client headers of a forwarded request, %s', async (_, forwarded) => {
    world = await openQuarantine(asGood, {
      ...proxied,
      balancing: { forwarded },
      autodiscover: { mode: 'forward', publicUrl: PUBLIC_URL, path: PATH },
    });
    await ask({ device: 'PHONE2' });
    await ask({ login: null });
    await ask({});
    await ask({}, '/autodiscover/autodiscover.xml');
    const { requests } = world.backend;
    expect(requests.map(({ method, target }) => [method, target.split('?')[0]])).toEqual([
      ['POST', '/Microsoft-Server-ActiveSync'],
      ['OPTIONS', '/Microsoft-Server-ActiveSync'],
      ['OPTIONS', '/Microsoft-Server-ActiveSync'],
      ['OPTIONS', '/Microsoft-Server-ActiveSync'],
      ['POST', PATH],
    ]);
    const [ofRequest, ...ofQuestions] = requests.map(claims);
    expect(ofRequest).toEqual({
      'x-forwarded-for': '192.0.2.7, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'mail.example.com',
      ...(forwarded ? { forwarded: 'for=192.0.2.7;host="mail.example.com";proto=https, for=127.0.0.1' } : {}),
    });
    for (const said of ofQuestions) expect(said).toEqual(ofRequest);
  });

  it('shared by many strangers has none of their hosts when these are too many', async () => {
    world = await openQuarantine(guarded(), { ...proxied, upstream: { hostHeader: 'exchange.internal' } });
    for (let name = 0; name < 12; name++) await ask({ login: null, host: `Name${name}.example` });
    const told = world.backend.requests.map((asked) => [
      asked.header('host'),
      asked.header('x-forwarded-host'),
    ]);
    const names = Array.from({ length: 8 }, (_, index) => `name${index}.example`);
    expect(told).toEqual([...names, 'exchange.internal'].map((name) => ['exchange.internal', name]));
  });

  it('shared by many strangers has the host of the server when theirs are too many', async () => {
    world = await openQuarantine(guarded(), proxied);
    for (let name = 0; name < 12; name++) await ask({ login: null, host: `name${name}.example` });
    const last = world.backend.requests.at(-1);
    const own = `127.0.0.1:${world.backend.port}`;
    expect([last?.header('host'), last?.header('x-forwarded-host')]).toEqual([own, own]);
    expect(world.backend.requests).toHaveLength(9);
  });

  it('to check credentials has the host of the server, and the host of the phone as X-Forwarded-Host', async () => {
    world = await openQuarantine();
    const phone = await RawClient.open(world.gateway.port);
    onTestFinished(() => phone.destroy());
    phone.send(request('FolderSync', FOLDER_SYNC, [], 'PHONE1'));
    expect((await phone.response()).status).toBe(200);
    const [question] = world.backend.requests;
    expect(question?.header('host')).toBe(`127.0.0.1:${world.backend.port}`);
    expect(question?.header('x-forwarded-host')).toBe('mail.example.com');
  });
});
