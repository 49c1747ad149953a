// Owns the promise that on a trusted proxy's connection no request uses the upstream connection that another request's
// handshake authenticated (MS-NTHT 1.3, RFC 4559 6): behind one address there may be several clients.
import { describe, expect, it } from 'vitest';
import { PinnedConnection } from '../../src/gateway/forward/pinned-connection.ts';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import { addressRange } from '../../src/ip-address.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { proof, startNtlmBackend } from '../support/servers/ntlm-backend.ts';
import type { NtlmBackend } from '../support/servers/ntlm-backend.ts';
import {
  authenticateMessage,
  credentials,
  kerberosToken,
  negotiateMessage,
} from '../support/phones/ntlm-tokens.ts';
import type { RawClient, RawResponse } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf, laneOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

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

async function ntlmBackendOf(): Promise<NtlmBackend> {
  return closeAtEnd(await startNtlmBackend({ keepsFirstUser: true }));
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
    const backend = await ntlmBackendOf();
    const gateway = await gatewayOf(backend, { identity: { trustedProxies: ['127.0.0.1'] } });
    const proxy = await phoneOf(gateway);
    await signIn(proxy, eas);
    const served = backend.served.filter(({ user }) => user === 'bob').length;
    const response = await ask(proxy, eas(authorization));
    expect([400, 401, 403]).toContain(response.status);
    expect(backend.served.filter(({ user }) => user === 'bob')).toHaveLength(served);
  });

  it.each(others)('on another path a request with %s is not served as bob', async (_what, authorization) => {
    const backend = await ntlmBackendOf();
    const lane = await laneOf(backend, {
      trustedProxies: [addressRange('127.0.0.1')],
    });
    const proxy = await phoneOf(lane);
    await signIn(proxy, owa);
    const served = backend.served.filter(({ user }) => user === 'bob').length;
    const response = await ask(proxy, owa(authorization));
    expect(response.status).toBe(401);
    expect(backend.served.filter(({ user }) => user === 'bob')).toHaveLength(served);
  });
});

describe("on a phone's own connection, behind its handshake", () => {
  it('a request with a wrong password of the same user is judged by that password', async () => {
    const backend = await ntlmBackendOf();
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

describe('a proxy connection that several clients share, in the pass-through lane', () => {
  const from = (address: string, ...lines: string[]): string =>
    ['GET /owa/ HTTP/1.1', 'Host: mail.example.com', `X-Forwarded-For: ${address}`, ...lines, '', ''].join(
      '\r\n',
    );

  it('never uses the upstream connection that one client authenticated for another one', async () => {
    const backend = await backendOf(answerOk);
    const lane = await laneOf(backend, { trustedProxies: [addressRange('127.0.0.1')] });
    const proxy = await phoneOf(lane);
    for (const sent of [
      from('203.0.113.1', 'Authorization: NTLM TlRMTVNTUAABAAAA'),
      from('203.0.113.1', 'Authorization: NTLM TlRMTVNTUAADAAAA'),
      from('203.0.113.2'),
    ]) {
      proxy.send(sent);
      expect((await proxy.response()).status).toBe(200);
    }
    const [begun, authenticated, other] = backend.requests.map(({ connection }) => connection);
    expect(authenticated).toBe(begun);
    expect(other).not.toBe(authenticated);
    await until(() => authenticated?.closed === true, 'the authenticated connection to close');
  });

  it('closes after a request for another path, because the next request may be a phone’s', async () => {
    const backend = await backendOf(answerOk);
    const lane = await laneOf(backend, { trustedProxies: [addressRange('127.0.0.1')] });
    const proxy = await phoneOf(lane);
    proxy.send(from('203.0.113.1'));
    expect((await proxy.response()).header('connection')).toBe('close');
    const strict = await laneOf(backend);
    const client = await phoneOf(strict);
    client.send(from('203.0.113.1'));
    expect((await client.response()).header('connection')).toBe('keep-alive');
  });
});

describe('a client behind the address of another one, on a proxy connection that both share', () => {
  it('is not served as the user who signed in by NTLM', async () => {
    const backend = closeAtEnd(await startNtlmBackend());
    const gateway = await gatewayOf(backend, { identity: { trustedProxies: ['127.0.0.1'] } });
    const proxy = await phoneOf(gateway);
    const text = request('FolderSync', FOLDER_SYNC, ['X-Forwarded-For: 192.0.2.1']);
    const says = async (authorization: string): Promise<RawResponse> => {
      proxy.send(text.replace('Authorization: Basic YWxpY2U6c2VjcmV0\r\n', authorization));
      return proxy.response();
    };
    const opening = await says(`Authorization: ${credentials('NTLM', negotiateMessage())}\r\n`);
    const challenge = Buffer.from((opening.header('www-authenticate') ?? '').slice(5), 'base64').subarray(
      24,
      32,
    );
    const closing = credentials('NTLM', authenticateMessage({ user: 'alice' }, proof(challenge)));
    const signedIn = await says(`Authorization: ${closing}\r\n`);
    const other = await says('');
    expect([signedIn.status, other.status]).toEqual([200, 401]);
  });

  it('does not get its upstream connection in the pass-through lane', async () => {
    const backend = await backendOf(answerOk);
    const lane = await laneOf(backend, { trustedProxies: [addressRange('127.0.0.1')] });
    const proxy = await phoneOf(lane);
    const from = ['GET /owa/ HTTP/1.1', 'Host: mail.example.com', 'X-Forwarded-For: 192.0.2.1'];
    for (const lines of [['Authorization: NTLM TlRMTVNTUAADAAAA'], []]) {
      proxy.send([...from, ...lines, '', ''].join('\r\n'));
      expect((await proxy.response()).status).toBe(200);
    }
    const [signedIn, other] = backend.requests.map(({ connection }) => connection);
    expect(other).not.toBe(signedIn);
  });
});

describe('a client that a trusted proxy does not name', () => {
  const says = (name: string, authorization: string | null): string =>
    [
      'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=PHONE1&DeviceType=Test HTTP/1.1',
      'Host: mail.example.com',
      ...(name.startsWith('for=') ? [`Forwarded: ${name}`] : [`X-Forwarded-For: ${name}`]),
      ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
      'Content-Type: application/vnd.ms-sync.wbxml',
      'MS-ASProtocolVersion: 14.1',
      `Content-Length: ${FOLDER_SYNC.length}`,
      '',
      FOLDER_SYNC.toString('latin1'),
    ].join('\r\n');

  it.each([
    ['forwarded', 'for=192.0.2.1', 'for=unknown'],
    ['forwarded', 'for=_one', 'for=_two'],
    ['forwarded', 'for=unknown', 'for=unknown'],
    ['xForwardedFor', 'unknown', 'unknown'],
  ] as const)(
    'is not served as the client before it on the shared connection (%s: %s, %s)',
    async (header, first, second) => {
      const backend = closeAtEnd(await startNtlmBackend());
      const gateway = await gatewayOf(backend, {
        identity: { trustedProxies: ['127.0.0.1'], forwardedHeader: header },
      });
      const proxy = await phoneOf(gateway);
      proxy.send(says(first, credentials('NTLM', negotiateMessage())));
      const offer = (await proxy.response()).header('www-authenticate') ?? '';
      const challenge = Buffer.from(offer.slice('NTLM '.length), 'base64').subarray(24, 32);
      proxy.send(says(first, credentials('NTLM', authenticateMessage({ user: 'alice' }, proof(challenge)))));
      await proxy.response();
      proxy.send(says(second, null));
      const { status } = await proxy.response();
      expect(status).toBe(401);
    },
  );
});
