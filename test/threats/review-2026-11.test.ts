// Owns the promise that the holes found by the hostile review of November 2026 stay closed.
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FileWatch } from '../../src/supervisor/file-watch.ts';
import { startSupervisor } from '../../src/supervisor/supervisor.ts';
import type { WorkerPlan } from '../../src/supervisor/supervisor.ts';
import { checkBodyStart } from '../../src/eas/body-gate.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { userFromAuthorization } from '../../src/identity/user.ts';
import type { ListenerTlsSettings } from '../../src/gateway/settings.ts';
import {
  NEW_AUTHORITY,
  OLD_AUTHORITY,
  PHONE_CERTIFICATE,
  PHONE_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../fixtures/tls.ts';
import { ok } from '../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../support/servers/raw-backend.ts';
import type { RawClient } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, PING, request, verdict } from '../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../support/servers/test-gateway.ts';
import { startTestLane } from '../support/servers/test-lane.ts';
import { answerOk, openings } from '../support/servers/openings.ts';
import { eventually, until } from '../support/checks/until.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const { opened, backendOf, gatewayOf, gatewayWith, phoneOf } = openings();

// ------------------------------------------------------------------------------------------------------------- TLS

const TLS: ListenerTlsSettings = {
  certificates: [{ certificate: SERVER_CERTIFICATE, key: SERVER_KEY }],
  minVersion: 'TLSv1.2',
  ciphers: 'HIGH',
  handshakeTimeoutMs: 5_000,
  maxHandshakesPerSecond: 0,
  ticketSecret: '5a'.repeat(32),
  ticketRotationMs: 86_400_000,
  clientCertificate: null,
};

function certificates(ca: string, forwardHeader: string | null = null): ListenerTlsSettings {
  return { ...TLS, clientCertificate: { ca, required: true, user: 'commonName', forwardHeader } };
}

const WITH_CERTIFICATE: ConnectionOptions = { cert: PHONE_CERTIFICATE, key: PHONE_KEY };

/** A phone that speaks TLS. */
class TlsPhone {
  received = '';
  closed = false;
  session: Buffer | null = null;
  readonly socket: TLSSocket;

  constructor(port: number, options: ConnectionOptions = {}) {
    this.socket = connectTls({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: SERVER_CERTIFICATE,
      ...options,
    });
    this.socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    this.socket.on('session', (session) => (this.session = session));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
    opened.push({ close: () => void this.socket.destroy() });
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }
}

describe('over TLS', () => {
  const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf';

  it('a response that the mail server cuts ends the connection, not the worker', async () => {
    const backend = await backendOf(({ connection }) => connection.socket.end(HALF));
    const gateway = await gatewayOf(backend, { listen: { tls: TLS } });
    const phone = new TlsPhone(gateway.port);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => phone.closed, 'the connection to close');
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_UPSTREAM_TRUNCATED']);
  });

  it('a response under way is cut when its device is blocked', async () => {
    const backend = await backendOf(({ connection }) => void connection.socket.write(HALF));
    const gateway = await gatewayOf(backend, { listen: { tls: TLS } });
    const phone = new TlsPhone(gateway.port);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => phone.received.endsWith('half'), 'half of the response');
    gateway.change('abc123', 'block');
    await until(() => phone.closed, 'the connection to close');
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_DECISION_CHANGED']);
  });

  it('a certificate of the configured authority names its user, another one is turned away', async () => {
    const backend = await backendOf(answerOk);
    const good = await gatewayOf(backend, { listen: { tls: certificates(OLD_AUTHORITY) } });
    const phone = new TlsPhone(good.port, WITH_CERTIFICATE);
    phone.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, ''));
    await until(() => phone.received.endsWith('ok') || phone.closed, 'the answer');
    expect(phone.received).toMatch(/^HTTP\/1\.1 200 /);
    expect(good.seen).toEqual([{ user: 'alice', device: 'abc123' }]);

    const other = await gatewayOf(backend, { listen: { tls: certificates(NEW_AUTHORITY) } });
    const stranger = new TlsPhone(other.port, WITH_CERTIFICATE);
    stranger.send(request('FolderSync', FOLDER_SYNC));
    await until(() => stranger.closed, 'the connection to close');
    expect(stranger.received).toBe('');
  });

  it('a session ticket does not outlive the authority that its certificate was checked against', async () => {
    const backend = await backendOf(answerOk);
    const before = await gatewayOf(backend, { listen: { tls: certificates(OLD_AUTHORITY) } });
    const first = new TlsPhone(before.port, WITH_CERTIFICATE);
    first.send(request('FolderSync', FOLDER_SYNC));
    await until(() => first.received.endsWith('ok') && first.session !== null, 'the answer and a ticket');
    const session = first.session ?? undefined;

    const again = new TlsPhone(before.port, {
      ...WITH_CERTIFICATE,
      ...(session === undefined ? {} : { session }),
    });
    again.send(request('FolderSync', FOLDER_SYNC));
    await until(() => again.received.endsWith('ok'), 'the answer');
    expect(again.socket.isSessionReused()).toBe(true);

    const after = await gatewayOf(backend, { listen: { tls: certificates(NEW_AUTHORITY) } });
    const late = new TlsPhone(after.port, {
      ...WITH_CERTIFICATE,
      ...(session === undefined ? {} : { session }),
    });
    late.send(request('FolderSync', FOLDER_SYNC));
    await until(() => late.closed || late.received !== '', 'the end');
    expect(late.received).toBe('');
  });
});

