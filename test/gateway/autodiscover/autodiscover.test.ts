// Owns the promises about Autodiscover, and about mail servers that redirect phones to another server.
import { describe, expect, it } from 'vitest';
import { writeError, writeRedirect, writeRequest, writeSettings } from '../../../src/eas/autodiscover/pox.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { OFFER, ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import type { RawResponse } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request, untilLeft } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

const PUBLIC_URL = 'https://phones.example.com/Microsoft-Server-ActiveSync';
const INTERNAL = 'https://mbx01.corp.internal/Microsoft-Server-ActiveSync';
const PATH = '/Autodiscover/Autodiscover.xml';
const ann = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
const FACTS = { culture: 'de:de', displayName: 'Ann Example', email: 'ann@example.com' };

/** Accepts ann's password; answers Autodiscover with `autodiscover`. */
function mailServer(autodiscover?: string): (request: BackendRequest) => void {
  return (asked) => {
    const { method, target, connection } = asked;
    if (asked.header('authorization') !== ann) {
      const challenge = 'WWW-Authenticate: Basic realm="corp"\r\n';
      connection.socket.write(`HTTP/1.1 401 No\r\n${challenge}Content-Length: 0\r\n\r\n`);
    } else if (method === 'POST' && target === PATH && autodiscover !== undefined) {
      connection.socket.write(ok(autodiscover, 'Content-Type: text/xml\r\n'));
    } else {
      connection.socket.write(ok('ok', OFFER));
    }
  };
}

async function setUp(
  mode: 'answer' | 'forward',
  onRequest = mailServer(),
  overrides: SettingsOverrides = {},
): Promise<{ backend: RawBackend; gateway: TestGateway; client: RawClient }> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, {
    autodiscover: { mode, publicUrl: PUBLIC_URL, path: PATH },
    ...overrides,
  });
  const client = await phoneOf(gateway);
  return { backend, gateway, client };
}

