// Owns the promises of connection-bound authentication: no user is ever served on a connection that authenticated another user.
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  authenticateMessage,
  credentials,
  kerberosToken,
  negotiateMessage,
  spnegoNegotiate,
  spnegoResponse,
} from '../../support/phones/ntlm-tokens.ts';
import { PASSWORD, proof, startNtlmBackend } from '../../support/servers/ntlm-backend.ts';
import type { NtlmBackend, NtlmBackendOptions } from '../../support/servers/ntlm-backend.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import type { RawResponse } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, PING } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

async function setUp(
  options: NtlmBackendOptions = {},
  overrides: SettingsOverrides = {},
): Promise<{ backend: NtlmBackend; gateway: TestGateway }> {
  const backend = await startNtlmBackend(options);
  onTestFinished(() => backend.close());
  const gateway = await gatewayOf(backend, overrides);
  return { backend, gateway };
}

type Authorization = string | null;

const basic = (user: string): string => credentials('Basic', Buffer.from(`${user}:${PASSWORD}`));

/** One phone on one connection. */
class Phone {
  readonly user: string;
  readonly client: RawClient;
  /** The address that a proxy in front sends for it; null = none. */
  from: string | null = null;

  constructor(user: string, client: RawClient) {
    this.user = user;
    this.client = client;
  }

  send(authorization: Authorization, command = 'FolderSync', body: Buffer = FOLDER_SYNC): void {
    const { user } = this;
    this.client.send(
      [
        `POST /Microsoft-Server-ActiveSync?Cmd=${command}&User=${user}&DeviceId=${user}1&DeviceType=Test HTTP/1.1`,
        'Host: mail.example.com',
        ...(this.from === null ? [] : [`X-Forwarded-For: ${this.from}`]),
        ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
        'Content-Type: application/vnd.ms-sync.wbxml',
        'MS-ASProtocolVersion: 14.1',
        `Content-Length: ${body.length}`,
        '',
        body.toString('latin1'),
      ].join('\r\n'),
    );
  }

  async ask(authorization: Authorization = null, command?: string, body?: Buffer): Promise<RawResponse> {
    this.send(authorization, command, body);
    return this.client.response();
  }

  /** Sends the first leg; returns the server's challenge. */
  async open(scheme = 'NTLM'): Promise<Buffer> {
    const token = scheme === 'NTLM' ? negotiateMessage() : spnegoNegotiate();
    const response = await this.ask(credentials(scheme, token));
    const offer = response.header('www-authenticate') ?? '';
    if (response.status !== 401 || !offer.startsWith(`${scheme} `))
      throw new Error(`no challenge: ${response.head}`);
    return Buffer.from(offer.slice(scheme.length + 1), 'base64').subarray(24, 32);
  }

  /** The last leg's credentials. */
  answer(challenge: Buffer, scheme = 'NTLM', user = this.user): string {
    const message = authenticateMessage({ user }, proof(challenge));
    return credentials(scheme, scheme === 'NTLM' ? message : spnegoResponse(message));
  }

  async signIn(scheme = 'NTLM'): Promise<RawResponse> {
    return this.ask(this.answer(await this.open(scheme), scheme));
  }
}

async function phone(gateway: TestGateway, user: string): Promise<Phone> {
  const client = await phoneOf(gateway);
  return new Phone(user, client);
}

const text = (response: RawResponse): string => `${response.status} ${response.body.toString()}`;

