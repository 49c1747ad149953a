// Threat: bytes that the mail server sends before, behind or beside its response reach a phone as an answer (response
// splitting, RFC 9112 11.1 and 9.2).
import { describe, expect, it } from 'vitest';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../fixtures/tls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { upstreamTls } from '../support/phones/tls-phone.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { ok } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

describe('a mail server that sends more than its response, over TLS', () => {
  /** TLS delivers data record by record (RFC 8446 5.1): the response fills the first record. */
  const RECORD = 16_384;

  it('does not answer the phone that waits for the connection with it', async () => {
    const started = ok('x'.repeat(10_000));
    const response = ok('x'.repeat(10_000 + RECORD - started.length));
    expect(response.length).toBe(RECORD);
    const backend = await backendOf(undefined, undefined, { cert: SERVER_CERTIFICATE, key: SERVER_KEY });
    const gateway = await gatewayOf(backend, {
      upstream: { maxConnections: 1, tls: upstreamTls(SERVER_CERTIFICATE, { verify: false }) },
      balancing: { maxQueued: 1 },
    });
    const answer = (index: number, text: string): void =>
      void backend.requests[index]?.connection.socket.write(text);
    const first = await phoneOf(gateway);
    first.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1, 'the first request');
    answer(0, ok());
    await first.response();
    // A connection that stays open for a moment shows that the server keeps connections; the gateway then reuses them at once.
    await gateway.time.advance(500);
    first.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 2, 'the second request');
    const waiting = await phoneOf(gateway);
    // The gateway answers the first request itself; it has read the second by then.
    gateway.verdicts.set('local', 'unavailable');
    waiting.send(
      request('FolderSync', FOLDER_SYNC, [], 'LOCAL') + request('FolderSync', FOLDER_SYNC, [], 'WAITING'),
    );
    await waiting.response();
    answer(1, response + ok('of nobody'));
    await first.response();
    await until(() => backend.requests.length === 3, 'the request that waited');
    answer(2, ok('mine'));
    expect((await waiting.response()).body.toString()).toBe('mine');
    expect(backend.requests[2]?.connection).not.toBe(backend.requests[1]?.connection);
  });
});

const CHALLENGE = 'HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\nContent-Length: 0\r\n\r\n';

describe('a phone without credentials', () => {
  it('gets no informational response that the mail server sends before its challenge', async () => {
    const backend = await backendOf(
      ({ connection }) =>
        void connection.socket.write(`HTTP/1.1 103 Early Hints\r\nX-Inside: 1\r\n\r\n${CHALLENGE}`),
    );
    const phone = await phoneOf(await gatewayOf(backend));
    phone.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, ''));
    await until(() => phone.received.includes('401'), 'the challenge');
    expect(phone.received).toBe(CHALLENGE);
  });
});
