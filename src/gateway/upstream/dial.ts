// Owns opening a socket to a mail server: plain or TLS, from a chosen local address, with a PROXY header in front.
import { connect, isIP } from 'node:net';
import type { OnReadOpts, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { UpstreamServerSettings } from '../settings.ts';
import { serverTls } from './server-tls.ts';

/** Options of a single connection. */
export interface DialOptions {
  readonly localAddress: string | undefined;
  /** A TLS session of this server to resume. */
  readonly session: Buffer | undefined;
  /** PROXY protocol header to send first, before the TLS handshake. */
  readonly proxyHeader: Buffer | null;
}

/** Options that bind a connection to a local address; a host name is then resolved in the same family. */
export function boundTo(localAddress: string | undefined): { localAddress?: string; family?: number } {
  return localAddress === undefined ? {} : { localAddress, family: isIP(localAddress) };
}

/** A connecting socket. `buffered` = it reads into the buffer of `onread` instead of emitting `data`. */
export function dial(
  server: UpstreamServerSettings,
  options: DialOptions,
  onread: OnReadOpts | null,
): { readonly socket: Socket; readonly buffered: boolean } {
  const address = {
    host: server.host,
    port: server.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    ...boundTo(options.localAddress),
  };
  if (server.tls === null) {
    const socket = connect(onread === null ? address : { ...address, onread });
    if (options.proxyHeader !== null) socket.write(options.proxyHeader);
    return { socket, buffered: onread !== null };
  }
  // `onread` works for TLS too, but is missing in Node's types (docs of tls.connect: options of socket.connect).
  const secure: ConnectionOptions = {
    ...serverTls(server.tls),
    ALPNProtocols: ['http/1.1'],
    ...(options.session === undefined ? {} : { session: options.session }),
  };
  if (options.proxyHeader === null) {
    const all = { ...secure, ...address, ...(onread === null ? {} : { onread }) };
    return { socket: connectTls(all as ConnectionOptions), buffered: onread !== null };
  }
  const plain = connect(address);
  plain.write(options.proxyHeader);
  return { socket: connectTls({ ...secure, socket: plain }), buffered: false };
}
