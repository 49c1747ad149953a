// Owns the options with which undici connects to a mail server: the TLS rules of the data plane, for subrequests and
// health checks.
import { buildConnector } from 'undici';
import type { Client } from 'undici';
import { proxyHeader } from '../../http/proxy-protocol.ts';
import type { UpstreamServerSettings } from '../settings.ts';
import { boundTo } from './dial.ts';
import { serverTls } from './server-tls.ts';
import { SourceAddresses, isOutOfPorts } from './source-addresses.ts';

/**
 * Options of a client or pool. HTTP/2 is disabled: connection-bound authentication and some servers need HTTP/1.1. So are the time limits of undici for
 * responses: they begin anew at every pause, and run on a clock of their own, half a second inexact. The callers abort a request at its deadline.
 */
export function undiciOptions(server: UpstreamServerSettings): Client.Options {
  const common = { allowH2: false, headersTimeout: 0, bodyTimeout: 0 };
  const timeout = server.connectTimeoutMs;
  const sources = new SourceAddresses(server.sourceAddresses, () => performance.now());
  const plain = sourced(buildConnector({ allowH2: false, timeout }), sources);
  const announced: Connector =
    server.proxyProtocol === null ? plain : announcing(plain, server, server.proxyProtocol);
  if (server.tls === null) return { ...common, connect: announced };
  const tls = serverTls(server.tls);
  const secure = sourced(buildConnector({ allowH2: false, timeout, ...tls }), sources);
  // By default undici uses the Host header as the server name.
  const { servername } = tls;
  return {
    ...common,
    connect: (options, done) => {
      if (server.proxyProtocol === null) {
        secure({ ...options, servername }, done);
        return;
      }
      announced(options, (...result) => {
        if (result[0] === null) secure({ ...options, servername, httpSocket: result[1] }, done);
        else done(result[0], null);
      });
    },
  };
}

type Connector = ReturnType<typeof buildConnector>;

/** Connects from the next local address; retries at once from another one without a free port. */
function sourced(connector: Connector, sources: SourceAddresses): Connector {
  const attempt: Connector = (options, done) => {
    // An established connection has its address.
    const localAddress = options.httpSocket === undefined ? sources.next() : undefined;
    connector({ ...options, ...boundTo(localAddress) }, (...result) => {
      if (!isOutOfPorts(result[0])) {
        done(...result);
        return;
      }
      sources.exhausted(localAddress);
      if (sources.hasAnother) attempt(options, done);
      else done(...result);
    });
  };
  return attempt;
}

/** TCP with a PROXY header without a client: the gateway itself is the client (proxy-protocol.txt 2). */
function announcing(plain: Connector, server: UpstreamServerSettings, version: 1 | 2): Connector {
  return (options, done) =>
    plain({ ...options, protocol: 'http:', port: String(server.port) }, (...result) => {
      if (result[0] === null) result[1].write(proxyHeader(version, '', 0, '', 0));
      done(...result);
    });
}
