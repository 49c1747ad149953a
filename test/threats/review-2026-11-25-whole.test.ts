// Owns the promise that the holes found by the review of the data plane as a whole, of 25 November 2026, stay closed.
import { describe, expect, it } from 'vitest';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';
import { parseRange } from '../../src/identity/client-address.ts';
import { userFromAuthorization } from '../../src/identity/user.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { proof, startNtlmBackend } from '../support/servers/ntlm-backend.ts';
import { authenticateMessage, credentials, negotiateMessage } from '../support/phones/ntlm-tokens.ts';
import { startTestLane } from '../support/servers/test-lane.ts';
import { OFFER, UNAUTHORIZED, isBare, ok, startRawBackend } from '../support/servers/raw-backend.ts';
import type { BackendRequest } from '../support/servers/raw-backend.ts';
import { RawClient, untilRead } from '../support/phones/raw-client.ts';
import type { RawResponse } from '../support/phones/raw-client.ts';
import {
  FOLDER_SYNC,
  PING,
  request,
  startTestGateway,
  verdict,
  wipeOrder,
} from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const answerOk = ({ connection }: BackendRequest): void => void connection.socket.write(ok());

const HOUR_MS = 3_600_000;

describe('a clock that is set back', () => {
  it('makes no device wait for the time it was set back by', async () => {
    const backend = await startRawBackend(answerOk);
    const gateway = await startTestGateway(backend.port, { throttle: { burst: 2, perMinute: 6_000 } });
    const phone = await RawClient.open(gateway.port);
    const ask = async (): Promise<number> => {
      phone.send(request('FolderSync', FOLDER_SYNC));
      return (await phone.response()).status;
    };
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 503]);
    await gateway.time.setWall(-HOUR_MS);
    const statuses: number[] = [];
    for (let round = 0; round < 3; round++) {
      await gateway.time.advance(10);
      statuses.push(await ask());
    }
    phone.destroy();
    await gateway.close();
    await backend.close();
    expect(statuses).toEqual([200, 200, 200]);
  });

  it('ends deadlines as it would have', async () => {
    const backend = await startRawBackend(answerOk);
    const gateway = await startTestGateway(backend.port);
    const client = await RawClient.open(gateway.port);
    client.send('POST /');
    await untilRead(gateway);
    await gateway.time.setWall(-HOUR_MS);
    await gateway.time.advance(5_001);
    await until(() => client.ended, 'the slow head to be given up').catch(() => undefined);
    const { ended } = client;
    client.destroy();
    await gateway.close();
    await backend.close();
    expect(ended).toBe(true);
  });

  it('lets a decision that ends stand until the time it was given', async () => {
    const backend = await startRawBackend(() => undefined);
    const gateway = await startTestGateway(backend.port);
    const { time } = gateway;
    await time.setWall(-HOUR_MS);
    gateway.verdicts.set('abc123', { ...verdict('allow'), validUntil: time.wall() + 60_000 });
    const phone = await RawClient.open(gateway.port);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    await time.advance(59_999);
    const { received } = phone;
    await time.advance(1);
    const { status } = await phone.response();
    phone.destroy();
    await gateway.close();
    await backend.close();
    expect([received, status]).toEqual(['', 200]);
  });
});

