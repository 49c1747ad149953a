// Owns accepting connections: plain or TLS, with or without a PROXY header, within limits.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { parseProxyHeader } from '../../http/proxy-protocol.ts';
import { clientBlock, inRanges } from '../../identity/client-address.ts';
import { addressRange } from '../../ip-address.ts';
import type { AddressRange } from '../../ip-address.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { PhoneEndpoint } from '../connection/client-connection.ts';
import type { Deadlines, Timed } from '../io/deadlines.ts';
import type { Scheme } from '../upstream/client-origin.ts';
import type { Counts } from '../../metrics/counts.ts';
import type { OnTrouble } from '../trouble.ts';
import { certificateUser } from './client-certificate.ts';
import type { GatewaySettings } from '../settings.ts';
import { unsentBytes } from '../io/direct-writes.ts';
import { shareReads } from '../io/shared-reads.ts';
import { OpenSockets } from './open-sockets.ts';
import { TlsTerminator } from './tls-terminator.ts';
import { RejectedConnections } from './rejected-connections.ts';
import type { RefusalCause } from './rejected-connections.ts';

/** Receives an accepted connection. */
export type OnPhone = (socket: Socket, endpoint: PhoneEndpoint) => void;

const BACKLOG = 4096;
/** Longest PROXY header that is read: version 2 with its TLVs (proxy-protocol.txt 2.2). */
const MAX_PROXY_BYTES = 552;

/** IPv4 notation for IPv4-mapped addresses (`::ffff:192.0.2.1`). */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** A connection whose PROXY header or TLS handshake is not complete: it is closed after a time. */
class PendingConnection implements Timed {
  slot = -1;
  private readonly socket: Socket;
  private readonly deadlines: Deadlines;

  constructor(socket: Socket, deadlines: Deadlines, timeoutMs: number) {
    this.socket = socket;
    this.deadlines = deadlines;
    deadlines.add(this, deadlines.now + timeoutMs);
  }

  /** Ends the wait; further calls do nothing. */
  done(): void {
    this.deadlines.remove(this);
  }

  onDeadline(): void {
    this.socket.destroy();
  }
}

/** The listener of one worker. */
export class Listener {
  readonly tls: TlsTerminator | null;
  private readonly server: Server;
  private readonly settings: GatewaySettings;
  private readonly rejected: RejectedConnections;
  private readonly deadlines: Deadlines;
  private readonly onPhone: OnPhone;
  private readonly proxies: readonly AddressRange[] | null;
  /** Sockets can use shared reads: no TLS, no PROXY header, no pass-through lane. */
  private readonly shares: boolean;
  private readonly perAddress = new Map<string, number>();
  /** Labelled with the address block that they count for; '' = none. */
  private readonly sockets = new OpenSockets();
  /** One function for all sockets. */
  private readonly onClose: (this: Socket) => void;
  private handshakes = 0;
  private handshakeSecond = 0;

