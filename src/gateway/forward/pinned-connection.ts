// Owns an upstream connection that belongs to one client connection, and the user that the server may have
// authenticated on it.
import { proxyHeader } from '../../http/proxy-protocol.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { UserKey } from '../../identity/keys.ts';
import { challengeUnicode } from '../../identity/ntlm.ts';
import { showsAcceptance } from '../credentials/credential-proof.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from '../connection/downstream.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/**
 * Created when a handshake begins, or for a PROXY header with the client's address; lives as long as the connection.
 */
export class PinnedConnection {
  readonly upstream: UpstreamConnection;
  readonly server: UpstreamServer;
  /** The user that the server authenticated on it (RFC 4559 6); null = none, or unnamed. */
  user: UserKey | null = null;
  /** A handshake leg was sent on it: the server may have authenticated somebody. */
  claimed = false;
  /** A handshake was opened on it and waits for its closing leg. */
  handshaking = false;
  /** Whether the server's challenge in it chose UTF-16; null = no handshake, or its challenge could not be read. */
  challengeUnicode: boolean | null = null;
  /** The server accepted credentials on it, even if it challenged later. */
  private authenticated = false;

  constructor(upstream: UpstreamConnection, server: UpstreamServer) {
    this.upstream = upstream;
    this.server = server;
  }

  /**
   * Whether a request without a handshake, or with an opening leg, may use it. Connection-bound credentials need their
   * own connection; others must not use an authenticated one. A handshake starts only on a connection without an
   * authenticated user: otherwise a server that keeps its first user would serve that one under the second name, or
   * ignore a request's password. `shared` = the client connection is a trusted proxy's, whose next request may be
   * another client's, so only a running handshake may continue.
   */
  suits({ leg, user, authorization }: Exchange, shared: boolean): boolean {
    // After a 401 the server may keep its earlier user: only a running handshake may continue.
    if (leg !== 'none') return this.handshaking && !this.authenticated;
    if (!this.claimed) return true;
    return !shared && authorization === null && this.user !== null && user === this.user;
  }

  /** Updates the user and the handshake from an answer. */
  noteAnswer(exchange: Exchange, { status, headerLines }: ResponseHead): void {
    // A server that sends 401 to an authenticated user, or accepts an opening leg (Kerberos), may serve that user from
    // now on. One that fails or redirects may not have checked the leg.
    const { leg } = exchange;
    const doubtful =
      status === 401
        ? this.user !== null
        : leg === 'opening' || (leg === 'closing' && !showsAcceptance(status));
    if (doubtful) exchange.upstreamKeepAlive = false;
    if (status === 401) {
      this.user = null;
      this.handshaking = exchange.leg === 'opening';
      this.challengeUnicode = this.handshaking ? challengeUnicode(headerLines) : null;
    } else if (exchange.leg !== 'none') {
      this.authenticated = true;
      this.handshaking = false;
      this.challengeUnicode = null;
      // The opening leg of Kerberos names no user, but a server may accept it.
      this.user = leg === 'closing' && !doubtful ? exchange.user : null;
    }
    // If the server closes, the authentication is lost, so the client connection is closed too.
    if (!exchange.upstreamKeepAlive && this.claimed) exchange.persistent = false;
  }
}

/** Opens a connection for this client alone, with a PROXY header where configured; null = no capacity. */
export function pin(downstream: Downstream, server: UpstreamServer): PinnedConnection | null {
  const { proxyProtocol } = server.settings;
  const header =
    proxyProtocol === null
      ? null
      : proxyHeader(
          proxyProtocol,
          downstream.address,
          downstream.port,
          downstream.socket.localAddress ?? '',
          downstream.socket.localPort ?? 0,
        );
  const upstream = server.pool.connect(header);
  return upstream === null ? null : new PinnedConnection(upstream, server);
}
