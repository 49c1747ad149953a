// Owns TLS towards phones: certificates by SNI, session tickets every worker can open, reload without a lost connection.
import { X509Certificate, createHash, hkdfSync } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import type { CertificateSettings, ListenerTlsSettings } from './settings.ts';

/** Bytes of a ticket key as Node takes it: name, HMAC key, AES key. */
const TICKET_KEY_BYTES = 48;
/**
 * The same for all workers and nodes; Node's default is drawn from the command line (http-proxy facts, 1.4). A resumed
 * session is not verified again (RFC 8446 4.6.1), so it counts only where the same authorities issue certificates.
 */
function sessionIdContext(authorities: string | null): string {
  if (authorities === null) return 'easgate';
  return createHash('sha256').update(authorities).digest('hex').slice(0, MAX_SESSION_ID_CONTEXT);
}

/** Octets OpenSSL takes (SSL_MAX_SID_CTX_LENGTH). */
const MAX_SESSION_ID_CONTEXT = 32;

/** The key of an epoch: whoever has the secret derives the same, so tickets survive restarts and other workers. */
export function ticketKey(secret: string, epoch: number): Buffer {
  const derived = hkdfSync(
    'sha256',
    Buffer.from(secret, 'hex'),
    Buffer.alloc(0),
    `easgate ticket ${epoch}`,
    TICKET_KEY_BYTES,
  );
  return Buffer.from(derived);
}

/** Host names a certificate is good for, lower case; a wildcard as `*.example.com`. */
export function hostsOf(certificate: string): string[] {
  const parsed = new X509Certificate(certificate);
  const names = (parsed.subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('DNS:'));
  return names.map((entry) => entry.slice(4).toLowerCase());
}

/** Secures accepted sockets. */
export class TlsTerminator {
  settings: ListenerTlsSettings;
  private byHost = new Map<string, SecureContext>();
  private fallback: SecureContext;
  private epoch: number;
  private readonly timer: NodeJS.Timeout;

  /** Throws when a certificate and its key do not fit. */
  constructor(settings: ListenerTlsSettings) {
    this.settings = settings;
    this.epoch = this.currentEpoch();
    this.fallback = this.build();
    this.timer = setInterval(() => this.rotate(), 1_000);
    this.timer.unref();
  }

  /** Takes new certificates for handshakes from now on; throws, and changes nothing, when one does not fit its key. */
  reload(certificates: readonly CertificateSettings[]): void {
    const before = this.settings;
    this.settings = { ...before, certificates };
    try {
      this.fallback = this.build();
    } catch (error) {
      this.settings = before;
      throw error;
    }
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Begins the handshake. */
  wrap(socket: Socket): TLSSocket {
    const { clientCertificate } = this.settings;
    return new TLSSocket(socket, {
      isServer: true,
      secureContext: this.fallback,
      SNICallback: this.onServerName,
      ALPNProtocols: ['http/1.1'],
      requestCert: clientCertificate !== null,
      rejectUnauthorized: false,
      allowHalfOpen: true,
    } as ConstructorParameters<typeof TLSSocket>[1]);
  }

  private readonly onServerName = (
    name: string,
    done: (error: Error | null, context?: SecureContext) => void,
  ): void => {
    const host = name.toLowerCase();
    const dot = host.indexOf('.');
    const found = this.byHost.get(host) ?? (dot === -1 ? undefined : this.byHost.get('*' + host.slice(dot)));
    done(null, found ?? this.fallback);
  };

  private build(): SecureContext {
    const byHost = new Map<string, SecureContext>();
    const contexts = this.settings.certificates.map((certificate) => {
      const context = createSecureContext(this.contextOptions(certificate));
      for (const host of hostsOf(certificate.certificate)) if (!byHost.has(host)) byHost.set(host, context);
      return context;
    });
    const [first] = contexts;
    if (first === undefined) throw new Error('no certificate');
    this.byHost = byHost;
    return first;
  }

  private contextOptions({ certificate, key }: CertificateSettings): SecureContextOptions {
    const { minVersion, ciphers, clientCertificate, ticketSecret } = this.settings;
    return {
      cert: certificate,
      key,
      minVersion,
      ciphers,
      honorCipherOrder: true,
      sessionIdContext: sessionIdContext(clientCertificate?.ca ?? null),
      ticketKeys: ticketKey(ticketSecret, this.epoch),
      ...(clientCertificate === null ? {} : { ca: clientCertificate.ca }),
    };
  }

  private currentEpoch(): number {
    return Math.floor(Date.now() / this.settings.ticketRotationMs);
  }

  /** A stolen key opens no sessions but those of its time. */
  private rotate(): void {
    const epoch = this.currentEpoch();
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.fallback = this.build();
  }
}
