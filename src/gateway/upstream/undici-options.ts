// Owns how undici reaches a mail server: the same TLS rules as the data plane, for probes and health checks.
import { buildConnector } from 'undici';
import type { Client } from 'undici';
import type { UpstreamServerSettings } from '../settings.ts';
import { serverTls } from './server-tls.ts';

/** `http(s)://host:port` of a server. */
export function undiciOrigin(server: UpstreamServerSettings): string {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  return `${server.tls === null ? 'http' : 'https'}://${host}:${server.port}`;
}

/** Options of a client or pool. HTTP/2 stays off: connection-bound authentication and some servers need 1.1. */
export function undiciOptions(server: UpstreamServerSettings, timeoutMs: number): Client.Options {
  const common = { allowH2: false, headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const timeout = server.connectTimeoutMs;
  if (server.tls === null) return { ...common, connect: { timeout } };
  const tls = serverTls(server.tls);
  const connect = buildConnector({ allowH2: false, timeout, ...tls });
  return {
    ...common,
    // undici would name the server by the Host header.
    connect: (options, done) => connect({ ...options, servername: tls.servername }, done),
  };
}
