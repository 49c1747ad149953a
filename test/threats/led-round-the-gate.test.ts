// Owns the promise that no answer of a mail server makes a phone bypass the gateway: MS-ASHTTP 2.2.2.1.1.2.4.1 defines
// X-MS-Location for 451 only, and RFC 9110 10.2.2, 8.7 define other headers that clients follow.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { ownPathsOf } from '../../src/gateway/pass-through/paths.ts';
import { OFFER, UNAUTHORIZED, isBare, ok } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { laneSettings } from '../support/servers/test-lane.ts';
import { backendOf, gatewayOf, laneOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

const PUBLIC = 'https://mail.example.com/Microsoft-Server-ActiveSync';
const INSIDE = 'https://ex2.inside.example/Microsoft-Server-ActiveSync';
const HEADERS = ['X-MS-Location', 'x-ms-location', 'Location', 'LOCATION', 'Content-Location', 'Refresh'];

describe.each([200, 401, 403, 449, 503])('an answer with status %i', (status) => {
  it.each(HEADERS)('tells no address by %s', async (name) => {
    const value = name === 'Refresh' ? `0; url=${INSIDE}` : INSIDE;
    const backend = await backendOf(({ connection }) =>
      connection.socket.write(
        `HTTP/1.1 ${status} X\r\nX-Kept: 1\r\n${name}: ${value}\r\nContent-Length: 0\r\n\r\n`,
      ),
    );
    const phone = await phoneOf(await gatewayOf(backend, { publicUrl: PUBLIC }));
    phone.send(request('FolderSync', FOLDER_SYNC));
    const response = await phone.response();
    expect(response.status).toBe(status);
    expect(response.header('x-kept')).toBe('1');
    expect(response.head).not.toContain('inside');
  });
});

describe('a 451', () => {
  it('names the public address once, however often the server names its own', async () => {
    const backend = await backendOf(({ connection }) =>
      connection.socket.write(
        `HTTP/1.1 451 X\r\nX-MS-Location: ${INSIDE}\r\nx-ms-location: ${INSIDE}\r\nLocation: ${INSIDE}\r\n` +
          'Content-Length: 0\r\n\r\n',
      ),
    );
    const phone = await phoneOf(await gatewayOf(backend, { publicUrl: PUBLIC }));
    phone.send(request('FolderSync', FOLDER_SYNC));
    const response = await phone.response();
    expect(response.headers.filter(([, value]) => value.includes('://'))).toEqual([
      ['X-MS-Location', PUBLIC],
    ]);
  });
});

describe('on the lane for other paths, an answer', () => {
  const ask = async (lines: string, status = 302): Promise<string> => {
    const backend = await backendOf(({ connection }) =>
      connection.socket.write(`HTTP/1.1 ${status} X\r\n${lines}Content-Length: 0\r\n\r\n`),
    );
    const lane = await laneOf(backend);
    const client = await phoneOf(lane);
    client.send('GET /owa/ HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    return (await client.response()).head;
  };

  it.each([
    `Location: ${INSIDE}`,
    'Location: //ex2.inside.example/microsoft-server-activesync',
    'Location: /\\ex2.inside.example/microsoft-server-activesync',
    'Location: https://ex2.inside.example/%4dicrosoft-Server-ActiveSync',
    'Location: https://ex2.inside.example/Autodiscover/Autodiscover.xml',
    `Refresh: 0; url=${INSIDE}`,
  ])('that leads a mail app elsewhere becomes 502: %s', async (line) => {
    expect(await ask(`${line}\r\n`)).toMatch(/^HTTP\/1\.1 502 /);
  });

  it('tells no X-MS-Location', async () => {
    const head = await ask(`X-MS-Location: ${INSIDE}\r\nX-Kept: 1\r\n`, 200);
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    expect(head).toContain('X-Kept');
    expect(head).not.toContain('inside');
  });

  it.each([
    '/owa/auth/logon.aspx?url=x',
    'https://mail.example.com/Autodiscover/Autodiscover.xml',
    '/autodiscover/',
    'https://login.example/',
  ])('that leads a browser on goes through: %s', async (address) => {
    const head = await ask(`Location: ${address}\r\n`);
    expect(head).toMatch(/^HTTP\/1\.1 302 /);
    expect(head).toContain(`ocation: ${address}`);
  });
});

describe('Autodiscover beside a lane that is open for everything', () => {
  const ADDRESS = `<Url>${INSIDE}</Url>`;
  const ask = async (line: string, own: string[] = []): Promise<[status: number, body: string]> => {
    const backend = await backendOf((sent) =>
      sent.connection.socket.write(isBare(sent) ? UNAUTHORIZED : ok(ADDRESS, OFFER)),
    );
    const gateway = await gatewayOf(backend, {
      publicUrl: PUBLIC,
      autodiscover: { mode: 'answer', publicUrl: PUBLIC, path: '/auto/discover.xml' },
      passThrough: laneSettings({ paths: [{ path: '/', match: 'prefix', upgrade: false }], ownPaths: own }),
    });
    const phone = await phoneOf(gateway);
    phone.send(
      `${line} HTTP/1.1\r\nHost: mail.example.com\r\nAuthorization: Basic YWxpY2U6eA==\r\nContent-Length: 0\r\n\r\n`,
    );
    const { status, body } = await phone.response();
    return [status, body.toString()];
  };
  const OWN = ownPathsOf('/Microsoft-Server-ActiveSync', '/auto/discover.xml');

  it.each([
    'POST /autodiscover/autodiscover.xml',
    'POST /AutoDiscover/AutoDiscover.xml',
    'POST /autodiscover/autodiscover.xml?x=1',
    'POST /autodiscover/autodiscover.xml/x',
    'POST /autodiscover/autodiscover.xml%20',
    'GET /autodiscover/autodiscover.json?Email=a@example.com&Protocol=ActiveSync',
    'GET /autodiscover/autodiscover.json/v1.0/a@example.com?Protocol=ActiveSync',
    'POST /auto/discover.xml',
    'POST /AUTO/discover.xml',
  ])('never tells the address that the mail server would: %s', async (line) => {
    const [status, body] = await ask(line, OWN);
    expect([200, 400, 404]).toContain(status);
    expect(body).not.toContain('inside');
  });

  it('passes other pages below its folder', async () => {
    expect(await ask('POST /autodiscover/autodiscover.svc', OWN)).toEqual([200, ADDRESS]);
  });

  it('is a page like any other where the gateway does not answer it', async () => {
    expect(
      await ask('POST /autodiscover/autodiscover.xml', ownPathsOf('/Microsoft-Server-ActiveSync', null)),
    ).toEqual([200, ADDRESS]);
  });
});