// --------------------------------------------------------------------------------------- changes while under way

/** MS-ASCMD 2.2.2: DeviceIsBlockedForThisUser, as it stands in a FolderSync response. */
const BLOCKED = '129';
/** More than is read before a request goes on. */
const LARGE = 65_536;

describe('a device that is blocked', () => {
  it('while its chunked body is still coming does not reach the mail server', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    const body = FOLDER_SYNC.toString('latin1');
    const head = request('FolderSync', Buffer.alloc(0), [
      'Transfer-Encoding: chunked',
      'Expect: 100-continue',
    ]);
    phone.send(head);
    await until(() => phone.received.includes('100 Continue'), 'the body to be asked for');
    phone.send(`${(body.length - 1).toString(16)}\r\n${body.slice(0, -1)}\r\n`);
    // The gateway has read that once another request got its answer.
    const other = await phoneOf(gateway);
    other.send(request('FolderSync', FOLDER_SYNC, [], 'OTHER1'));
    await other.response();
    gateway.change('abc123', 'block');
    phone.send(`1\r\n${body.slice(-1)}\r\n0\r\n\r\n`);
    expect((await phone.response()).body.toString('latin1')).toContain(BLOCKED);
    expect(backend.requests.filter(({ target }) => target.includes('ABC123'))).toEqual([]);
  });

  it('while it waits for a connection does not reach the mail server', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend, {
      upstream: { maxConnections: 1 },
      balancing: { maxQueued: 5 },
    });
    const first = await phoneOf(gateway);
    first.send(request('FolderSync', FOLDER_SYNC, [], 'FIRST1'));
    await until(() => backend.requests.length === 1, 'the first request');
    const [blocked, allowed] = [await phoneOf(gateway), await phoneOf(gateway)];
    blocked.send(request('FolderSync', FOLDER_SYNC));
    allowed.send(request('FolderSync', FOLDER_SYNC, [], 'LAST1'));
    await until(() => gateway.connections() === 3, 'three connections');
    const other = await phoneOf(gateway);
    other.send('GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    await other.response();
    gateway.change('abc123', 'block');
    expect((await blocked.response()).status).toBe(503);
    answerOk(backend.requests[0] as BackendRequest);
    await first.response();
    await until(() => backend.requests.length === 2, 'the next request');
    expect(backend.requests[1]?.target).toContain('LAST1');
  });

  it('while its verdict is being looked up does not reach the mail server', async () => {
    const backend = await backendOf(answerOk);
    const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let asked = 0;
    const gateway = await gatewayWith(backend, async () => {
      const call = asked++;
      await answers[call]?.promise;
      return { verdict: verdict(call === 0 ? 'allow' : 'block') };
    });
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => asked === 1, 'the look-up');
    gateway.change();
    for (const { resolve } of answers) resolve();
    expect((await phone.response()).body.toString('latin1')).toContain(BLOCKED);
    expect(backend.requests.filter(({ target }) => target.includes('Cmd='))).toEqual([]);
  });

  it('with more held polls than the directory is asked about at a time holds none of them on', async () => {
    const backend = await backendOf();
    let blocked = false;
    let underWay = 0;
    // As the verdict cache does beyond cache.maxConcurrentLookups, or while the directory is away.
    const gateway = await gatewayWith(backend, async () => {
      if (underWay >= 2) return { verdict: null };
      underWay++;
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return { verdict: verdict(blocked ? 'block' : 'allow') };
    });
    const phones: RawClient[] = [];
    for (let count = 1; count <= 5; count++) {
      const phone = await phoneOf(gateway);
      phone.send(request('Ping', PING, [], `POLL${count}`));
      await until(() => backend.requests.length === count, 'the poll to be held');
      phones.push(phone);
    }
    blocked = true;
    gateway.change();
    // Those that the directory did not answer for are asked about again after a second.
    const ended = async (): Promise<boolean> => {
      await gateway.time.advance(1_000);
      return phones.every(({ received }) => received !== '');
    };
    await eventually(ended, (all) => all, 'all polls to end');
    for (const phone of phones) expect((await phone.response()).status).toBe(200);
  });

  it('in the middle of an upload ends its connection: the rest of the body is no request', async () => {
    const backend = await backendOf(undefined);
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    const smuggled = request('FolderSync', FOLDER_SYNC, [], 'HIDDEN1');
    const start = Buffer.concat([Buffer.from('03016a00455c', 'hex'), Buffer.alloc(LARGE, 1)]);
    const length = start.length + smuggled.length;
    phone.send(request('Sync', start, [`Content-Length: ${length + LARGE}`]));
    await until(() => backend.connections.length === 1, 'the request to be forwarded');
    gateway.change('abc123', 'block');
    await until(() => phone.received.includes('\r\n\r\n'), 'the answer');
    phone.send(smuggled);
    await until(() => phone.ended, 'the end');
    expect(phone.received.split('HTTP/1.1 ').length - 1).toBe(1);
    expect(backend.connections.map(({ received }) => received).join('')).not.toContain('HIDDEN1');
  });
});

