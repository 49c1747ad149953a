// Owns how undici reaches a mail server: the same TLS rules as the data plane, for probes and health checks.
import { connect } from 'node:net';
import { buildConnector } from 'undici';
import type { Client } from 'undici';
import { proxyHeader } from '../../http/proxy-protocol.ts';
import type { UpstreamServerSettings } from '../settings.ts';

/** `http(s)://host:port` of a server. */
export function undiciOrigin(server: UpstreamServerSettings): string {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  return `${server.tls === null ? 'http' : 'https'}://${host}:${server.port}`;
}

/** Options of a client or pool. HTTP/2 stays off: connection-bound authentication and some servers need 1.1. */
export function undiciOptions(server: UpstreamServerSettings, timeoutMs: number): Client.Options {
  const { tls } = server;
  const options: buildConnector.BuildOptions = {
    allowH2: false,
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
  };
  return {
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: server.proxyProtocol === null ? options : withProxyHeader(server, options),
  };
}

/** A server that expects a PROXY header takes no connection without one, also not the gateway's own: nobody is named. */
function withProxyHeader(
  server: UpstreamServerSettings,
  options: buildConnector.BuildOptions,
): buildConnector.connector {
  const header = proxyHeader(server.proxyProtocol ?? 2, '', 0, '', 0);
  const connector = buildConnector(options);
  if (server.tls === null) {
    return (target, callback) => {
      connector(target, (...outcome) => {
        outcome[1]?.write(header);
        callback(...outcome);
      });
    };
  }
  return (target, callback) => {
    const httpSocket = connect({ host: server.host, port: server.port });
    httpSocket.write(header);
    connector({ ...target, httpSocket }, callback);
  };
}
