// Owns the promise that the holes found by the hostile review of November 2026 stay closed.
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { ListenerTlsSettings } from '../../src/gateway/settings.ts';
import {
  NEW_AUTHORITY,
  OLD_AUTHORITY,
  PHONE_CERTIFICATE,
  PHONE_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../fixtures/tls.ts';
import { ok, startRawBackend } from '../support/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../support/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../support/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const opened: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function backendOf(...behaviour: Parameters<typeof startRawBackend>): Promise<RawBackend> {
  const backend = await startRawBackend(...behaviour);
  opened.push(backend);
  return backend;
}

async function gatewayOf(backend: RawBackend, overrides: SettingsOverrides = {}): Promise<TestGateway> {
  const gateway = await startTestGateway(backend.port, overrides);
  opened.push(gateway);
  return gateway;
}

const answerOk = ({ connection }: BackendRequest): void => void connection.socket.write(ok());

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