// ------------------------------------------------------------------------------------------------------- identity

describe('an identity', () => {
  it('of a device is found from its text and from its hex, in whatever case the phone wrote it', () => {
    const id = 'ApplDNPHG6NVDT9V';
    const text = deviceKey(id);
    const hex = deviceKey(Buffer.from(id).toString('hex'));
    expect(hex).toBe(text);
    expect(deviceKey(Buffer.from(id.toLowerCase()).toString('hex'))).toBe(text);
  });

  it('in the header that carries the certificate’s user is never the phone’s own', async () => {
    const backend = await backendOf(answerOk);
    const tls = certificates(OLD_AUTHORITY, 'X-Phone-User');
    const gateway = await gatewayOf(backend, { listen: { tls } });
    const phone = new TlsPhone(gateway.port, WITH_CERTIFICATE);
    phone.send(request('FolderSync', FOLDER_SYNC, ['X-Phone-User: victim', 'x-phone-USER:victim']));
    await until(() => phone.received.endsWith('ok'), 'the answer');
    const lines = backend.requests[0]?.headers.filter(([name]) => name.toLowerCase() === 'x-phone-user');
    expect(lines).toEqual([['X-Phone-User', 'alice']]);
  });

  it('in User= must be the certificate’s where there are no credentials, even if claims are ignored', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend, {
      listen: { tls: certificates(OLD_AUTHORITY) },
      identity: { userClaim: 'ignore' },
    });
    const phone = new TlsPhone(gateway.port, WITH_CERTIFICATE);
    const bare = request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, '');
    phone.send(bare);
    await until(() => phone.received.endsWith('ok'), 'the answer');
    phone.send(bare.replace('User=alice', 'User=victim'));
    await until(() => phone.closed, 'the end');
    expect(phone.received).toContain('HTTP/1.1 403 ');
    expect(backend.requests.length).toBe(1);
  });

  it('is asked about in the name of the phone’s address', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend, { identity: { trustedProxies: ['127.0.0.1'] } });
    gateway.verdicts.set('abc123', verdict('block'));
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC, ['X-Forwarded-For: 203.0.113.9']));
    await phone.response();
    expect(backend.requests[0]?.method).toBe('OPTIONS');
    // As its requests are: the phone, then the proxy that names it.
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('203.0.113.9, 127.0.0.1');
  });

  it.each(['ali\u0000ce', 'ali\nce', 'ali\u001bce', 'ali\u009bce'])(
    'has no control characters: %j',
    (name) => {
      const payload = Buffer.from(JSON.stringify({ upn: name })).toString('base64url');
      expect(userFromAuthorization(`Bearer e30.${payload}.x`, 'upn')).toBe('EASGATE_USER_NAME');
    },
  );

  it.each([400, 404, 413, 302])('is not written down when the mail server answers %i', async (status) => {
    const backend = await backendOf(
      ({ connection }) =>
        void connection.socket.write(`HTTP/1.1 ${status} Some Reason\r\nContent-Length: 0\r\n\r\n`),
    );
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    // A redirect does not reach the phone.
    expect((await phone.response()).status).toBe(status === 302 ? 502 : status);
    expect(gateway.seen).toEqual([]);
  });
});

