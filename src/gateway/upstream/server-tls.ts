// Owns the TLS rules towards a mail server: whom it must be, what the gateway shows, made once for all connections.
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import type { PeerCertificate, SecureContext } from 'node:tls';
import type { UpstreamTlsSettings } from '../settings.ts';

/** What every handshake with one mail server needs. */
export interface ServerTls {
  readonly secureContext: SecureContext;
  /** For SNI; empty = none, for an address is no name there (RFC 6066 3). */
  readonly servername: string;
  readonly rejectUnauthorized: boolean;
  /** Checks the configured name, whatever was sent as SNI. */
  readonly checkServerIdentity: (sent: string, certificate: PeerCertificate) => Error | undefined;
}

const made = new WeakMap<UpstreamTlsSettings, ServerTls>();

/** Throws when certificate and key do not fit, or a text is no PEM. */
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
    // Reading certificates costs more than the rest of a handshake that is resumed.
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
