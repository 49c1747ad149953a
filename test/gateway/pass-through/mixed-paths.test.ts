// Owns the promises about connections that carry requests of Exchange ActiveSync and of other paths: those of mail apps, and of proxies in
// front that reuse connections.
import { describe, expect, it, onTestFinished } from 'vitest';
import { addressRange } from '../../../src/ip-address.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { TlsPhone, listenerTls } from '../../support/phones/tls-phone.ts';
import { createAuthority } from '../../support/servers/certificates.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';
import { get, request as pageRequest } from '../../support/servers/open-lane.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendConnection, BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { laneSettings } from '../../support/servers/test-lane.ts';

checkLeaks();

const SYNC = request('FolderSync', FOLDER_SYNC);
const PUBLIC = 'https://mail.example.com/Microsoft-Server-ActiveSync';

async function open(
  overrides: SettingsOverrides = {},
  onRequest: (request: BackendRequest) => void = answerOk,
): Promise<{ backend: RawBackend; gateway: TestGateway; client: RawClient }> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, { passThrough: laneSettings(), ...overrides });
  return { backend, gateway, client: await phoneOf(gateway) };
}

async function statuses(client: RawClient, ...texts: string[]): Promise<number[]> {
  const all: number[] = [];
  for (const text of texts) {
    client.send(text);
    all.push((await client.response()).status);
  }
  return all;
}

const methods = ({ requests }: RawBackend): string[] => requests.map(({ method }) => method);

describe('Exchange ActiveSync behind other paths on one connection', () => {
  it('is served, in any order of them', async () => {
    const { backend, gateway, client } = await open();
    expect(await statuses(client, get(), SYNC, SYNC, get(), get('/owa/2'), SYNC)).toEqual(
      Array.from({ length: 6 }, () => 200),
    );
    expect(methods(backend)).toEqual(['GET', 'POST', 'POST', 'GET', 'GET', 'POST']);
    expect(gateway.finished.map(({ user, command }) => [user, command])).toEqual(
      Array.from({ length: 3 }, () => ['alice', 'FolderSync']),
    );
    expect(gateway.connections()).toBe(1);
  });

  it('is refused to a blocked phone', async () => {
    const { backend, gateway, client } = await open();
    gateway.change('abc123', 'block');
    expect(await statuses(client, get())).toEqual([200]);
    client.send(SYNC);
    expect((await client.response()).body.toString('hex')).toBe('03016a000007564c03313239000101');
    expect(methods(backend)).not.toContain('POST');
  });

  it('is served over TLS', async () => {
    const authority = await createAuthority();
    const tls = listenerTls([await authority.issue({ names: [{ type: 'dns', value: 'mail.example.com' }] })]);
    const { gateway } = await open({ listen: { tls } });
    const phone = await TlsPhone.connect(gateway.port);
    onTestFinished(() => phone.destroy());
    expect(await statuses(phone, get(), SYNC, get(), SYNC)).toEqual([200, 200, 200, 200]);
  });

  it.each([
    ['counted', pageRequest('POST /owa/', ['Content-Length: 4'], 'body')],
    [
      'chunked',
      pageRequest('POST /owa/', ['Transfer-Encoding: chunked'], '4\r\nbody\r\n0\r\nX-A: b\r\n\r\n'),
    ],
    ['empty', pageRequest('POST /owa/', ['Content-Length: 0'])],
  ])('is served behind a %s body, wherever the bytes are split', async (_what, page) => {
    const { backend, client } = await open();
    const text = page + SYNC + page;
    for (let at = 0; at < text.length; at += 7) client.send(text.slice(at, at + 7));
    const found = [];
    for (let count = 0; count < 3; count++) found.push((await client.response()).status);
    expect(found).toEqual([200, 200, 200]);
    expect(backend.requests.map(({ body }) => body.toString('hex'))).toEqual([
      expect.stringMatching(/^(?:626f6479)?$/),
      FOLDER_SYNC.toString('hex'),
      expect.stringMatching(/^(?:626f6479)?$/),
    ]);
  });

  it('waits for the answer before it', async () => {
    let page: BackendConnection | null = null;
    const { backend, client } = await open({}, (seen) => {
      if (seen.target === '/owa/') page = seen.connection;
      else answerOk(seen);
    });
    client.send(get() + SYNC);
    await until(() => page !== null, 'the page');
    expect(methods(backend)).toEqual(['GET']);
    (page as BackendConnection | null)?.socket.write(ok('page'));
    expect((await client.response()).body.toString()).toBe('page');
    expect((await client.response()).status).toBe(200);
    expect(methods(backend)).toEqual(['GET', 'POST']);
  });

  it('is served with a large mail that was sent before the answer', async () => {
    let page: BackendConnection | null = null;
    const { backend, client } = await open({}, (seen) => {
      if (seen.target === '/owa/') page = seen.connection;
      else answerOk(seen);
    });
    const mail = Buffer.concat([Buffer.from('03016a000015451103', 'hex'), Buffer.alloc(500_000, 0x61)]);
    client.send(get() + request('SendMail', mail));
    await until(() => page !== null, 'the page');
    (page as BackendConnection | null)?.socket.write(ok('page'));
    expect(await client.response()).toMatchObject({ status: 200 });
    expect(await client.response()).toMatchObject({ status: 200 });
    expect(backend.requests[1]?.body.length).toBe(mail.length);
  });

  it('is served after a page that asked for a handshake', async () => {
    const { client } = await open();
    expect(await statuses(client, get('/owa/', 'Authorization: NTLM TlRMTVNTUAAB'), SYNC)).toEqual([
      200, 200,
    ]);
  });

  it('is not served behind a page that ends the connection', async () => {
    const { backend, client } = await open();
    client.send(get('/owa/', 'Connection: close') + SYNC);
    expect((await client.response()).header('connection')).toBe('close');
    await until(() => client.ended, 'the end');
    expect(methods(backend)).toEqual(['GET']);
  });

  it('is not served for a proxy, whose connection ends with the page', async () => {
    const { backend, client } = await open({
      passThrough: laneSettings({ trustedProxies: [addressRange('127.0.0.1')] }),
      identity: { trustedProxies: ['127.0.0.1'] },
    });
    client.send(get() + SYNC);
    expect((await client.response()).header('connection')).toBe('close');
    await until(() => client.ended, 'the end');
    expect(methods(backend)).toEqual(['GET']);
  });
});

