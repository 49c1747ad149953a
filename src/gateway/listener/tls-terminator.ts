// Owns TLS for phones: certificates by SNI, shared session tickets, reload without losing connections.
import { X509Certificate, constants, createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import type { SecureContext, SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { SessionTickets } from './session-tickets.ts';
import type { CertificateSettings, ListenerTlsSettings } from '../settings.ts';

/** Host names of a certificate, lower case; a wildcard as `*.example.com`. */
function hostsOf(certificate: string): string[] {
  const parsed = new X509Certificate(certificate);
  const names = (parsed.subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('DNS:'));
  return names.map((entry) => entry.slice(4).toLowerCase());
}

/** Starts TLS on accepted sockets. */
export class TlsTerminator {
  readonly settings: ListenerTlsSettings;
  private readonly tickets: SessionTickets;
  private readonly shaking = new Map<string, (socket: TLSSocket) => void>();
  /** Authorities of client certificates, as PEM text; null = none requested. */
  private clientCa: string | null;
  private server: Server;

  /** Throws when a certificate and its key do not fit. */
  constructor(settings: ListenerTlsSettings) {
    this.settings = settings;
    this.clientCa = settings.clientCertificate?.ca ?? null;
    const { ticketSecret, ticketRotationMs } = settings;
    this.tickets = new SessionTickets(ticketSecret, ticketRotationMs, this.clientCa === null);
    this.server = this.build(settings.certificates);
  }

  /**
   * Uses new certificates, and new client authorities if any, for further handshakes; throws, without a change, when a
   * certificate does not match its key.
   */
  reload(certificates: readonly CertificateSettings[], clientCa: string | null): void {
    const before = this.clientCa;
    if (before !== null) this.clientCa = clientCa ?? before;
    try {
      this.server = this.build(certificates);
    } catch (error) {
      this.clientCa = before;
      throw error;
    }
  }

  /** Starts the handshake; a failed handshake closes the connection. The caller bounds its time. */
  begin(raw: Socket, onSecure: (socket: TLSSocket) => void): void {
    const key = endpoints(raw);
    this.shaking.set(key, onSecure);
    raw.once('close', () => {
      if (this.shaking.get(key) === onSecure) this.shaking.delete(key);
    });
    // A half-closed connection is useless before the handshake: it is closed at once.
    raw.allowHalfOpen = false;
    this.server.emit('connection', raw);
  }

  /**
   * A server that never listens itself. A bare `TLSSocket` neither reports whether a client certificate is trusted nor
   * bad records; Node does both in its server only.
   */
  private build(certificates: readonly CertificateSettings[]): Server {
    const [first, ...others] = certificates;
    if (first === undefined) throw new Error('no certificate');
    const byHost = new Map<string, SecureContext | null>();
    const learn = ({ certificate }: CertificateSettings, context: SecureContext | null): void => {
      for (const host of hostsOf(certificate)) if (!byHost.has(host)) byHost.set(host, context);
    };
    learn(first, null);
    for (const other of others) {
      const context = createSecureContext(this.contextOptions(other));
      this.tickets.attach(context);
      learn(other, context);
    }
    const { clientCertificate } = this.settings;
    const server = createServer({
      ...this.contextOptions(first),
      SNICallback: (name, done) => done(null, find(byHost, name.toLowerCase()) ?? undefined),
      ALPNProtocols: ['http/1.1'],
      requestCert: clientCertificate !== null,
      // Then OpenSSL sends the phone an alert with the reason.
      rejectUnauthorized: clientCertificate?.required ?? false,
    });
    // The context of a TLS server for clients without SNI, which the types of Node.js lack.
    const shared: unknown = Reflect.get(server, '_sharedCreds');
    if (!isContext(shared)) throw new Error('this Node.js keeps the context of a TLS server elsewhere');
    this.tickets.attach(shared);
    server.on('secureConnection', (socket) => this.onSecure(socket));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }

  private onSecure(socket: TLSSocket): void {
    // A bad record is only reported; nothing valid can follow (RFC 8446 6.2).
    socket.on('error', () => socket.destroy());
    const key = endpoints(socket);
    const onSecure = this.shaking.get(key);
    this.shaking.delete(key);
    // The entry is missing when the phone has already left.
    if (onSecure === undefined) socket.destroy();
    else {
      socket.allowHalfOpen = true;
      onSecure(socket);
    }
  }

  private contextOptions({ certificate, key }: CertificateSettings): SecureContextOptions {
    const { minVersion, ciphers } = this.settings;
    return {
      cert: certificate,
      key,
      minVersion,
      ciphers,
      honorCipherOrder: true,
      // Renegotiation is unused, and costs the server more than the client (RFC 9325 3.5, CVE-2011-1473).
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      sessionIdContext: this.sessionIdContext(),
      sessionTimeout: this.tickets.lifetimeSeconds,
      ...(this.clientCa === null ? {} : { ca: this.clientCa }),
    };
  }

  /**
   * Equal on all workers and nodes; Node's default is a hash of the command line (docs of tls.createServer,
   * sessionIdContext). A session contains the verified client certificate, so other authorities need another context.
   */
  private sessionIdContext(): string {
    return createHash('sha256')
      .update(`easgate\n${this.clientCa ?? ''}`)
      .digest('hex')
      .slice(0, 32);
  }
}

/** The context for a host; null for the server's default, the first certificate. */
function find(byHost: ReadonlyMap<string, SecureContext | null>, host: string): SecureContext | null {
  const exact = byHost.get(host);
  if (exact !== undefined) return exact;
  const dot = host.indexOf('.');
  return dot === -1 ? null : (byHost.get('*' + host.slice(dot)) ?? null);
}

/** Identifies an open connection; equal for a socket and its TLS socket. */
function endpoints({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`;
}

function isContext(value: unknown): value is SecureContext {
  return typeof value === 'object' && value !== null && 'context' in value;
}
