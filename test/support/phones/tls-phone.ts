// Owns TLS in data plane tests: a phone double that speaks it, and the settings of the gateway's two sides.
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { configSchema } from '../../../src/config/schema.ts';
import type { ListenerTlsSettings, UpstreamTlsSettings } from '../../../src/gateway/settings.ts';
import type { Credentials } from '../servers/certificates.ts';
import { RawClient } from './raw-client.ts';
import { FOLDER_SYNC, request } from '../servers/test-gateway.ts';
import { until } from '../checks/until.ts';

/** A phone whose handshake succeeded on its own side; in TLS 1.3 the gateway may still refuse it. */
export class TlsPhone extends RawClient {
  declare readonly socket: TLSSocket;
  /** Session tickets received so far. */
  tickets = 0;

  /** Rejects when the handshake fails. It accepts any certificate of the gateway. */
  static async connect(port: number, options: ConnectionOptions = {}): Promise<TlsPhone> {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    const phone = new TlsPhone(socket);
    socket.on('session', () => phone.tickets++);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed in the handshake')));
    });
    return phone;
  }

  /** The status of one FolderSync. */
  async sync(extra: string[] = []): Promise<number> {
    this.send(request('FolderSync', FOLDER_SYNC, extra));
    return (await this.response()).status;
  }

  /** Names in the gateway's certificate. */
  get shown(): string | undefined {
    return this.socket.getPeerX509Certificate()?.subjectAltName;
  }
}

/** Waits for the end of a connection that must not be served; returns how it ended, throws if a byte arrived first. */
export async function refusal(port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  let how = 'closed';
  let received = '';
  let closed = false;
  socket.once('secureConnect', () => socket.write(request('FolderSync', FOLDER_SYNC)));
  socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  socket.on('error', (error: NodeJS.ErrnoException) => (how = error.code ?? error.message));
  socket.on('close', () => (closed = true));
  try {
    await until(() => closed || received !== '', 'the gateway to close');
  } finally {
    socket.destroy();
  }
  if (received !== '') throw new Error(`served: ${received}`);
  return how;
}

/** The session of a closed connection, to be resumed by another. */
export async function sessionOf(port: number, options: ConnectionOptions = {}): Promise<Buffer> {
  let session: Buffer | null = null;
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  socket.on('session', (found) => (session = found));
  // In TLS 1.2 a renewed ticket arrives without the event.
  socket.once('secureConnect', () => {
    if (socket.getProtocol() === 'TLSv1.2') session = socket.getSession() ?? null;
  });
  socket.on('error', () => undefined);
  socket.resume();
  try {
    await until(() => session !== null, 'a session');
  } finally {
    socket.destroy();
  }
  return session as unknown as Buffer;
}

/** Whether the gateway resumes the session and serves a request on it. */
export async function resumes(
  port: number,
  session: Buffer,
  options: ConnectionOptions = {},
): Promise<boolean> {
  const phone = await TlsPhone.connect(port, { ...options, session });
  try {
    if ((await phone.sync()) !== 200) throw new Error('not served');
    return phone.socket.isSessionReused();
  } finally {
    phone.destroy();
  }
}

/** Whether a served connection that resumes the session gets a new ticket. */
export async function isRenewed(
  port: number,
  session: Buffer,
  options: ConnectionOptions = {},
): Promise<boolean> {
  const phone = await TlsPhone.connect(port, { ...options, session });
  const { socket } = phone;
  try {
    // Tickets arrive right after the handshake (RFC 8446 4.6.1), so before the answer.
    if ((await phone.sync()) !== 200 || !socket.isSessionReused()) throw new Error('not resumed');
    return socket.getProtocol() === 'TLSv1.3' ? phone.tickets > 0 : !socket.getSession()?.equals(session);
  } finally {
    phone.destroy();
  }
}

/** TLS settings towards phones, with the default versions and ciphers of the schema. */
export function listenerTls(
  certificates: readonly Credentials[],
  overrides: Partial<ListenerTlsSettings> = {},
): ListenerTlsSettings {
  const files = [{ certificate: 'unused', key: 'unused' }];
  const { tls } = configSchema.parse({ listen: { tls: { certificates: files } } }).listen;
  if (tls === undefined) throw new Error('no defaults');
  return {
    certificates,
    minVersion: tls.minVersion,
    ciphers: tls.ciphers,
    handshakeTimeoutMs: 5_000,
    maxHandshakesPerSecond: tls.maxHandshakesPerSecond,
    ticketSecret: '42'.repeat(32),
    ticketRotationMs: tls.ticketRotationSeconds * 1_000,
    clientCertificate: null,
    ...overrides,
  };
}

/** TLS settings towards mail servers whose certificate the authority issued for `mail.internal`. */
export function upstreamTls(ca: string, overrides: Partial<UpstreamTlsSettings> = {}): UpstreamTlsSettings {
  return {
    ca,
    serverName: 'mail.internal',
    certificate: null,
    key: null,
    minVersion: 'TLSv1.2',
    verify: true,
    ...overrides,
  };
}
