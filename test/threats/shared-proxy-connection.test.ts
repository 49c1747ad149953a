// Owns the promise that on a trusted proxy's connection nobody is served on the upstream connection that another request's
// handshake authenticated (MS-NTHT 1.3, RFC 4559 6): behind one address there may be several clients.
import { describe, expect, it } from 'vitest';
import { PinnedConnection } from '../../src/gateway/forward/pinned-connection.ts';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import { parseRange } from '../../src/identity/client-address.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { proof, startNtlmBackend } from '../support/servers/ntlm-backend.ts';
import type { NtlmBackend } from '../support/servers/ntlm-backend.ts';
import { authenticateMessage, credentials, kerberosToken, negotiateMessage } from '../support/phones/ntlm-tokens.ts';
import { openings } from '../support/servers/openings.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import type { RawResponse } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC } from '../support/servers/test-gateway.ts';
import { startTestLane } from '../support/servers/test-lane.ts';

checkLeaks();
const { opened, gatewayOf, phoneOf } = openings();

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const bearer = (claims: object): string =>
  ['{"alg":"none"}', JSON.stringify(claims), 'x']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

const eas = (authorization: string | null): string =>
  [
    'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=bob&DeviceId=BOB1&DeviceType=Test HTTP/1.1',
    'Host: m',
    'X-Forwarded-For: 192.0.2.7',
    ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
    'Content-Type: application/vnd.ms-sync.wbxml',
    'MS-ASProtocolVersion: 14.1',
    `Content-Length: ${FOLDER_SYNC.length}`,
    '',
    FOLDER_SYNC.toString('latin1'),
  ].join('\r\n');

const owa = (authorization: string | null): string =>
  'GET /owa/ HTTP/1.1\r\nHost: m\r\nX-Forwarded-For: 192.0.2.7\r\n' +
  (authorization === null ? '\r\n' : `Authorization: ${authorization}\r\n\r\n`);

async function ask(client: RawClient, text: string): Promise<RawResponse> {
  client.send(text);
  return client.response();
}

/** Bob's handshake; the last response says 200 and his name. */
async function signIn(client: RawClient, request: (authorization: string | null) => string): Promise<void> {
  const offered = await ask(client, request(credentials('NTLM', negotiateMessage())));
  const offer = offered.header('www-authenticate') ?? '';
  const challenge = Buffer.from(offer.slice('NTLM '.length), 'base64').subarray(24, 32);
  const message = authenticateMessage({ user: 'bob' }, proof(challenge));
  expect((await ask(client, request(credentials('NTLM', message)))).body.toString()).toBe('bob');
}

async function backendOf(): Promise<NtlmBackend> {
  const backend = await startNtlmBackend({ keepsFirstUser: true });
  opened.push(backend);
  return backend;
}

const others: readonly (readonly [string, string | null])[] = [
  ['Basic with a wrong password', `Basic ${base64('bob:wrong')}`],
  ['Basic of another user', `Basic ${base64('alice:wrong')}`],
  ['a Bearer token that names bob', `Bearer ${bearer({ upn: 'bob' })}`],
  ['no credentials', null],
  ['a Kerberos token', credentials('Negotiate', kerberosToken())],
  ['an opening leg', credentials('NTLM', negotiateMessage())],
  ['a made-up closing leg', credentials('NTLM', authenticateMessage({ user: 'bob' }))],
];

describe("on a trusted proxy's connection, behind bob's handshake", () => {
  it.each(others)('a request with %s is not served as bob', async (_what, authorization) => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend, { identity: { trustedProxies: ['127.0.0.1'] } });
    const proxy = await phoneOf(gateway);
    await signIn(proxy, eas);
    const served = backend.served.filter(({ user }) => user === 'bob').length;
    const response = await ask(proxy, eas(authorization));
    expect([400, 401, 403]).toContain(response.status);
    expect(backend.served.filter(({ user }) => user === 'bob')).toHaveLength(served);
  });

  it.each(others)('on another path a request with %s is not served as bob', async (_what, authorization) => {
    const backend = await backendOf();
    const lane = await startTestLane(backend.port, {
      trustedProxies: [parseRange('127.0.0.1')],
    });
    opened.push(lane);
    const proxy = await RawClient.open(lane.port);
    opened.push({ close: () => proxy.destroy() });
    await signIn(proxy, owa);
    const served = backend.served.filter(({ user }) => user === 'bob').length;
    const response = await ask(proxy, owa(authorization));
    expect(response.status).toBe(401);
    expect(backend.served.filter(({ user }) => user === 'bob')).toHaveLength(served);
  });
});

describe("on a phone's own connection, behind its handshake", () => {
  it('a request with a wrong password of the same user is judged by that password', async () => {
    const backend = await backendOf();
    const phone = await phoneOf(await gatewayOf(backend));
    await signIn(phone, eas);
    expect((await ask(phone, eas(`Basic ${base64('bob:wrong')}`))).status).toBe(401);
  });
});

describe('a connection that belongs to bob', () => {
  const bound = (): PinnedConnection => {
    const pinned = new PinnedConnection({} as never, {} as never);
    pinned.claimed = true;
    pinned.user = 'bob' as UserKey;
    return pinned;
  };
  const request = (authorization: string | null): Exchange => {
    const exchange = new Exchange(0);
    exchange.user = 'bob' as UserKey;
    exchange.authorization = authorization;
    return exchange;
  };

  it.each([
    ['of his own client', null, false, true],
    ["on a proxy's connection, as a certificate names him there", null, true, false],
    ["on a proxy's connection, with a password", 'Basic x', true, false],
    ['of his own client, with a password', 'Basic x', false, false],
  ] as const)('takes a request %s: %s', (_what, authorization, shared, taken) => {
    expect(bound().suits(request(authorization), shared)).toBe(taken);
  });
});