describe('a client that authenticated its connection', () => {
  it.each(['NTLM', 'Negotiate'])(
    'is served as itself from then on, without credentials (%s)',
    async (scheme) => {
      const { backend, gateway } = await setUp();
      const alice = await phone(gateway, 'alice');
      expect(text(await alice.signIn(scheme))).toBe('200 alice');
      expect(text(await alice.ask())).toBe('200 alice');
      expect(text(await alice.ask())).toBe('200 alice');
      expect(backend.connections).toHaveLength(1);
      expect(gateway.seen).toContainEqual({ user: 'contoso\\alice', device: 'alice1' });
    },
  );

  it('opens the handshake without a body, as clients do that send it only with the last leg', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    const response = await alice.ask(credentials('NTLM', negotiateMessage()), 'FolderSync', Buffer.alloc(0));
    expect(response.status).toBe(401);
    expect(response.header('www-authenticate')).toMatch(/^NTLM ./);
    expect(backend.requests[0]?.method).toBe('OPTIONS');
  });

  it('has its command forwarded only with the leg that names its user', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    expect(backend.requests.map(({ method, body }) => [method, body.length])).toEqual([
      ['OPTIONS', 0],
      ['POST', FOLDER_SYNC.length],
    ]);
  });

  it('is never served as another user, however the requests interleave', async () => {
    const { backend, gateway } = await setUp();
    const phones = await Promise.all(['alice', 'bob', 'carol'].map((user) => phone(gateway, user)));
    const challenges = await Promise.all(phones.map((each) => each.open()));
    const signedIn = await Promise.all(
      phones.map((each, index) => each.ask(each.answer(challenges[index] as Buffer))),
    );
    expect(signedIn.map(text)).toEqual(['200 alice', '200 bob', '200 carol']);
    for (let round = 0; round < 5; round++) {
      const asked = await Promise.all([...phones].reverse().map((each) => each.ask()));
      expect(asked.map(text)).toEqual(['200 carol', '200 bob', '200 alice']);
    }
    for (const connection of backend.connections) expect(backend.usersOf(connection)).toHaveLength(1);
  });

  it('has an exclusive connection to the server', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    const bob = await phone(gateway, 'bob');
    expect((await bob.ask()).status).toBe(401);
    expect(text(await bob.ask(basic('bob')))).toBe('200 bob');
    expect(text(await alice.ask())).toBe('200 alice');
    expect(backend.usersOf(backend.connections[0] as (typeof backend.connections)[0])).toEqual(['alice']);
    expect(backend.served.filter(({ user }) => user === 'bob')).toHaveLength(1);
  });

  it('closes its connection to the server by disconnecting', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    alice.client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the end of the bound connection');
    const bob = await phone(gateway, 'bob');
    expect((await bob.ask()).status).toBe(401);
    // The gateway requested the challenge on its own connection.
    expect(backend.connections).toHaveLength(2);
    expect(gateway.upstreamConnections()).toBe(0);
  });

  it('closes its connection to the server by disconnecting during a held poll', async () => {
    const { backend, gateway } = await setUp({
      answer: ({ request, user, connection }) => {
        if (!request.target.includes('Cmd=Ping')) connection.socket.write(ok(user ?? ''));
      },
    });
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    alice.send(null, 'Ping', PING);
    await until(() => backend.served.length === 3, 'the held poll');
    alice.client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the end of the bound connection');
  });

  it('is disconnected when the server closes the bound connection', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    backend.connections[0]?.socket.end();
    await until(() => alice.client.ended, 'the end of the client connection');
  });

  it('is challenged, not served, when the server closes the bound connection during a request', async () => {
    const { backend, gateway } = await setUp({
      answer: ({ request, user, connection }) => {
        if (request.header('authorization') === undefined) connection.socket.end();
        else connection.socket.write(ok(user ?? ''));
      },
    });
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    const response = await alice.ask();
    expect(response.status).toBe(401);
    expect(response.header('connection')).toBe('close');
    expect(
      backend.served
        .slice(2)
        .every(({ user, connection }) => user === null || connection === backend.connections[0]),
    ).toBe(true);
  });

  it('is challenged when the bound connection ends while its request is still arriving', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    const head = `POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=alice1&DeviceType=Test HTTP/1.1`;
    const type = 'Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: 14.1';
    alice.client.send(`${head}\r\nHost: a\r\n${type}\r\nContent-Length: ${FOLDER_SYNC.length}\r\n\r\n`);
    // An answered request on another connection proves that the head was read.
    const bob = await phone(gateway, 'bob');
    await bob.ask(basic('bob'));
    backend.connections[0]?.socket.destroy();
    await until(() => gateway.upstreamConnections() === 1, 'the end of the bound connection');
    alice.client.send(FOLDER_SYNC);
    const response = await alice.client.response();
    expect(response.status).toBe(401);
    expect(response.header('connection')).toBe('close');
    expect(text(await bob.ask(basic('bob')))).toBe('200 bob');
  });

  it('is no longer authenticated after the server sent a new challenge', async () => {
    let revoked = false;
    const { gateway } = await setUp({
      answer: ({ user, connection }) =>
        connection.socket.write(
          revoked ? 'HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n' : ok(user ?? ''),
        ),
    });
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    revoked = true;
    const refused = await alice.ask();
    revoked = false;
    expect(refused.status).toBe(401);
    // For the server the connection may still belong to alice: nobody may use it any more.
    expect(refused.header('connection')).toBe('close');
    await until(() => alice.client.ended, 'the end of the client connection');
    await until(() => gateway.upstreamConnections() === 0, 'the end of the bound connection');
    expect(text(await (await phone(gateway, 'alice')).signIn())).toBe('200 alice');
  });

  it('is disconnected when the server sends Connection: close', async () => {
    const { gateway } = await setUp({
      answer: ({ connection }) => connection.socket.write(ok('last', 'Connection: close\r\n')),
    });
    const alice = await phone(gateway, 'alice');
    const response = await alice.signIn();
    expect(text(response)).toBe('200 last');
    expect(response.header('connection')).toBe('close');
    await until(() => alice.client.ended, 'the end of the client connection');
  });
});

