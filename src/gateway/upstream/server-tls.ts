// Owns the TLS rules for a mail server: its expected name and the client certificate, prepared once.
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import type { PeerCertificate, SecureContext } from 'node:tls';
import type { UpstreamTlsSettings } from '../settings.ts';

/** Options of every handshake with one mail server. */
export interface ServerTls {
  readonly secureContext: SecureContext;
  /** SNI; empty for an address, which is no name there (RFC 6066 3). */
  readonly servername: string;
  readonly rejectUnauthorized: boolean;
  /** Checks the configured name, independent of SNI. */
  readonly checkServerIdentity: (sent: string, certificate: PeerCertificate) => Error | undefined;
}

const made = new WeakMap<UpstreamTlsSettings, ServerTls>();

/** Throws when certificate and key do not match, or a text is not PEM. */
export function serverTls(settings: UpstreamTlsSettings): ServerTls {
  let tls = made.get(settings);
  if (tls === undefined) {
    tls = make(settings);
    made.set(settings, tls);
  }
  return tls;
}

function make({ ca, certificate, key, minVersion, serverName, verify }: UpstreamTlsSettings): ServerTls {
  return {
    // Parsing certificates costs more than the rest of a resumed handshake.
    secureContext: createSecureContext({
      minVersion,
      ...(ca === null ? {} : { ca }),
      ...(certificate === null || key === null ? {} : { cert: certificate, key }),
    }),
    servername: isIP(serverName) === 0 ? serverName : '',
    rejectUnauthorized: verify,
    checkServerIdentity: (_sent, shown) => checkServerIdentity(serverName, shown),
  };
}
