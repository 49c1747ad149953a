// Threat: a client passes as the user of a certificate that it does not hold: by an old session ticket (RFC 8446 2.2), by the
// header that carries the user, or by User= beside another certificate.
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ListenerTlsSettings } from '../../src/gateway/settings.ts';
import {
  NEW_AUTHORITY,
  OLD_AUTHORITY,
  PHONE_CERTIFICATE,
  PHONE_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../fixtures/tls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf } from '../support/servers/openings.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

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
    this.socket = connect({
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
    onTestFinished(() => void this.socket.destroy());
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }
}

describe('a client certificate', () => {
  it('names its user when the configured authority issued it, and is rejected otherwise', async () => {
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

  it('is checked again when the authority changed, whatever session ticket the client shows', async () => {
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

  it('sets the header that carries its user: the phone cannot', async () => {
    const backend = await backendOf(answerOk);
    const tls = certificates(OLD_AUTHORITY, 'X-Phone-User');
    const gateway = await gatewayOf(backend, { listen: { tls } });
    const phone = new TlsPhone(gateway.port, WITH_CERTIFICATE);
    phone.send(request('FolderSync', FOLDER_SYNC, ['X-Phone-User: victim', 'x-phone-USER:victim']));
    await until(() => phone.received.endsWith('ok'), 'the answer');
    const lines = backend.requests[0]?.headers.filter(([name]) => name.toLowerCase() === 'x-phone-user');
    expect(lines).toEqual([['X-Phone-User', 'alice']]);
  });

  // Horde takes the user of User= where it finds no password (Horde_ActiveSync_Credentials); PHP finds none in `0` either.
  it.each([
    ['there are no credentials', null],
    ['the password is empty', 'alice:'],
    ['the password is 0', 'alice:0'],
  ])(
    'names its user in User= when %s, whatever the phone wrote, even if claims are ignored',
    async (_when, login) => {
      const backend = await backendOf(answerOk);
      const gateway = await gatewayOf(backend, {
        listen: { tls: certificates(OLD_AUTHORITY) },
        identity: { userClaim: 'ignore' },
      });
      const phone = new TlsPhone(gateway.port, WITH_CERTIFICATE);
      const credentials = login === null ? '' : `Authorization: Basic ${btoa(login)}\r\n`;
      const bare = request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, credentials);
      phone.send(bare);
      await until(() => phone.received.endsWith('ok'), 'the answer');
      phone.send(bare.replace('User=alice', 'User=victim'));
      await until(() => backend.requests.length === 2, 'both requests');
      for (const { target } of backend.requests) expect(target).toMatch(/[?&]User=alice(?:&|$)/);
    },
  );
});