describe('the verdict', () => {
  it('is that of the bound user for every request on the connection', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    expect(text(await alice.ask())).toBe('200 alice');
    gateway.change('alice1', 'block');
    const refused = await alice.ask();
    expect(refused.status).toBe(200);
    expect(refused.body.includes(Buffer.from('129'))).toBe(true);
    gateway.change('alice1', 'allow');
    expect(text(await alice.ask())).toBe('200 alice');
    expect(backend.served.filter(({ user }) => user === 'alice')).toHaveLength(3);
  });

  it('of a blocked device forwards only the last leg, once, with a bare OPTIONS', async () => {
    const { backend, gateway } = await setUp();
    gateway.change('alice1', 'block');
    const alice = await phone(gateway, 'alice');
    const response = await alice.signIn();
    expect(response.body.includes(Buffer.from('129'))).toBe(true);
    alice.client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the end of the bound connection');
    expect(backend.connections).toHaveLength(1);
    expect(backend.served.map(({ request }) => request.method)).toEqual(['OPTIONS', 'OPTIONS']);
  });

  it('is never that of another user: a User= claim for someone else is refused', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    const liar = new Phone('bob', alice.client);
    expect((await liar.ask()).status).toBe(403);
    expect(backend.served.filter(({ request }) => request.target.includes('bob'))).toHaveLength(0);
  });
});

