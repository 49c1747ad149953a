// Threat: a connection that the mail server authenticated (MS-NTHT 1.3, RFC 4559 6) carries another user's request, or
// is held open by a handshake that is never completed.
import { describe, expect, it } from 'vitest';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { challengeMessage, credentials, negotiateMessage } from '../support/phones/ntlm-tokens.ts';
import type { RawClient } from '../support/phones/raw-client.ts';
import { startNtlmBackend } from '../support/servers/ntlm-backend.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { ok } from '../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../support/servers/test-gateway.ts';

checkLeaks();

const OPENING = 'NTLM TlRMTVNTUAABAAAA';

/** An AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3), with the fields that identify the user. */
function closing(user: string): string {
  const name = Buffer.from(user, 'utf16le');
  const message = Buffer.alloc(64 + name.length);
  message.write('NTLMSSP\0', 'latin1');
  message.writeUInt32LE(3, 8);
  message.writeUInt16LE(name.length, 36);
  message.writeUInt32LE(64, 40);
  message.writeUInt32LE(1, 60);
  name.copy(message, 64);
  return `NTLM ${message.toString('base64')}`;
}

/** A request with these credentials; null = none. */
function as(authorization: string | null, user = 'alice'): string {
  const line = authorization === null ? '' : `Authorization: ${authorization}\r\n`;
  return request('FolderSync', FOLDER_SYNC)
    .replace(/Authorization: .*\r\n/, line)
    .replace('User=alice', `User=${user}`);
}

const CHALLENGE = `HTTP/1.1 401 No\r\nWWW-Authenticate: ${credentials('NTLM', challengeMessage(Buffer.alloc(8)))}\r\nContent-Length: 0\r\n\r\n`;

describe('a connection that the mail server authenticated', () => {
  /** Accepts every handshake, and answers 401 to `X-Fail`. */
  const ntlmServer = (seen: BackendRequest): void => {
    const opening = seen.header('authorization') === OPENING;
    seen.connection.socket.write(opening || seen.header('x-fail') !== undefined ? CHALLENGE : ok());
  };

  async function bound(overrides: SettingsOverrides = {}): Promise<[RawBackend, RawClient]> {
    const backend = await backendOf(ntlmServer);
    const phone = await phoneOf(await gatewayOf(backend, overrides));
    for (const [authorization, status] of [
      [OPENING, 401],
      [closing('alice'), 200],
      [null, 200],
    ] as const) {
      phone.send(as(authorization));
      expect((await phone.response()).status).toBe(status);
    }
    expect(backend.connections.length).toBe(1);
    return [backend, phone];
  }

  it.each([
    ['', {}],
    [' behind a PROXY header', { upstream: { proxyProtocol: 1 } }],
  ] as const)('carries no request of another user%s', async (_name, overrides) => {
    const [backend, phone] = await bound(overrides);
    phone.send(as(`Basic ${Buffer.from('bob:x').toString('base64')}`, 'bob'));
    expect((await phone.response()).status).toBe(200);
    expect(backend.connections[0]?.received).not.toContain('User=bob');
    await until(() => backend.connections[0]?.closed === true, 'the bound connection to close');
  });

  it('closes when it answers 401, so that it carries no second handshake', async () => {
    const [backend, phone] = await bound();
    phone.send(as(null).replace('\r\n\r\n', '\r\nX-Fail: 1\r\n\r\n'));
    expect((await phone.response()).status).toBe(401);
    await until(() => backend.connections[0]?.closed === true, 'the bound connection to close');
  });

  it('may close when half of the next request has arrived: the request uses a new one', async () => {
    const [backend, phone] = await bound();
    const next = as(null);
    phone.send(next.slice(0, -FOLDER_SYNC.length));
    // Once another request is answered, the gateway has read the bytes before it.
    const other = await phoneOf({ port: phone.socket.remotePort ?? 0 });
    other.send('GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    await other.response();
    backend.connections[0]?.socket.end();
    await until(() => backend.connections[0]?.closed === true, 'the bound connection to close');
    phone.send(next.slice(-FOLDER_SYNC.length));
    expect((await phone.response()).status).toBe(200);
    expect(backend.connections.length).toBe(2);
  });
});

describe('a handshake that nobody completes', () => {
  it('keeps its upstream connection no longer than a request head may take', async () => {
    const backend = closeAtEnd(await startNtlmBackend());
    const gateway = await gatewayOf(backend, {
      client: { keepAliveTimeoutMs: 60_000 },
    });
    const stranger = await phoneOf(gateway);
    const opening = credentials('NTLM', negotiateMessage());
    stranger.send(request('FolderSync', FOLDER_SYNC).replace('Basic YWxpY2U6c2VjcmV0', opening));
    const { status } = await stranger.response();
    const held = gateway.upstreamConnections();
    await gateway.time.advance(5_001);
    await until(() => gateway.upstreamConnections() === 0, 'the mail server to be left').catch(
      () => undefined,
    );
    const left = gateway.upstreamConnections();
    expect([status, held, left]).toEqual([401, 1, 0]);
  });
});