// -------------------------------------------------------------------------------------------------- battery guard

describe('the battery guard', () => {
  const OPTIONS = {
    throttle: { burst: 2, perMinute: 1 },
    identity: { trustedProxies: ['127.0.0.1'] },
  };
  const from = (address: string): string =>
    request('FolderSync', FOLDER_SYNC, [`X-Forwarded-For: ${address}`]);

  it('counts a stranger apart who comes over the proxy connection that carried the phone', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), OPTIONS);
    const statuses: number[] = [];
    const shared = await phoneOf(gateway);
    for (const address of ['192.0.2.1', '203.0.113.9', '203.0.113.9', '203.0.113.9']) {
      shared.send(from(address));
      statuses.push((await shared.response()).status);
    }
    const other = await phoneOf(gateway);
    other.send(from('192.0.2.1'));
    statuses.push((await other.response()).status);
    expect(statuses).toEqual([200, 200, 200, 503, 200]);
  });

  it('does not take a request without X-Forwarded-For for the client of the one before', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), OPTIONS);
    const shared = await phoneOf(gateway);
    const statuses: number[] = [];
    for (const bytes of [
      from('192.0.2.1'),
      from('192.0.2.1'),
      request('FolderSync', FOLDER_SYNC),
      from('192.0.2.1'),
    ]) {
      shared.send(bytes);
      statuses.push((await shared.response()).status);
    }
    expect(statuses).toEqual([200, 200, 200, 503]);
  });

  it('answers each of several pipelined requests that it refuses', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), { throttle: { burst: 1, perMinute: 1 } });
    const phone = await phoneOf(gateway);
    const empty = request('Ping', Buffer.alloc(0)).replace(/Content-Type: .*\r\n/, '');
    phone.send(empty.repeat(4));
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) statuses.push((await phone.response()).status);
    expect(statuses).toEqual([200, 503, 503, 503]);
  });
});

// ----------------------------------------------------------------------------------------------------------- cost

describe('the limit of connections per address', () => {
  it('holds for all addresses that one host has in IPv6', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), {
      listen: { proxyProtocolFrom: ['127.0.0.1'] },
      client: { maxConnectionsPerAddress: 2 },
    });
    const answered: boolean[] = [];
    for (const source of ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::3', '192.0.2.1']) {
      const phone = await phoneOf(gateway);
      phone.send(
        `PROXY TCP6 ${source} 2001:db8:9::1 1 2\r\n`.replace(/TCP6 (192\S+) \S+/, 'TCP4 $1 192.0.2.9'),
      );
      phone.send(request('FolderSync', FOLDER_SYNC));
      await until(() => phone.received !== '' || phone.closed, 'an answer or the end');
      answered.push(phone.received !== '');
    }
    expect(answered).toEqual([true, true, false, true, true]);
  });
});

describe('a held poll', () => {
  it('does not outlive the decision that allowed it', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend);
    const { time } = gateway;
    gateway.verdicts.set('abc123', { ...verdict('allow'), validUntil: time.wall() + 60_000 });
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    await time.advance(59_999);
    expect(phone.received).toBe('');
    await time.advance(1);
    const { status, body } = await phone.response();
    expect([status, body.toString('hex')]).toEqual([200, '03016a00000d45470331000101']);
    expect(backend.requests.length).toBe(1);
  });

  it('does not outlive its phone behind bytes that nobody reads', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    phone.send('x'.repeat(300_000));
    await until(() => phone.socket.writableLength === 0 || phone.closed, 'the bytes to be sent');
    phone.destroy();
    await until(() => gateway.connections() === 0, 'the connection to close');
    await until(() => backend.connections[0]?.closed === true, 'the connection to the mail server to close');
  });
});

