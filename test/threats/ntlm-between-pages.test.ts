// Threat: a connection that goes back and forth between Exchange ActiveSync and other paths carries the user whom the mail server
// authenticated on one side (MS-NTHT 1.3, RFC 4559 6) to requests without credentials on the other.
import { describe, expect, it } from 'vitest';
import { addressRange } from '../../src/ip-address.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { authenticateMessage, credentials, negotiateMessage } from '../support/phones/ntlm-tokens.ts';
import type { RawClient, RawResponse } from '../support/phones/raw-client.ts';
import { proof, startNtlmBackend } from '../support/servers/ntlm-backend.ts';
import type { NtlmBackend } from '../support/servers/ntlm-backend.ts';
import { gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../support/servers/test-gateway.ts';
import { laneSettings } from '../support/servers/test-lane.ts';

checkLeaks();

type Build = (authorization: string | null) => string;

const line = (authorization: string | null): string =>
  authorization === null ? '' : `Authorization: ${authorization}\r\n`;

const eas: Build = (authorization) =>
  request('FolderSync', FOLDER_SYNC)
    .replace('User=alice', 'User=bob')
    .replace(/Authorization: .*\r\n/, line(authorization));

const page: Build = (authorization) =>
  `GET /owa/ HTTP/1.1\r\nHost: mail.example.com\r\n${line(authorization)}\r\n`;

async function ask(client: RawClient, text: string): Promise<RawResponse> {
  client.send(text);
  return client.response();
}

async function signIn(client: RawClient, build: Build): Promise<void> {
  const offered = await ask(client, build(credentials('NTLM', negotiateMessage())));
  const offer = offered.header('www-authenticate') ?? '';
  const challenge = Buffer.from(offer.slice('NTLM '.length), 'base64').subarray(24, 32);
  const message = authenticateMessage({ user: 'bob' }, proof(challenge));
  expect((await ask(client, build(credentials('NTLM', message)))).body.toString()).toBe('bob');
}

async function open(overrides: SettingsOverrides = {}): Promise<[NtlmBackend, RawClient]> {
  const backend = closeAtEnd(await startNtlmBackend());
  const gateway = await gatewayOf(backend, { passThrough: laneSettings(), ...overrides });
  return [backend, await phoneOf(gateway)];
}

describe('the user of a handshake', () => {
  it.each([
    ['a page', page, eas],
    ['Exchange ActiveSync', eas, page],
  ])('of %s is nobody on the other side, nor after the way back', async (_what, first, second) => {
    const [backend, client] = await open();
    await signIn(client, first);
    expect((await ask(client, second(null))).status).toBe(401);
    const again = await phoneOf({ port: client.socket.remotePort ?? 0 });
    await signIn(again, first);
    await signIn(again, second);
    expect((await ask(again, first(null))).status).toBe(401);
    expect(backend.connections.map((connection) => backend.usersOf(connection).length)).not.toContain(2);
  });

  it('is nobody for Exchange ActiveSync of the next client of a proxy', async () => {
    const [, client] = await open({
      passThrough: laneSettings({ trustedProxies: [addressRange('127.0.0.1')] }),
      identity: { trustedProxies: ['127.0.0.1'] },
    });
    const from = (text: string, address: string): string =>
      text.replace('\r\n', `\r\nX-Forwarded-For: ${address}\r\n`);
    await signIn(client, (authorization) => from(page(authorization), '192.0.2.7'));
    expect((await ask(client, from(eas(null), '192.0.2.8'))).status).toBe(401);
  });
});
