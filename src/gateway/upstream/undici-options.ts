// Owns how undici reaches a mail server: the same TLS rules as the data plane, for probes and health checks.
import type { Client } from 'undici';
import type { UpstreamServerSettings } from '../settings.ts';

/** `http(s)://host:port` of a server. */
export function undiciOrigin(server: UpstreamServerSettings): string {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  return `${server.tls === null ? 'http' : 'https'}://${host}:${server.port}`;
}

/** Options of a client or pool. HTTP/2 stays off: connection-bound authentication and some servers need 1.1. */
export function undiciOptions(server: UpstreamServerSettings, timeoutMs: number): Client.Options {
  const { tls } = server;
  return {
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: {
      timeout: server.connectTimeoutMs,
      ...(tls === null
        ? {}
        : {
            servername: tls.serverName,
            rejectUnauthorized: tls.verify,
            minVersion: tls.minVersion,
            ...(tls.ca === null ? {} : { ca: tls.ca }),
            ...(tls.certificate === null || tls.key === null ? {} : { cert: tls.certificate, key: tls.key }),
          }),
    },
  };
}
