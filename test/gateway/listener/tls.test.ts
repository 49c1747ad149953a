// Owns the promises of TLS towards phones: versions, names, sessions, reload, and faulty connections.
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ListenerTlsSettings } from '../../../src/gateway/settings.ts';
import { createAuthority } from '../../support/servers/certificates.ts';
import type { Authority, Credentials } from '../../support/servers/certificates.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { FOLDER_SYNC, PING, request } from '../../support/servers/test-gateway.ts';
import {
  TlsPhone,
  isRenewed,
  listenerTls,
  refusal,
  resumes,
  sessionOf,
} from '../../support/phones/tls-phone.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { answerOk, backendOf, gatewayOf } from '../../support/servers/openings.ts';

checkLeaks();

let authority: Authority;
let mail: Credentials;

beforeAll(async () => {
  authority = await createAuthority();
  mail = await leaf('mail.example.com');
});

afterEach(async () => {
  vi.restoreAllMocks();
});

async function leaf(...hosts: string[]): Promise<Credentials> {
  return authority.issue({ names: hosts.map((value) => ({ type: 'dns', value })) });
}

async function start(
  tls: Partial<ListenerTlsSettings> = {},
  overrides: SettingsOverrides = {},
  onRequest: (request: BackendRequest) => void = answerOk,
): Promise<TestGateway> {
  const backend = await backendOf(onRequest);
  return gatewayOf(backend, { ...overrides, listen: { tls: listenerTls([mail], tls) } });
}

