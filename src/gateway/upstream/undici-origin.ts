// Owns the names of a mail server in the gateway's own requests, without loading undici.
import type { UpstreamServerSettings } from '../settings.ts';

/** `http(s)://host:port` of a server. */
export function undiciOrigin(server: UpstreamServerSettings): string {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  return `${server.tls === null ? 'http' : 'https'}://${host}:${server.port}`;
}

/** The Host that undici sends by default. */
export function undiciHost(server: UpstreamServerSettings): string {
  return new URL(undiciOrigin(server)).host;
}