describe('a body made to cost', () => {
  it('in chunks of one byte goes on in chunks as large as what was read', async () => {
    const size = 70_000;
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    phone.send(request('Sync', Buffer.alloc(0), ['Transfer-Encoding: chunked']));
    phone.send(`${size.toString(16)}\r\n${'\x03\x01\x6a\x00\x45'.padEnd(size, 'a')}\r\n`);
    await until(() => backend.connections.length === 1, 'the beginning to be forwarded');
    phone.send('1\r\nb\r\n'.repeat(10_000) + '0\r\n\r\n');
    await phone.response();
    const [seen] = backend.requests;
    expect(seen?.body.length).toBe(size + 10_000);
    const octets = backend.connections[0]?.received.length ?? Infinity;
    expect(octets - (seen?.head.length ?? 0) - size - 10_000).toBeLessThan(1_000);
  });

  it.each([0, 1, 100, 600])('and coded by gzip shows its root behind %i empty blocks', (blocks) => {
    const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    const empty = Buffer.alloc(5 * blocks, Buffer.from('000000ffff', 'hex'));
    const wbxml = Buffer.concat([Buffer.from('03016a00000756', 'hex'), Buffer.alloc(4_000_000)]);
    const bytes = Buffer.concat([header, empty, deflateRawSync(wbxml, { level: 9 })]);
    expect(checkBodyStart('gzip-wbxml', 'FolderSync', bytes, true)).toBe('ok');
    expect(checkBodyStart('gzip-wbxml', 'Ping', bytes, true)).toBe('EASGATE_BODY_ROOT');
  });
});

// --------------------------------------------------------------------------------------------------- pass-through