describe('the handshake', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('serves a phone over %s', async (version) => {
    const { port } = await start();
    const phone = await TlsPhone.connect(port, { minVersion: version, maxVersion: version });
    expect(phone.socket.getProtocol()).toBe(version);
    expect(await phone.sync()).toBe(200);
    phone.destroy();
  });

  it('shows a certificate that a phone can verify', async () => {
    const { port } = await start();
    const trust = { ca: authority.certificate, servername: 'mail.example.com', rejectUnauthorized: true };
    const phone = await TlsPhone.connect(port, trust);
    expect(phone.socket.authorized).toBe(true);
    phone.destroy();
  });

  it('refuses TLS 1.1', async () => {
    const { port } = await start();
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await refusal(port, old)).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('refuses TLS 1.2 when the minimum is 1.3', async () => {
    const { port } = await start({ minVersion: 'TLSv1.3' });
    expect(await refusal(port, { maxVersion: 'TLSv1.2' })).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it.each(['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384'])('refuses %s', async (ciphers) => {
    const { port } = await start();
    const weak = { maxVersion: 'TLSv1.2', ciphers } as const;
    expect(await refusal(port, weak)).toBe('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE');
  });

  it('selects http/1.1 when a phone offers h2 too', async () => {
    const { port } = await start();
    const phone = await TlsPhone.connect(port, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(phone.socket.alpnProtocol).toBe('http/1.1');
    phone.destroy();
  });

  it('refuses a client that offers h2 only', async () => {
    const { port } = await start();
    const how = await refusal(port, { ALPNProtocols: ['h2'] });
    expect(how).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
  });

  it('leads to X-Forwarded-Proto: https', async () => {
    const heads: string[] = [];
    const { port } = await start({}, {}, ({ connection, head }) => {
      heads.push(head);
      connection.socket.write(ok());
    });
    const phone = await TlsPhone.connect(port);
    await phone.sync();
    expect(heads[0]).toContain('X-Forwarded-Proto: https\r\n');
    phone.destroy();
  });
});

describe('the certificate', () => {
  const asked = [
    ['eas.example.com', 'DNS:eas.example.com'],
    ['EAS.Example.COM', 'DNS:eas.example.com'],
    ['berlin.branch.example', 'DNS:*.branch.example'],
    ['a.berlin.branch.example', 'DNS:mail.example.com'],
    ['branch.example', 'DNS:mail.example.com'],
    ['unknown.example', 'DNS:mail.example.com'],
    ['', 'DNS:mail.example.com'],
  ] as const;

  it.each(asked)('for the name "%s" is that of %s', async (servername, shown) => {
    const certificates = [mail, await leaf('*.branch.example'), await leaf('eas.example.com')];
    const { port } = await start({ certificates });
    const phone = await TlsPhone.connect(port, { servername });
    expect(phone.shown).toBe(shown);
    phone.destroy();
  });

  it('for an exact name takes precedence over one for a wildcard', async () => {
    const certificates = [mail, await leaf('*.example.com'), await leaf('eas.example.com')];
    const { port } = await start({ certificates });
    const named = await TlsPhone.connect(port, { servername: 'eas.example.com' });
    expect(named.shown).toBe('DNS:eas.example.com');
    const first = await TlsPhone.connect(port, { servername: 'mail.example.com' });
    expect(first.shown).toBe('DNS:mail.example.com');
    named.destroy();
    first.destroy();
  });

  it('that is new is used for new handshakes, while a held request continues', async () => {
    const held: BackendRequest[] = [];
    const gateway = await start({}, {}, (request) => held.push(request));
    const old = await TlsPhone.connect(gateway.port);
    old.send(request('Ping', PING));
    await until(() => held.length === 1, 'the held request');
    gateway.reloadCertificates([await leaf('new.example.com')]);
    const young = await TlsPhone.connect(gateway.port);
    expect(young.shown).toBe('DNS:new.example.com');
    held[0]?.connection.socket.write(ok());
    expect((await old.response()).status).toBe(200);
    old.destroy();
    young.destroy();
  });

  it('that does not match its key is refused, and the old ones stay', async () => {
    const other = await leaf('other.example.com');
    const gateway = await start({ certificates: [mail, other] });
    const mixed = { certificate: (await leaf('new.example.com')).certificate, key: mail.key };
    expect(() => gateway.reloadCertificates([other, mixed])).toThrow(/key/);
    const phone = await TlsPhone.connect(gateway.port);
    expect(phone.shown).toBe('DNS:mail.example.com');
    const named = await TlsPhone.connect(gateway.port, { servername: 'other.example.com' });
    expect(named.shown).toBe('DNS:other.example.com');
    phone.destroy();
    named.destroy();
  });

  it('is required: an empty list is refused', async () => {
    const gateway = await start();
    expect(() => gateway.reloadCertificates([])).toThrow('no certificate');
    const phone = await TlsPhone.connect(gateway.port);
    expect(await phone.sync()).toBe(200);
    phone.destroy();
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a session of %s', (version) => {
  const only = { minVersion: version, maxVersion: version };
  const DAY_MS = 86_400_000;

  /** Moves the clock of the gateways by a number of key rotations, to shortly after the beginning of one. */
  function rotations(count: number): void {
    vi.restoreAllMocks();
    const real = Date.now;
    const ahead = (Math.floor(real() / DAY_MS) + count) * DAY_MS - real();
    vi.spyOn(Date, 'now').mockImplementation(() => real() + ahead);
  }

  it('of one gateway is resumed by another with the same secret', async () => {
    const session = await sessionOf((await start()).port, only);
    expect(await resumes((await start()).port, session, only)).toBe(true);
  });

  it('is not resumed by a gateway with another secret, which makes a full handshake', async () => {
    const session = await sessionOf((await start()).port, only);
    const other = await start({ ticketSecret: '43'.repeat(32) });
    expect(await resumes(other.port, session, only)).toBe(false);
  });

  it('is resumed when certificates were replaced meanwhile', async () => {
    const gateway = await start();
    const session = await sessionOf(gateway.port, only);
    gateway.reloadCertificates([await leaf('new.example.com')]);
    expect(await resumes(gateway.port, session, only)).toBe(true);
  });

  it('is resumed when SNI selected the certificate', async () => {
    const certificates = [mail, await leaf('eas.example.com')];
    const named = { ...only, servername: 'eas.example.com' };
    const session = await sessionOf((await start({ certificates })).port, named);
    expect(await resumes((await start({ certificates })).port, session, named)).toBe(true);
  });

  it('is resumed after one rotation of the keys, and not after two', async () => {
    const gateway = await start();
    rotations(0);
    const session = await sessionOf(gateway.port, only);
    rotations(1);
    expect(await resumes(gateway.port, session, only)).toBe(true);
    rotations(2);
    expect(await resumes(gateway.port, session, only)).toBe(false);
  });

  it('is resumed by a gateway whose clock is a rotation behind', async () => {
    const gateway = await start();
    rotations(1);
    const session = await sessionOf(gateway.port, only);
    rotations(0);
    expect(await resumes(gateway.port, session, only)).toBe(true);
  });

  it('that is resumed after a rotation is renewed under the new key', async () => {
    const gateway = await start();
    rotations(0);
    const first = await sessionOf(gateway.port, only);
    rotations(1);
    const second = await sessionOf(gateway.port, { ...only, session: first });
    rotations(2);
    expect(await resumes(gateway.port, second, only)).toBe(true);
  });

  it('that is resumed brings a new ticket, since a phone uses each once', async () => {
    const { port } = await start();
    const first = await sessionOf(port, only);
    expect(await isRenewed(port, first, only)).toBe(true);
    const second = await sessionOf(port, { ...only, session: first });
    expect(await resumes(port, second, only)).toBe(true);
  });
});

describe('a connection', () => {
  it('that sends nothing is closed at the handshake time-out', async () => {
    const gateway = await start();
    const silent = await RawClient.open(gateway.port);
    await until(() => gateway.connections() === 1, 'the connection');
    await gateway.time.advance(4_999);
    expect(silent.ended).toBe(false);
    await gateway.time.advance(2);
    await until(() => silent.closed || silent.ended, 'the gateway to close');
    silent.destroy();
    await until(() => gateway.connections() === 0);
  });

  it('that sends its ClientHello byte by byte is closed at the handshake time-out', async () => {
    const gateway = await start();
    const slow = await RawClient.open(gateway.port);
    slow.send(Buffer.from('16030102000100', 'hex'));
    await until(() => gateway.connections() === 1, 'the connection');
    for (let half = 0; half < 9; half++) {
      await gateway.time.advance(500);
      slow.send('a');
    }
    expect(slow.ended).toBe(false);
    await gateway.time.advance(501);
    await until(() => slow.closed || slow.ended, 'the gateway to close');
    slow.destroy();
    await until(() => gateway.connections() === 0);
  });

  it('that finished its handshake has more time for its request', async () => {
    const gateway = await start({ handshakeTimeoutMs: 1_000 });
    const phone = await TlsPhone.connect(gateway.port);
    await until(() => phone.tickets > 0, 'the end of the handshake at the gateway');
    await gateway.time.advance(2_000);
    expect(await phone.sync()).toBe(200);
    phone.destroy();
  });

  it('over the limit of handshakes is rejected and counted', async () => {
    const gateway = await start({ maxHandshakesPerSecond: 2 });
    const attempts = Array.from({ length: 5 }, () => TlsPhone.connect(gateway.port));
    const settled = await Promise.allSettled(attempts);
    const phones = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(phones).toHaveLength(2);
    expect(gateway.counters().rejectedConnections).toBe(3);
    await gateway.time.advance(1_000);
    phones.push(await TlsPhone.connect(gateway.port));
    for (const phone of phones) phone.destroy();
  });

  it('that speaks plain HTTP is closed without an answer', async () => {
    const gateway = await start();
    const plain = await RawClient.open(gateway.port);
    plain.send(request('FolderSync', FOLDER_SYNC));
    await until(() => plain.closed || plain.ended, 'the gateway to close');
    expect(plain.received).not.toContain('HTTP');
    plain.destroy();
    await until(() => gateway.connections() === 0);
    const phone = await TlsPhone.connect(gateway.port);
    expect(await phone.sync()).toBe(200);
    phone.destroy();
  });

  it.each(['', '\x16\x03\x01\x02\x00\x01'])('that ends its side after %j is gone at once', async (bytes) => {
    const gateway = await start({ handshakeTimeoutMs: 60_000 });
    const phone = await RawClient.open(gateway.port);
    await until(() => gateway.connections() === 1);
    phone.socket.end(bytes, 'latin1');
    await until(() => phone.closed && gateway.connections() === 0, 'the gateway to close');
  });

  it('that finished its handshake may end its side and is still answered', async () => {
    const { port } = await start();
    const phone = await TlsPhone.connect(port, { allowHalfOpen: true } as ConnectionOptions);
    phone.socket.end(request('FolderSync', FOLDER_SYNC), 'latin1');
    expect((await phone.response()).status).toBe(200);
    phone.destroy();
  });

  it('that closes during its handshake frees its resources', async () => {
    const gateway = await start();
    const phone = await RawClient.open(gateway.port);
    phone.send(Buffer.from('1603010200010001fc0303', 'hex'));
    await until(() => gateway.connections() === 1, 'the connection');
    phone.socket.resetAndDestroy();
    await until(() => gateway.connections() === 0, 'no connection');
  });

  it('that renegotiates is refused', async () => {
    const gateway = await start();
    const phone = await TlsPhone.connect(gateway.port, { maxVersion: 'TLSv1.2' });
    expect(await phone.sync()).toBe(200);
    let answer: Error | null | undefined;
    phone.socket.renegotiate({}, (error) => (answer = error));
    phone.socket.on('error', (error) => (answer ??= error));
    await until(() => answer !== undefined || phone.closed, 'the end of the renegotiation');
    expect(answer).toBeInstanceOf(Error);
    phone.destroy();
  });

  it('that ends its side after a request still gets the answer', async () => {
    const held: BackendRequest[] = [];
    const gateway = await start({}, {}, (request) => held.push(request));
    const phone = await TlsPhone.connect(gateway.port, { allowHalfOpen: true } as ConnectionOptions);
    phone.send(request('FolderSync', FOLDER_SYNC));
    phone.socket.end();
    await until(() => held.length === 1, 'the request');
    held[0]?.connection.socket.write(ok());
    expect((await phone.response()).status).toBe(200);
    await until(() => phone.ended, 'the end');
    phone.destroy();
  });

  it('with a PROXY header counts as that of the address in it', async () => {
    const backend = await backendOf(answerOk);
    const { port } = await gatewayOf(backend, {
      listen: { tls: listenerTls([mail]), proxyProtocolFrom: ['127.0.0.1'] },
    });
    const plain = connectPlain(port, '127.0.0.1');
    plain.write('PROXY TCP4 192.0.2.7 127.0.0.1 40000 443\r\n');
    const socket = connect({ socket: plain, rejectUnauthorized: false });
    socket.write(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1, 'the request');
    expect(backend.requests[0]?.header('X-Forwarded-For')).toBe('192.0.2.7');
    socket.destroy();
  });

  it('gets close_notify and is closed when the gateway drains', async () => {
    const gateway = await start();
    const phone = await TlsPhone.connect(gateway.port);
    expect(await phone.sync()).toBe(200);
    await gateway.drain(60_000);
    await until(() => phone.closed, 'the end');
    expect(gateway.connections()).toBe(0);
  });

  it('is reset in the middle of a response that a new decision forbids', async () => {
    const gateway = await start({}, {}, ({ connection }) =>
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin'),
    );
    const phone = await TlsPhone.connect(gateway.port);
    let how = '';
    phone.socket.on('error', (error: NodeJS.ErrnoException) => (how = error.code ?? ''));
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => phone.received.endsWith('begin'), 'the begin of the response');
    gateway.change('abc123', 'block');
    await until(() => phone.closed, 'the end');
    expect(how).toBe('ECONNRESET');
    expect(gateway.finished[0]?.error).toBe('EASGATE_DECISION_CHANGED');
    await until(() => gateway.connections() === 0 && gateway.upstreamConnections() === 0, 'nothing open');
  });

  it('is closed when a record cannot be decrypted, even during a held request', async () => {
    const held: BackendRequest[] = [];
    const gateway = await start({}, {}, (request) => held.push(request));
    const plain = connectPlain(gateway.port, '127.0.0.1');
    const socket = connect({ socket: plain, rejectUnauthorized: false });
    socket.on('error', () => undefined);
    socket.write(request('Ping', PING));
    await until(() => held.length === 1, 'the held request');
    // An application data record of forty octets that cannot be decrypted.
    plain.write(Buffer.from('1703030028' + '00'.repeat(40), 'hex'));
    await until(() => socket.closed, 'the gateway to close');
    await until(() => gateway.connections() === 0 && gateway.upstreamConnections() === 0, 'nothing open');
  });
});