  constructor(
    settings: GatewaySettings,
    deadlines: Deadlines,
    counts: Counts,
    onPhone: OnPhone,
    onTrouble: OnTrouble,
  ) {
    this.settings = settings;
    this.deadlines = deadlines;
    this.rejected = new RejectedConnections(counts, onTrouble);
    this.onPhone = onPhone;
    const { tls, proxyProtocolFrom } = settings.listen;
    this.tls = tls === null ? null : new TlsTerminator(tls);
    this.proxies = proxyProtocolFrom?.map(addressRange) ?? null;
    this.shares = tls === null && proxyProtocolFrom === null && settings.passThrough === null;
    this.server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: this.shares,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    });
    const forget = (socket: Socket): void => this.forget(socket);
    this.onClose = function onClose(): void {
      forget(this);
    };
    this.server.on('connection', (socket) => {
      if (this.shares) shareReads(socket);
      const { remoteAddress = '', remotePort = 0 } = socket;
      // A socket keeps its peer's address once it was asked for it.
      Reflect.set(socket, '_peername', undefined);
      this.accept(socket, plainAddress(remoteAddress), remotePort);
    });
  }

  /** Rejects when the address cannot be bound. */
  async start(): Promise<void> {
    const { port, address, fd } = this.settings.listen;
    const { server } = this;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const listening = (): void => {
        server.off('error', reject);
        // A single connection failed to be accepted (ENOBUFS, EPERM of a firewall): the others continue.
        server.on('error', ignore);
        resolve();
      };
      if (fd === null) server.listen({ port, host: address, backlog: BACKLOG }, listening);
      else server.listen({ fd, backlog: BACKLOG }, listening);
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Open connections, including those in a handshake. */
  get connections(): number {
    return this.sockets.size;
  }

  /** Bytes in memory that phones have not read. */
  get unsentBytes(): number {
    let bytes = 0;
    for (const socket of this.sockets) bytes += unsentBytes(socket);
    return bytes;
  }

  /** Stops accepting; open connections continue. */
  stop(): void {
    if (this.server.listening) this.server.close();
  }

  /** Closes every connection at once. */
  destroyAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(socket: Socket, peer: string, port: number): void {
    const { client } = this.settings;
    if (peer === '') {
      // Already closed.
      socket.destroy();
      return;
    }
    if (this.sockets.size >= client.maxConnections) {
      this.turnAway(socket, 'EASGATE_MAX_CONNECTIONS', peer);
      return;
    }
    this.sockets.add(socket);
    socket.on('close', this.onClose);
    if (this.proxies === null) {
      this.admit(socket, peer, port, 'http');
    } else if (inRanges(peer, this.proxies)) {
      this.readProxyHeader(socket, peer);
    } else {
      // Without a header from a trusted proxy the client is unknown; a header from others would be forged.
      this.turnAway(socket, 'EASGATE_NOT_A_PROXY', peer);
    }
  }

  /** Called a few times a second. */
  sweep(now: number): void {
    this.rejected.sweep(now);
  }

  private turnAway(socket: Socket, cause: RefusalCause, address: string): void {
    this.rejected.count(cause, address, this.deadlines.now);
    socket.resetAndDestroy();
  }

  /** The header precedes everything else, including TLS (proxy-protocol.txt 2). */
  private readProxyHeader(socket: Socket, peer: string): void {
    let received: Buffer = Buffer.alloc(0);
    const pending = new PendingConnection(socket, this.deadlines, this.settings.client.headTimeoutMs);
    const done = (): void => {
      pending.done();
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('error', ignore);
      socket.off('close', done);
    };
    // The peer closed before the header was complete.
    const onEnd = (): void => this.turnAway(socket, 'EASGATE_PROXY_PROTOCOL', peer);
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const header = parseProxyHeader(received, received.length);
      if (header === null && received.length < MAX_PROXY_BYTES) return;
      done();
      if (header === null || typeof header === 'string') {
        this.turnAway(socket, 'EASGATE_PROXY_PROTOCOL', peer);
        return;
      }
      socket.pause();
      if (received.length > header.end) socket.unshift(received.subarray(header.end));
      // Without an address (LOCAL, UNKNOWN) the proxy itself is the client, as in its health checks.
      const proto = header.secure ? 'https' : 'http';
      this.admit(socket, header.source ?? peer, header.source === null ? 0 : header.sourcePort, proto);
    };
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('error', ignore);
    socket.once('close', done);
  }

  private admit(socket: Socket, address: string, port: number, proto: Scheme): void {
    const { maxConnectionsPerAddress } = this.settings.client;
    if (maxConnectionsPerAddress > 0) {
      const block = clientBlock(address);
      const count = (this.perAddress.get(block) ?? 0) + 1;
      if (count > maxConnectionsPerAddress) {
        this.turnAway(socket, 'EASGATE_MAX_CONNECTIONS_PER_ADDRESS', address);
        return;
      }
      this.perAddress.set(block, count);
      this.sockets.label(socket, block);
    }
    if (this.tls === null) {
      const { onClose: onClosed } = this;
      this.onPhone(socket, { address, port, proto, transport: socket, certificateUser: null, onClosed });
      socket.resume();
    } else {
      this.secure(socket, this.tls, address, port);
    }
  }

  private forget(socket: Socket): void {
    const block = this.sockets.remove(socket);
    if (block === '') return;
    const count = (this.perAddress.get(block) ?? 1) - 1;
    if (count === 0) this.perAddress.delete(block);
    else this.perAddress.set(block, count);
  }

  private secure(raw: Socket, tls: TlsTerminator, address: string, port: number): void {
    if (!this.mayShakeHands()) {
      this.turnAway(raw, 'EASGATE_MAX_HANDSHAKES', address);
      return;
    }
    const pending = new PendingConnection(raw, this.deadlines, tls.settings.handshakeTimeoutMs);
    raw.on('error', ignore);
    raw.once('close', () => pending.done());
    tls.begin(raw, (socket) => {
      pending.done();
      const user = this.userOf(socket, tls);
      if (user === undefined) {
        this.rejected.count('EASGATE_CLIENT_CERTIFICATE', address, this.deadlines.now);
        socket.destroy();
        return;
      }
      const below = { transport: raw, certificateUser: user, onClosed: null };
      this.onPhone(socket, { address, port, proto: 'https', ...below });
    });
  }

  /** The user of the certificate; null = none requested, undefined = missing, untrusted, or without a user name. */
  private userOf(socket: TLSSocket, tls: TlsTerminator): UserKey | null | undefined {
    const { clientCertificate } = tls.settings;
    if (clientCertificate === null) return null;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return clientCertificate.required ? undefined : null;
    // The chain was checked in the handshake; without `rejectUnauthorized` an invalid one only clears this flag (docs
    // of node:tls).
    if (!socket.authorized) return undefined;
    // The certificate of a resumed session was verified when the session began.
    if (certificate.validToDate.getTime() < Date.now()) return undefined;
    return certificateUser(certificate, clientCertificate.user) ?? undefined;
  }

  private mayShakeHands(): boolean {
    const limit = this.tls?.settings.maxHandshakesPerSecond ?? 0;
    if (limit === 0) return true;
    const second = Math.floor(this.deadlines.now / 1000);
    if (second !== this.handshakeSecond) {
      this.handshakeSecond = second;
      this.handshakes = 0;
    }
    return ++this.handshakes <= limit;
  }
}

function ignore(): void {
  // the close event follows
}
