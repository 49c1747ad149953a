// Owns the settings of TLS towards phones.
import { createHash, hkdfSync } from 'node:crypto';
import { messageOf } from '../caught-error.ts';
import { TlsTerminator } from '../gateway/listener/tls-terminator.ts';
import type { ListenerTlsSettings } from '../gateway/settings.ts';
import { readLongSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';
import type { Secret } from './schema/fields.ts';
import { readAuthorities, readCertificates } from './tls-files.ts';

/** TLS towards phones; null = none. @throws ConfigError */
export function listenerTls(config: Config, sharedSecret: string): ListenerTlsSettings | null {
  const { tls } = config.listen;
  if (tls === undefined) return null;
  const { clientCertificate, ticketSecret } = tls;
  const settings: ListenerTlsSettings = {
    certificates: readCertificates(config),
    minVersion: tls.minVersion,
    ciphers: tls.ciphers,
    handshakeTimeoutMs: tls.handshakeTimeoutSeconds * 1_000,
    maxHandshakesPerSecond: tls.maxHandshakesPerSecond,
    ticketSecret: ticketKeyMaterial(ticketSecret, sharedSecret),
    ticketRotationMs: tls.ticketRotationSeconds * 1_000,
    clientCertificate:
      clientCertificate === undefined
        ? null
        : {
            ca: readAuthorities(clientCertificate.ca, 'listen.tls.clientCertificate.ca'),
            required: clientCertificate.required,
            user: clientCertificate.user,
            forwardHeader: clientCertificate.forwardHeader ?? null,
          },
  };
  try {
    // Also done by `serve`: only OpenSSL can check ciphers and authorities.
    void new TlsTerminator(settings);
  } catch (error) {
    throw new ConfigError('listen.tls', [`cannot be used: ${messageOf(error)}`]);
  }
  return settings;
}

/**
 * Key material of 32 bytes in hex, equal on all workers and nodes, so that tickets survive a restart. Derived from the
 * operator's secret, or from the directory's secret under a separate label. @throws ConfigError
 */
export function ticketKeyMaterial(own: Secret | undefined, sharedSecret: string): string {
  if (own === undefined)
    return Buffer.from(hkdfSync('sha256', sharedSecret, '', 'easgate session tickets', 32)).toString('hex');
  const secret = readLongSecret(own, 'listen.tls.ticketSecret');
  return createHash('sha256').update(secret).digest('hex');
}