describe('the pass-through lane', () => {
  const get = (target: string, ...lines: string[]): string =>
    [`POST ${target} HTTP/1.1`, 'Host: mail.example.com', 'Content-Length: 0', ...lines, '', ''].join('\r\n');

  it('loses one client, not the worker, when an upgrade with a body ends in a reset', async () => {
    const lane = await startTestLane((await backendOf(answerOk)).port);
    opened.push(lane);
    for (const [target, body] of [
      ['/owa/x', 'Content-Length: 500000\r\n\r\nhello'],
      ['/socket', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhel'],
    ] as const) {
      const phone = await phoneOf(lane);
      phone.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${body}`);
      await until(() => phone.received !== '', 'the refusal');
      phone.send('x'.repeat(100_000));
      phone.socket.resetAndDestroy();
      await until(() => lane.lane.connections() === 0, 'the connection to close');
    }
  });

  it.each([
    get('/owa/rpc.php?Microsoft-Server-ActiveSync&Cmd=Sync'),
    get('/owa/rpc.php?x=%4dicrosoft-server-activesync'),
    get('/owa/rpc.php?x=%254Dicrosoft-server-activesync'),
    get('/owa/rpc.php?Cmd=Sync', 'Content-Type: application/vnd.ms-sync.wbxml'),
    get('/owa/rpc.php?Cmd=Sync', 'Content-Type: text/plain; Application/Vnd.MS-Sync'),
  ])('refuses Exchange ActiveSync where a server finds it by its name or type: %j', async (bytes) => {
    const backend = await backendOf(answerOk);
    const lane = await startTestLane(backend.port);
    opened.push(lane);
    const phone = await phoneOf(lane);
    phone.send(bytes);
    expect((await phone.response()).status).toBe(400);
    expect(backend.requests).toEqual([]);
  });
});

// ------------------------------------------------------------------------------------- connections that are bound

const OPENING = 'NTLM TlRMTVNTUAABAAAA';

/** MS-NLMP 2.2.1.3, as far as servers need it to know who asks. */
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

const CHALLENGE = 'HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\nContent-Length: 0\r\n\r\n';

describe('a phone without credentials', () => {
  it('gets nothing of what the mail server says ahead of its challenge', async () => {
    const backend = await backendOf(
      ({ connection }) =>
        void connection.socket.write(`HTTP/1.1 103 Early Hints\r\nX-Inside: 1\r\n\r\n${CHALLENGE}`),
    );
    const phone = await phoneOf(await gatewayOf(backend));
    phone.send(as(null));
    await until(() => phone.received.includes('401'), 'the challenge');
    expect(phone.received).toBe(CHALLENGE);
  });
});

describe('a connection that the mail server authenticated', () => {
  /** Takes every handshake, and says 401 to `X-Fail`. */
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

  it('carries no second handshake when it said 401 meanwhile', async () => {
    const [backend, phone] = await bound();
    phone.send(as(null).replace('\r\n\r\n', '\r\nX-Fail: 1\r\n\r\n'));
    expect((await phone.response()).status).toBe(401);
    await until(() => backend.connections[0]?.closed === true, 'the bound connection to close');
  });

  it('may close while the next request has only begun', async () => {
    const [backend, phone] = await bound();
    const next = as(null);
    phone.send(next.slice(0, -FOLDER_SYNC.length));
    // The gateway has read that once another request got its answer.
    const other = await phoneOf({ port: phone.socket.remotePort ?? 0 });
    other.send('GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    await other.response();
    backend.connections[0]?.socket.end();
    await until(() => backend.connections[0]?.closed === true, 'the bound connection to close');
    phone.send(next.slice(-FOLDER_SYNC.length));
    expect((await phone.response()).status).toBe(200);
    expect(backend.connections.length).toBe(2);
  });

  it('is asked again with a PROXY header when it closes under a request', async () => {
    let served = 0;
    const backend = await backendOf(undefined, (connection) => {
      if (!connection.received.endsWith(FOLDER_SYNC.toString('latin1'))) return;
      if (++served === 2) connection.socket.end();
      else connection.socket.write(ok());
    });
    const phone = await phoneOf(await gatewayOf(backend, { upstream: { proxyProtocol: 1 } }));
    for (let count = 0; count < 2; count++) {
      phone.send(request('FolderSync', FOLDER_SYNC));
      await phone.response();
    }
    expect(backend.connections.length).toBe(2);
    for (const { received } of backend.connections) expect(received).toMatch(/^PROXY TCP4 /);
  });
});

// -------------------------------------------------------------------------------------------------- control plane

describe('a reload that fails', () => {
  it('leaves nothing behind: a worker that ends later starts with the configuration in use', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-supervisor-'));
    const entry = join(folder, 'worker.mjs');
    writeFileSync(
      entry,
      `process.on('message', ({ type, source }) => {
        if (type === 'drain') process.exit(0);
        process.send(source.text === 'bad' ? { type: 'failed', code: 'BAD', message: 'bad' } : { type: 'ready' });
      });`,
    );
    const plan = (bad: boolean): WorkerPlan => {
      const workers = { drainSeconds: 1, pollWindowSeconds: 0 };
      const config = {
        listen: { address: '127.0.0.1', port: 0 },
        workers,
      } as unknown as WorkerPlan['config'];
      return { config, source: { path: '', text: bad ? 'bad' : 'good' }, count: 1, sampleUrl: null };
    };
    const events: string[] = [];
    const supervisor = await startSupervisor({
      plan: plan(false),
      entry,
      args: [],
      onEvent: (_level, _facts, text) => events.push(text),
    });
    opened.push({ close: () => rmSync(folder, { recursive: true }) }, { close: () => supervisor.stop() });
    await expect(supervisor.reload(plan(true))).rejects.toThrow('bad');
    const [before] = supervisor.pids();
    process.kill(before as number, 'SIGKILL');
    await until(() => supervisor.pids().some((pid) => pid !== before), 'a new worker');
    expect(events).toEqual(['a worker ended; its connections are lost, another one starts']);
  });
});

describe('the watch over certificates', () => {
  it('outlives a moment in which a file cannot be looked at', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-watch-'));
    const file = join(folder, 'cert.pem');
    writeFileSync(file, 'old');
    let changes = 0;
    const watch = new FileWatch([file], () => changes++);
    opened.push({ close: () => rmSync(folder, { recursive: true }) }, { close: () => watch.close() });
    // stat() of a link that leads to itself fails with ELOOP.
    rmSync(file);
    symlinkSync(file, file);
    await until(() => changes === 1, 'the change to be noticed');
    writeFileSync(join(folder, 'next'), 'new');
    renameSync(join(folder, 'next'), file);
    await until(() => changes === 2, 'the next change to be noticed');
  });
});