describe('other requests behind a page', () => {
  it('get what they would get on a connection of their own', async () => {
    const { client } = await open({
      publicUrl: PUBLIC,
      autodiscover: { mode: 'answer', publicUrl: PUBLIC, path: '/autodiscover/autodiscover.xml' },
    });
    const json = get('/autodiscover/autodiscover.json?Email=a@example.com&Protocol=ActiveSync');
    expect(await statuses(client, get(), json, get(), get('/other'))).toEqual([200, 200, 200, 404]);
  });

  it.each([
    [
      'in a chunk extension',
      pageRequest('POST /owa/', ['Transfer-Encoding: chunked'], `0;a=\r\n\r\n${SYNC}`),
    ],
    ['behind a padded size', pageRequest('POST /owa/', ['Transfer-Encoding: chunked'], `0 \r\n\r\n${SYNC}`)],
    ['behind a bare LF', `${get().slice(0, -2)}\n${SYNC}`],
    ['behind a broken head', `${get()}GET /owa/ HTTP/1.1\r\nHost : x\r\n\r\n${SYNC}`],
    ['behind an upgrade', `${get('/socket', 'Connection: Upgrade', 'Upgrade: websocket')}${SYNC}`],
  ])('are not served where it is in doubt that they are requests: %s', async (_what, text) => {
    const { backend, client } = await open();
    client.send(text);
    await until(() => client.ended, 'the end');
    expect(backend.requests.some(({ target }) => target.includes('ActiveSync'))).toBe(false);
  });

  it('are closed with their connection when the gateway stops', async () => {
    const { gateway, client } = await open();
    expect(await statuses(client, get(), SYNC)).toEqual([200, 200]);
    await Promise.all([gateway.drain(60_000), until(() => client.ended, 'the end')]);
    expect(gateway.connections()).toBe(0);
  });
});
