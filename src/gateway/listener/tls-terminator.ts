// Owns TLS towards phones: certificates by SNI, session tickets every worker can open, reload without a lost connection.
import { X509Certificate, constants, createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import type { SecureContext, SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { SessionTickets } from './session-tickets.ts';
import type { CertificateSettings, ListenerTlsSettings } from '../settings.ts';

/** Host names a certificate is good for, lower case; a wildcard as `*.example.com`. */
export function hostsOf(certificate: string): string[] {
  const parsed = new X509Certificate(certificate);
  const names = (parsed.subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('DNS:'));
  return names.map((entry) => entry.slice(4).toLowerCase());
}

/** Secures accepted sockets. */
export class TlsTerminator {
  readonly settings: ListenerTlsSettings;
  private readonly tickets: SessionTickets;
  private readonly shaking = new Map<string, (socket: TLSSocket) => void>();
  /** Authorities of clients' certificates, as PEM text; null = no client certificate is asked for. */
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
   * Takes new certificates, and new authorities of clients if there are any, for handshakes from now on; throws, and
   * changes nothing, when a certificate does not fit its key.
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

  /** Begins the handshake; a connection whose handshake fails is closed. The caller bounds its time. */
  begin(raw: Socket, onSecure: (socket: TLSSocket) => void): void {
    const key = endpoints(raw);
    this.shaking.set(key, onSecure);
    raw.once('close', () => {
      if (this.shaking.get(key) === onSecure) this.shaking.delete(key);
    });
    // Half a connection is of no use before the handshake is done: who leaves then is gone at once.
    raw.allowHalfOpen = false;
    this.server.emit('connection', raw);
  }

  /**
   * A server that never listens itself. Not a bare `TLSSocket`: that one neither says whether a client certificate is
   * trusted nor reports broken records, both of which Node does in its server only.
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
      // With it, OpenSSL tells the phone in an alert what is missing.
      rejectUnauthorized: clientCertificate?.required ?? false,
    });
    this.tickets.attach((server as unknown as { readonly _sharedCreds: SecureContext })._sharedCreds);
    server.on('secureConnection', (socket) => this.onSecure(socket));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }

  private onSecure(socket: TLSSocket): void {
    // A record that cannot be opened is reported and no more; nothing good can follow (RFC 8446 6.2).
    socket.on('error', () => socket.destroy());
    const key = endpoints(socket);
    const onSecure = this.shaking.get(key);
    this.shaking.delete(key);
    // Unknown = the phone is gone, and its address with it.
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
      // Nobody needs renegotiation, and it costs the server more than the client (RFC 9325 3.5, CVE-2011-1473).
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      sessionIdContext: this.sessionIdContext(),
      sessionTimeout: this.tickets.lifetimeSeconds,
      ...(this.clientCa === null ? {} : { ca: this.clientCa }),
    };
  }

  /**
   * The same for all workers and nodes; Node's default is drawn from the command line (http-proxy facts, 1.4). A session
   * carries the client certificate as it was verified, so other authorities must mean another context.
   */
  private sessionIdContext(): string {
    return createHash('sha256')
      .update(`easgate\n${this.clientCa ?? ''}`)
      .digest('hex')
      .slice(0, 32);
  }
}

/** The context for a host; null where it is the server's own, that of the first certificate. */
function find(byHost: ReadonlyMap<string, SecureContext | null>, host: string): SecureContext | null {
  const exact = byHost.get(host);
  if (exact !== undefined) return exact;
  const dot = host.indexOf('.');
  return dot === -1 ? null : (byHost.get('*' + host.slice(dot)) ?? null);
}

/** What tells one open connection from all others; the same for a socket and the TLS socket over it. */
function endpoints({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`;
}