describe('a second user on the same client connection', () => {
  // For example behind a proxy that shares its connections, or on a shared device.
  it('gets its own connection by a new handshake, even if the server would keep the first user', async () => {
    const { backend, gateway } = await setUp({ keepsFirstUser: true });
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    const bob = new Phone('bob', alice.client);
    expect(text(await bob.signIn())).toBe('200 bob');
    expect(text(await bob.ask())).toBe('200 bob');
    for (const connection of backend.connections) expect(backend.usersOf(connection)).toHaveLength(1);
  });

  it('is never served on the bound connection with Basic credentials', async () => {
    const { backend, gateway } = await setUp({ keepsFirstUser: true });
    const alice = await phone(gateway, 'alice');
    await alice.signIn();
    const bob = new Phone('bob', alice.client);
    expect(text(await bob.ask(basic('bob')))).toBe('200 bob');
    expect(backend.connections).toHaveLength(2);
    expect((await alice.ask()).status).toBe(401);
  });

  it('is never served on the bound connection when the server gets a PROXY header', async () => {
    const { backend, gateway } = await setUp({ keepsFirstUser: true }, { upstream: { proxyProtocol: 1 } });
    const alice = await phone(gateway, 'alice');
    expect(text(await alice.signIn())).toBe('200 alice');
    const bob = new Phone('bob', alice.client);
    expect(text(await bob.ask(basic('bob')))).toBe('200 bob');
    expect((await alice.ask()).status).toBe(401);
    const serving = backend.connections.filter((connection) => backend.usersOf(connection).length > 0);
    expect(serving).toHaveLength(2);
    expect(serving.every(({ proxyHeader }) => proxyHeader.startsWith('PROXY TCP4 '))).toBe(true);
    // The challenge for a stranger comes from the gateway's own request.
    const others = backend.connections.filter((connection) => !serving.includes(connection));
    expect(others).toHaveLength(1);
    expect(others.every(({ proxyHeader }) => proxyHeader.startsWith('PROXY UNKNOWN'))).toBe(true);
    for (const connection of backend.connections) expect(backend.usersOf(connection).length).toBeLessThan(2);
  });

  it('is not mistaken for the first one behind a shared proxy', async () => {
    const { backend, gateway } = await setUp({}, { identity: { trustedProxies: ['127.0.0.1'] } });
    const alice = await phone(gateway, 'alice');
    alice.from = '192.0.2.1';
    expect(text(await alice.signIn())).toBe('200 alice');
    alice.from = '192.0.2.2';
    expect((await alice.ask()).status).toBe(401);
    alice.from = '192.0.2.1';
    expect((await alice.ask()).status).toBe(401);
    // The client continues with a handshake for each request.
    expect(text(await alice.signIn())).toBe('200 alice');
    expect(backend.served.filter(({ user }) => user === 'alice')).toHaveLength(2);
  });

  it('cannot end a handshake that it did not open', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    const challenge = await alice.open();
    const bob = await phone(gateway, 'bob');
    expect((await bob.ask(bob.answer(challenge))).status).toBe(401);
    expect(text(await alice.ask(alice.answer(challenge)))).toBe('200 alice');
    // Once ended it cannot be ended again.
    const again = await alice.ask(alice.answer(challenge));
    expect([again.status, again.header('www-authenticate')]).toEqual([401, expect.any(String)]);
    expect(backend.usersOf(backend.connections[0] as (typeof backend.connections)[0])).toEqual(['alice']);
  });
});

describe('a Kerberos token', () => {
  it('is refused when the server does not accept it', async () => {
    const { backend, gateway } = await setUp();
    const alice = await phone(gateway, 'alice');
    expect((await alice.ask(credentials('Negotiate', kerberosToken()))).status).toBe(401);
    expect(backend.requests[0]?.method).toBe('OPTIONS');
  });

  it('is refused even if the server accepts it, since the gateway cannot read its user', async () => {
    const { backend, gateway } = await setUp({ kerberosUser: 'alice' });
    const alice = await phone(gateway, 'alice');
    const response = await alice.ask(credentials('Negotiate', kerberosToken()));
    expect(response.status).toBe(401);
    expect(response.header('www-authenticate')).toMatch(/^Basic /);
    expect((await alice.ask()).status).toBe(401);
    expect(backend.served.filter(({ request }) => request.method === 'POST')).toHaveLength(0);
    expect(gateway.seen).toHaveLength(0);
  });

  it('leaves no authenticated connection behind for the next handshake', async () => {
    const { backend, gateway } = await setUp({
      kerberosUser: 'mallory',
      keepsFirstUser: true,
      answer: ({ user, connection }) =>
        connection.socket.write(
          user === 'mallory' ? 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n' : ok(user ?? ''),
        ),
    });
    const mallory = await phone(gateway, 'alice');
    await mallory.ask(credentials('Negotiate', kerberosToken()));
    await until(() => mallory.client.ended, 'the end of the client connection');
    expect(text(await (await phone(gateway, 'alice')).signIn())).toBe('200 alice');
    for (const connection of backend.connections) expect(backend.usersOf(connection).length).toBeLessThan(2);
  });
});

