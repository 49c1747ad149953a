// Owns the promises about clients without credentials: they get the mail server's challenge, whatever they send, and cause at
// most one request a minute to the mail server.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { negotiateMessage } from '../../support/phones/ntlm-tokens.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

const PATH = '/Microsoft-Server-ActiveSync';
const PAGE = '<h1>401</h1>';
const CHALLENGE =
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="mail"\r\nContent-Type: text/html\r\n' +
  `Content-Length: ${PAGE.length}\r\n\r\n${PAGE}`;

async function setUp(): Promise<{ backend: RawBackend; gateway: TestGateway; client: RawClient }> {
  const backend = await backendOf(({ connection }: BackendRequest) => connection.socket.write(CHALLENGE));
  const gateway = await gatewayOf(backend);
  return { backend, gateway, client: await clientOf(gateway) };
}

async function clientOf(gateway: TestGateway): Promise<RawClient> {
  const client = await phoneOf(gateway);
  return client;
}

const withoutLogin = (text: string): string => text.replace(/Authorization: .*\r\n/, '');

describe('a client without credentials', () => {
  it("gets the mail server's challenge with its body", async () => {
    const { client } = await setUp();
    client.send(`GET ${PATH} HTTP/1.1\r\nHost: m\r\n\r\n`);
    const answer = await client.response();
    expect(answer.status).toBe(401);
    expect(answer.header('www-authenticate')).toBe('Basic realm="mail"');
    expect(answer.body.toString()).toBe(PAGE);
  });

  it.each([
    ['no login', ''],
    ['the opening leg of a handshake', `Authorization: NTLM ${negotiateMessage().toString('base64')}\r\n`],
  ])('gets the head of the challenge alone for HEAD, with %s (RFC 9110 9.3.2)', async (_, login) => {
    const { client } = await setUp();
    const head = `HEAD ${PATH} HTTP/1.1\r\nHost: m\r\n${login}\r\n`;
    client.send(head);
    await until(() => client.received.includes('\r\n\r\n'), 'the challenge');
    client.send(`OPTIONS ${PATH} HTTP/1.1\r\nHost: m\r\n\r\n`);
    await until(() => client.received.includes(PAGE), 'the answer to the next request');
    const [first = '', second = ''] = client.received.split('\r\n\r\n');
    expect(first).toContain(`Content-Length: ${PAGE.length}`);
    expect(second).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('causes one request to the mail server, whatever it sends', async () => {
    const { backend, gateway, client } = await setUp();
    const odd = [
      `GET ${PATH} HTTP/1.1\r\nHost: m\r\n\r\n`,
      `PUT ${PATH}/ HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer\r\n\r\n`,
      `POST ${PATH}?Cmd=a&Cmd=b HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n\r\n`,
      `OPTIONS ${PATH}?cmd=a HTTP/1.1\r\nHost: m\r\n\r\n`,
      `POST ${PATH} HTTP/1.1\r\nHost: m\r\nAuthorization: Basic ${btoa('carol :pw')}\r\n\r\n`,
      `POST ${PATH} HTTP/1.1\r\nHost: m\r\nAuthorization: Basic nonsense\r\n\r\n`,
      `POST ${PATH} HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer a.b.c\r\n\r\n`,
    ];
    for (let round = 0; round < 20; round++) {
      for (const text of odd) {
        client.send(text);
        expect((await client.response()).status).toBe(401);
      }
    }
    expect(backend.requests.map((seen) => [seen.method, seen.target, seen.header('authorization')])).toEqual([
      ['OPTIONS', PATH, undefined],
    ]);
    expect(gateway.seen).toEqual([]);
  });

  it('is still refused when its framing is malformed', async () => {
    const { backend, client } = await setUp();
    client.send(
      `POST ${PATH} HTTP/1.1\r\nHost: m\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    expect((await client.response()).status).toBe(400);
    expect(backend.requests).toEqual([]);
  });

  it('keeps its connection when its body follows its head', async () => {
    const { client } = await setUp();
    const whole = withoutLogin(request('FolderSync', FOLDER_SYNC));
    const cut = whole.indexOf('\r\n\r\n') + 6;
    for (let round = 0; round < 2; round++) {
      client.send(whole.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(whole.slice(cut));
      const answer = await client.response();
      expect([answer.status, answer.header('connection')]).toEqual([401, undefined]);
    }
  });

  it.each([
    ['waits to be asked for it', 'Expect: 100-continue\r\nContent-Length: 13'],
    ['announces much of it', 'Content-Length: 10000000'],
    ['announces more of it than is allowed', 'Content-Length: 999999999999'],
  ])('is answered before its body when it %s', async (_, lines) => {
    const { client } = await setUp();
    client.send(`POST ${PATH}?Cmd=SendMail HTTP/1.1\r\nHost: m\r\n${lines}\r\n\r\n`);
    const answer = await client.response();
    expect([answer.status, answer.header('connection')]).toEqual([401, 'close']);
    expect(client.received).toBe('');
  });

  it('is answered even when its chunked body does not end', async () => {
    const { client } = await setUp();
    client.send(`POST ${PATH}?Cmd=Sync HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n`);
    client.send(`${(80_000).toString(16)}\r\n${'x'.repeat(80_000)}`);
    const answer = await client.response();
    expect([answer.status, answer.header('connection')]).toEqual([401, 'close']);
  });
});

describe('a user name that is not acceptable', () => {
  it('is logged with the reason, and authenticates nobody', async () => {
    const { gateway, client } = await setUp();
    const odd = request('FolderSync', FOLDER_SYNC).replace(
      /Authorization: .*\r\n/,
      `Authorization: Basic ${btoa('victim#alice:pw')}\r\n`,
    );
    client.send(odd);
    expect((await client.response()).status).toBe(401);
    expect(gateway.finished[0]).toMatchObject({ status: 401, error: 'EASGATE_USER_NAME', user: null });
    // The connection stays usable for a valid name.
    client.send(request('FolderSync', FOLDER_SYNC));
    await client.response();
    expect(gateway.finished[1]).toMatchObject({ user: 'alice', error: null });
  });
});