function xml(body = writeRequest('ann@example.com'), authorization: string | null = ann, extra = ''): string {
  const credentials = authorization === null ? '' : `Authorization: ${authorization}\r\n`;
  return (
    `POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: phones.example.com\r\n${credentials}${extra}` +
    `Content-Type: text/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

async function ask(client: RawClient, text: string): Promise<RawResponse> {
  client.send(text);
  return client.response();
}

describe('Autodiscover answered by the gateway', () => {
  it('returns the public URL to a client with the right password', async () => {
    const { client, backend } = await setUp('answer');
    const response = await ask(client, xml());
    const body = response.body.toString();
    expect(response.status).toBe(200);
    expect(response.header('content-type')).toBe('text/xml; charset=utf-8');
    expect(body).toContain(`<Type>MobileSync</Type><Url>${PUBLIC_URL}</Url>`);
    expect(body).toContain('<EMailAddress>ann@example.com</EMailAddress>');
    // One question with the password, and one a minute without credentials.
    expect(backend.requests.map(({ method }) => method)).toEqual(['OPTIONS', 'OPTIONS']);
  });

  it.each([
    ['a wrong password', `Basic ${Buffer.from('ann:wrong').toString('base64')}`],
    ['no password', null],
    ['NTLM', 'NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw=='],
  ])("gives %s the mail server's own challenge, also for a malformed request", async (_, authorization) => {
    const { client } = await setUp('answer');
    for (const body of [writeRequest('ann@example.com'), '<nonsense']) {
      const response = await ask(client, xml(body, authorization));
      expect(response.status).toBe(401);
      expect(response.header('www-authenticate')).toBe('Basic realm="corp"');
    }
  });

  it('does not cause a request for every wrong password, nor any for a stranger', async () => {
    const { client, backend } = await setUp('answer');
    const wrong = `Basic ${Buffer.from('ann:wrong').toString('base64')}`;
    for (let count = 0; count < 50; count++) {
      expect((await ask(client, xml(undefined, wrong))).status).toBe(401);
      expect((await ask(client, xml(undefined, null))).status).toBe(401);
    }
    expect(backend.requests.map((seen) => seen.header('authorization'))).toEqual([wrong, undefined]);
  });

  it('is 503 when the mail server cannot check the password', async () => {
    const { client, backend, gateway } = await setUp('answer');
    await backend.close();
    const response = await ask(client, xml());
    expect(response.status).toBe(503);
    expect(response.header('retry-after')).toBe('30');
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_CREDENTIALS_UNKNOWN');
  });

  it.each([
    ['not XML', 'Cmd', '600'],
    [
      'a document type',
      `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>${writeRequest('a@b')}`,
      '600',
    ],
    [
      "Outlook's",
      writeRequest('ann@example.com').replaceAll('mobilesync/requestschema', 'outlook/requestschema'),
      '601',
    ],
  ])('answers a request that is %s with an error', async (_, body, code) => {
    const { client } = await setUp('answer');
    const response = await ask(client, xml(body));
    expect(response.status).toBe(200);
    expect(response.body.toString()).toContain(`<ErrorCode>${code}</ErrorCode>`);
  });

  it('accepts a chunked body, cut anywhere, and serves a pipelined request after it', async () => {
    const { client } = await setUp('answer');
    const body = writeRequest('ann@example.com');
    const half = 40;
    const head =
      `POST /AutoDiscover/AutoDiscover.xml HTTP/1.1\r\nHost: phones.example.com\r\nAuthorization: ${ann}\r\n` +
      'Content-Type: application/xml; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n';
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const text = head + chunk(body.slice(0, half)) + chunk(body.slice(half)) + '0\r\n\r\n';
    client.send(text.slice(0, 300));
    client.send(text.slice(300) + xml());
    for (let index = 0; index < 2; index++) {
      const response = await client.response();
      expect(response.body.toString()).toContain(PUBLIC_URL);
    }
  });

  it.each([
    ['Content-Length', xml('x'.repeat(17_000))],
    [
      'chunks',
      `POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: m\r\nAuthorization: ${ann}\r\n` +
        `Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n4268\r\n${'x'.repeat(17_000)}\r\n0\r\n\r\n`,
    ],
  ])('refuses a large body by its %s', async (_, text) => {
    const { client, backend } = await setUp('answer');
    expect((await ask(client, text)).status).toBe(413);
    expect(backend.requests).toEqual([]);
  });

  it.each([
    ['a form', xml().replace('text/xml', 'text/plain'), 400],
    ['a coded body', xml(undefined, ann, 'Content-Encoding: gzip\r\n'), 415],
    ['PUT', xml().replace('POST', 'PUT'), 404],
    ['GET with a body', xml().replace('POST', 'GET'), 400],
    ['the SOAP service', xml().replace('discover.xml', 'discover.svc'), 404],
  ])('refuses %s', async (_, text, status) => {
    const { client, backend } = await setUp('answer');
    expect((await ask(client, text)).status).toBe(status);
    expect(backend.requests).toEqual([]);
  });

  it.each([
    ['GET', 'GET /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: m\r\n'],
    [
      'a POST without a body',
      'POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n',
    ],
  ])('answers %s without a request body as Exchange does: 401, then error 600', async (_, head) => {
    const { client } = await setUp('answer');
    for (const credentials of [
      '',
      'Authorization: Bearer\r\n',
      `Authorization: Basic ${btoa('ann:x')}\r\n`,
    ]) {
      const stranger = await ask(client, `${head}${credentials}\r\n`);
      expect([stranger.status, stranger.header('www-authenticate')]).toEqual([401, 'Basic realm="corp"']);
    }
    const { status, body } = await ask(client, `${head}Authorization: ${ann}\r\n\r\n`);
    expect(status).toBe(200);
    expect(body.toString()).toContain('<ErrorCode>600</ErrorCode>');
  });

  it.each(['GET', 'PUT', 'OPTIONS', 'PROPFIND'])(
    'gives a stranger the challenge, whatever the method, query and body: %s',
    async (method) => {
      const { client } = await setUp('answer');
      for (const path of ['/autodiscover/autodiscover.xml', '/AutoDiscover/autodiscover.xml?a=b?c']) {
        client.send(`${method} ${path} HTTP/1.1\r\nHost: m\r\nContent-Length: 8\r\n\r\nnonsense`);
        expect((await client.response()).status).toBe(401);
      }
    },
  );

  it('answers only for its public hosts', async () => {
    const { client } = await setUp('answer', mailServer(), {
      identity: { publicHosts: ['mail.example.com'] },
    });
    expect((await ask(client, xml())).status).toBe(421);
  });

  it('returns the URL in JSON without asking the mail server', async () => {
    const { client, backend, gateway } = await setUp('answer');
    const response = await ask(
      client,
      'GET /autodiscover/autodiscover.json?Email=ann%40example.com&Protocol=ActiveSync HTTP/1.1\r\nHost: m\r\n\r\n',
    );
    expect(response.status).toBe(200);
    expect(JSON.parse(response.body.toString())).toEqual({ Protocol: 'ActiveSync', Url: PUBLIC_URL });
    expect(backend.requests).toEqual([]);
    expect(gateway.finished.at(-1)?.autodiscover).toMatchObject({ form: 'json' });
  });

  it('frees the resources of a client that disconnects', async () => {
    const { client, backend, gateway } = await setUp('answer', () => undefined);
    client.send(xml());
    await until(() => backend.requests.length === 1, 'the question');
    client.destroy();
    await untilLeft(gateway);
    await until(() => gateway.finished.length === 2, 'the end of the request');
    expect(gateway.finished.map(({ authorization }) => authorization)).toEqual([null, null]);
  });

  it('is 404 when it is not configured', async () => {
    const { client, backend } = await setUp('answer', mailServer(), { autodiscover: null });
    expect((await ask(client, xml())).status).toBe(404);
    expect(backend.requests).toEqual([]);
  });
});

describe('Autodiscover from the answer of the mail server', () => {
  it("returns the user's name and the public URL, and no other address", async () => {
    const { client, backend } = await setUp('forward', mailServer(writeSettings(FACTS, INTERNAL)));
    const { status, body } = await ask(client, xml());
    expect(status).toBe(200);
    expect(body.toString()).toBe(writeSettings(FACTS, PUBLIC_URL));
    const asked = backend.requests.find(({ target }) => target === PATH);
    expect(asked?.body.toString()).toBe(writeRequest('ann@example.com'));
    expect(asked?.header('x-forwarded-for')).toBe('127.0.0.1');
  });

  it('forwards a redirect to another e-mail address of the user', async () => {
    const { client } = await setUp('forward', mailServer(writeRedirect(FACTS, 'ann@other.example')));
    expect((await ask(client, xml())).body.toString()).toBe(writeRedirect(FACTS, 'ann@other.example'));
  });

  it('returns an error for an unknown user', async () => {
    const { client } = await setUp('forward', mailServer(writeError(601)));
    expect((await ask(client, xml())).body.toString()).toBe(writeError(601));
  });

  it.each([
    ['a page', '<html>Sign in</html>'],
    ['an endless answer', 'x'.repeat(70_000)],
  ])('is 502 when the server answers with %s', async (_, answer) => {
    const { client } = await setUp('forward', mailServer(answer));
    expect((await ask(client, xml())).status).toBe(502);
  });

  it('is 502 when the server redirects to another host', async () => {
    const { client } = await setUp('forward', (asked) => {
      if (asked.method === 'OPTIONS') mailServer()(asked);
      else
        asked.connection.socket.write(`HTTP/1.1 302 F\r\nLocation: ${INTERNAL}\r\nContent-Length: 0\r\n\r\n`);
    });
    const response = await ask(client, xml());
    expect(response.status).toBe(502);
    expect(response.head).not.toContain('internal');
  });
});

describe('a mail server that redirects a phone', () => {
  const redirect = (status: number, header: string) => (asked: BackendRequest) =>
    asked.connection.socket.write(
      `HTTP/1.1 ${status} Go\r\n${header}: ${INTERNAL}\r\nContent-Length: 0\r\n\r\n`,
    );

  it('by 451 has its URL replaced by the public URL', async () => {
    const { client } = await setUp('answer', redirect(451, 'x-ms-location'), { publicUrl: PUBLIC_URL });
    const { status, headers } = await ask(client, request('FolderSync', FOLDER_SYNC));
    expect(status).toBe(451);
    expect(headers.filter(([name]) => name.toLowerCase() === 'x-ms-location')).toEqual([
      ['X-MS-Location', PUBLIC_URL],
    ]);
  });

  it.each([
    [451, 'X-MS-Location'],
    [301, 'Location'],
    [302, 'Location'],
    [307, 'Location'],
    [308, 'Location'],
  ])('by %i is answered 502 when there is no public URL', async (status, header) => {
    const { client, gateway } = await setUp('answer', redirect(status, header));
    const response = await ask(client, request('FolderSync', FOLDER_SYNC));
    expect(response.status).toBe(502);
    expect(response.head).not.toContain('internal');
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_UPSTREAM_REDIRECT');
  });
});