describe('a stranger behind the address of a phone', () => {
  /** As {@link request}, with credentials of the test's. */
  const ask = (authorization: string, length = FOLDER_SYNC.length): string =>
    [
      'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=ABC123&DeviceType=Test HTTP/1.1',
      'Host: mail.example.com',
      `Authorization: ${authorization}`,
      'Content-Type: application/vnd.ms-sync.wbxml',
      'MS-ASProtocolVersion: 14.1',
      `Content-Length: ${length}`,
      '',
      FOLDER_SYNC.toString('latin1'),
    ].join('\r\n');
  const basic = (password: string): string => `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;

  it('does not use up what the phone may ask, with passwords that are wrong', async () => {
    const backend = await startRawBackend((asked) => {
      const good = asked.header('authorization') === basic('right');
      asked.connection.socket.write(good ? ok() : 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    });
    const gateway = await startTestGateway(backend.port, { throttle: { burst: 2, perMinute: 1 } });
    const stranger = await RawClient.open(gateway.port);
    const statuses: number[] = [];
    for (let guess = 0; guess < 3; guess++) {
      stranger.send(ask(basic('wrong')));
      statuses.push((await stranger.response()).status);
    }
    const phone = await RawClient.open(gateway.port);
    phone.send(ask(basic('right')));
    const { status } = await phone.response();
    for (const client of [stranger, phone]) client.destroy();
    await gateway.close();
    await backend.close();
    expect([statuses, status]).toEqual([[401, 401, 503], 200]);
  });

  it('does not take the places of the phone, with requests that never end', async () => {
    const backend = await startRawBackend(answerOk);
    const gateway = await startTestGateway(backend.port, { client: { maxInFlightPerDevice: 2 } });
    const strangers = await Promise.all([0, 1].map(() => RawClient.open(gateway.port)));
    for (const stranger of strangers) stranger.send(ask(basic('wrong'), 1_000));
    const phone = await RawClient.open(gateway.port);
    phone.send(ask(basic('right')));
    const { status } = await phone.response();
    for (const client of [...strangers, phone]) client.destroy();
    await gateway.close();
    await backend.close();
    expect(status).toBe(200);
  });
});

describe('a web server before the mail server that answers OPTIONS itself, whatever the password', () => {
  it.each([
    ['as for CORS', 'HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\r\n'],
    ['as its default site', 'HTTP/1.1 200 OK\r\nAllow: GET,HEAD,POST,OPTIONS\r\nContent-Length: 0\r\n\r\n'],
  ])('%s, has nobody tell of a device or say that it wiped itself', async (_how, answer) => {
    const backend = await startRawBackend(({ connection }) => void connection.socket.write(answer));
    const gateway = await startTestGateway(backend.port);
    const order = wipeOrder('abc123');
    gateway.verdicts.set('abc123', { ...verdict('wipe'), reason: 'wipeRequested', wipe: order });
    const stranger = await RawClient.open(gateway.port);
    // RemoteWipe with status 1 (MS-ASPROV 2.2.2.45).
    const wiped = encodeWbxml(
      fromXml('<Provision xmlns="Provision:"><RemoteWipe><Status>1</Status></RemoteWipe></Provision>'),
    );
    stranger.send(request('Provision', wiped));
    const { status } = await stranger.response();
    stranger.destroy();
    await gateway.close();
    await backend.close();
    expect([status, gateway.acknowledged, gateway.seen]).toEqual([503, [], []]);
  });
});

const keyOf = (name: string): string =>
  userFromAuthorization(`Basic ${Buffer.from(`${name}:secret`).toString('base64')}`, 'upn');

describe('a name that servers cut in different places', () => {
  it.each(['CONTOSO/alice', 'alice/CONTOSO', 'A\\B\\alice', 'A/B\\alice'])('is nobody: %s', (name) => {
    expect(keyOf(name)).toBe('EASGATE_USER_NAME');
  });
});

describe('a name that a directory takes for another one (RFC 4518)', () => {
  it.each([
    ['wide letters', '\uff41lice'],
    ['a letter in a circle', '\u24d0lice'],
    ['a long s', 'ali\u017fe'],
    ['a soft hyphen', 'al\u00adice'],
    ['a space of no width', 'al\u200bice'],
    ['a joiner', 'alice\u2060'],
    ['a mark that only chooses a form', 'alice\ufe0f'],
    ['a no-break space', 'alice\u00a0smith'],
    ['two spaces for one', 'alice  smith'],
  ])('by %s is nobody', (_what, name) => {
    expect(keyOf(name)).toBe('EASGATE_USER_NAME');
  });

  it('by the way its accents are written is the same user', () => {
    expect([keyOf('jose\u0301'), keyOf('JOS\u00c9')]).toEqual(['jos\u00e9', 'jos\u00e9']);
  });

  it('is told from the names people have', () => {
    const names = ['anna smith', 'm\u00fcller', '\u65e5\u672c', '\u0438\u0432\u0430\u043d', 'o\u2019neill'];
    expect(names.map((name) => keyOf(name))).toEqual(names);
  });
});

describe('an address that a client claims', () => {
  it('reaches the mail server in none of the headers that some believe', async () => {
    const backend = await startRawBackend(answerOk);
    const gateway = await startTestGateway(backend.port);
    const client = await RawClient.open(gateway.port);
    const names = [
      'Client-IP',
      'X-Cluster-Client-IP',
      'X-Forwarded',
      'Forwarded-For',
      'X-Original-Forwarded-For',
    ];
    const claims = names.map((name) => `${name}: 198.51.100.7`);
    client.send(request('FolderSync', FOLDER_SYNC, claims));
    await client.response();
    client.destroy();
    await gateway.close();
    await backend.close();
    expect(backend.requests.map(({ head }) => head.includes('198.51.100.7'))).toEqual([false]);
  });
});

describe('wrong passwords that the mail server takes long to refuse', () => {
  it('keep no phone waiting whose password was good before', async () => {
    const backend = await startRawBackend((asked) => {
      if (isBare(asked)) asked.connection.socket.write(UNAUTHORIZED);
      else if (asked.header('authorization') === 'Basic YWxpY2U6c2VjcmV0')
        asked.connection.socket.write(ok('ok', OFFER));
    });
    const gateway = await startTestGateway(backend.port, {
      identity: { trustedProxies: ['127.0.0.1'] },
    });
    gateway.verdicts.set('abc123', verdict('block'));
    const clients: RawClient[] = [];
    const ask = async (address: string, login: string): Promise<RawClient> => {
      const client = await RawClient.open(gateway.port);
      clients.push(client);
      const text = request('FolderSync', FOLDER_SYNC, [`X-Forwarded-For: ${address}`]);
      client.send(
        text
          .replace('Basic YWxpY2U6c2VjcmV0', `Basic ${Buffer.from(login).toString('base64')}`)
          .replace('User=alice&', ''),
      );
      return client;
    };
    const first = await (await ask('192.0.2.1', 'alice:secret')).response();
    await gateway.time.advance(120_000);
    for (let guess = 0; guess < 64; guess++) await ask(`198.51.100.${guess % 4}`, `user${guess}:wrong`);
    await until(() => backend.requests.length >= 9, 'the mail server to be busy with guesses');
    const phone = await ask('192.0.2.1', 'alice:secret');
    await until(() => phone.received !== '', 'an answer').catch(() => undefined);
    const status = Number(phone.received.slice(9, 12));
    for (const client of clients) client.destroy();
    await gateway.close();
    await backend.close();
    expect([first.status, status]).toEqual([200, 200]);
  });
});

describe('a handshake that nobody goes on with', () => {
  it('holds its connection to the mail server no longer than a head may take', async () => {
    const backend = await startNtlmBackend();
    const gateway = await startTestGateway(backend.port, {
      client: { keepAliveTimeoutMs: 60_000 },
    });
    const stranger = await RawClient.open(gateway.port);
    const opening = credentials('NTLM', negotiateMessage());
    stranger.send(request('FolderSync', FOLDER_SYNC).replace('Basic YWxpY2U6c2VjcmV0', opening));
    const { status } = await stranger.response();
    const held = gateway.upstreamConnections();
    await gateway.time.advance(5_001);
    await until(() => gateway.upstreamConnections() === 0, 'the mail server to be left').catch(
      () => undefined,
    );
    const left = gateway.upstreamConnections();
    stranger.destroy();
    await gateway.close();
    await backend.close();
    expect([status, held, left]).toEqual([401, 1, 0]);
  });
});

describe('a client behind the address of another one, on the connection of a proxy that serves both', () => {
  it('is not served as the one that signed in by NTLM', async () => {
    const backend = await startNtlmBackend();
    const gateway = await startTestGateway(backend.port, { identity: { trustedProxies: ['127.0.0.1'] } });
    const proxy = await RawClient.open(gateway.port);
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
    proxy.destroy();
    await gateway.close();
    await backend.close();
    expect([signedIn.status, other.status]).toEqual([200, 401]);
  });

  it('is not led to its connection to the mail server in the lane for other paths', async () => {
    const backend = await startRawBackend(answerOk);
    const lane = await startTestLane(backend.port, { trustedProxies: [parseRange('127.0.0.1')] });
    const proxy = await RawClient.open(lane.port);
    const from = ['GET /owa/ HTTP/1.1', 'Host: mail.example.com', 'X-Forwarded-For: 192.0.2.1'];
    for (const lines of [['Authorization: NTLM TlRMTVNTUAADAAAA'], []]) {
      proxy.send([...from, ...lines, '', ''].join('\r\n'));
      expect((await proxy.response()).status).toBe(200);
    }
    proxy.destroy();
    const [signedIn, other] = backend.requests.map(({ connection }) => connection);
    await lane.close();
    await backend.close();
    expect(other).not.toBe(signedIn);
  });
});