describe('challenges of connection-bound schemes, with stripping,', () => {
  const strip = { balancing: { connectionAuth: 'strip' as const } };

  async function offered(lines: string[], settings: SettingsOverrides = strip): Promise<string[]> {
    const backend = await backendOf(({ connection }) =>
      connection.socket.write(
        `HTTP/1.1 401 No\r\n${lines.map((line) => `${line}\r\n`).join('')}Content-Length: 0\r\n\r\n`,
      ),
    );
    const gateway = await gatewayOf(backend, settings);
    const alice = await phone(gateway, 'alice');
    const { headers } = await alice.ask(basic('alice'));
    return headers.filter(([name]) => name.toLowerCase() === 'www-authenticate').map(([, value]) => value);
  }

  const BASIC = 'Basic realm="mail"';

  it.each([
    [
      'on lines of their own',
      ['WWW-Authenticate: Negotiate', 'WWW-Authenticate: NTLM', `WWW-Authenticate: ${BASIC}`],
    ],
    ['in any case', ['www-authenticate: NEGOTIATE', 'WWW-AUTHENTICATE:ntlm', `Www-Authenticate: ${BASIC}`]],
    [
      'with tokens',
      [
        'WWW-Authenticate: NTLM TlRMTVNTUAAC',
        `WWW-Authenticate: ${BASIC}`,
        'WWW-Authenticate: Negotiate YII=',
      ],
    ],
    ['with white space around', ['WWW-Authenticate: \t NTLM \t', `WWW-Authenticate:   ${BASIC}`]],
    ['ahead of Basic on one line', [`WWW-Authenticate: Negotiate, NTLM, ${BASIC}`]],
    ['behind Basic on one line', [`WWW-Authenticate: ${BASIC}, NTLM, Negotiate`]],
    ['around Basic on one line', [`WWW-Authenticate: Negotiate YII=,,${BASIC} , NTLM TlRMTVNTUAAC=`]],
    ['with parameters', [`WWW-Authenticate: Negotiate a=1, b="x, NTLM", ${BASIC}`]],
  ])('are removed and Basic stays: %s', async (_name, lines) => {
    expect(await offered(lines)).toEqual([BASIC]);
  });

  it.each([
    'Basic realm="NTLM, Negotiate", charset="UTF-8"',
    'Basic realm="a \\", NTLM"',
    'Bearer authorization_uri="https://login.example/", client_id="NTLM"',
    'NTLMv2 x',
    'Bearer realm="a", Basic realm="b"',
  ])('are not recognised in %s', async (value) => {
    expect(await offered([`WWW-Authenticate: ${value}`])).toEqual([value]);
  });

  it('are removed without changing the parameters of other challenges', async () => {
    const line = 'WWW-Authenticate: Bearer realm="x", error="y", NTLM, Basic realm="b", charset="UTF-8"';
    expect((await offered([line])).join(', ')).toBe(
      'Bearer realm="x", error="y", Basic realm="b", charset="UTF-8"',
    );
  });

  it('all reach the phone, line by line, when connections are pinned', async () => {
    const lines = ['Negotiate', 'NTLM', BASIC];
    expect(
      await offered(
        lines.map((value) => `WWW-Authenticate: ${value}`),
        {},
      ),
    ).toEqual(lines);
  });

  it('cannot be used by a client that knows the schemes from elsewhere', async () => {
    const { backend, gateway } = await setUp({}, strip);
    const alice = await phone(gateway, 'alice');
    const response = await alice.ask(credentials('NTLM', negotiateMessage()));
    expect(response.status).toBe(401);
    expect(response.headers.filter(([name]) => name.toLowerCase() === 'www-authenticate')).toEqual([
      ['WWW-Authenticate', BASIC],
    ]);
    expect(backend.requests[0]?.header('authorization')).toBeUndefined();
  });
});
