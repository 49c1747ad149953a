// Owns a connection to a mail server that belongs to one client connection alone, and for whom the server may take it.
import { proxyHeader } from '../../http/proxy-protocol.ts';
import type { UserKey } from '../../identity/keys.ts';
import { showsAcceptance } from '../credentials/credential-proof.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from '../connection/downstream.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Made when a handshake begins, or where a PROXY header names the client; ends with the connection. */
export class PinnedConnection {
  readonly upstream: UpstreamConnection;
  readonly server: UpstreamServer;
  /** Whom the server authenticated on it (http-proxy facts, 2.9); null = nobody, or somebody without a name. */
  user: UserKey | null = null;
  /** A leg of a handshake went out on it: for the server it may be somebody's. */
  claimed = false;
  /** A handshake was opened on it and waits for its closing leg. */
  handshaking = false;
  /** The server took credentials on it, even if it asked for others since. */
  private authenticated = false;

  constructor(upstream: UpstreamConnection, server: UpstreamServer) {
    this.upstream = upstream;
    this.server = server;
  }

  /**
   * Whether a request that needs no handshake, or opens one, may go out on it. Connection-bound credentials need a
   * connection of their own; others must not meet one that is bound. A handshake always starts on a connection that
   * nobody was authenticated on: a server that keeps its first user would otherwise serve that one under the name of the
   * second, or not look at the password of a request. `shared` = the client connection is a trusted proxy's: the next
   * request on it may be another client's, so nothing but the handshake under way goes on.
   */
  suits({ leg, user, authorization }: Exchange, shared: boolean): boolean {
    // Behind a 401 the server may still know whom it authenticated before: only a handshake under way goes on.
    if (leg !== 'none') return this.handshaking && !this.authenticated;
    if (!this.claimed) return true;
    return !shared && authorization === null && this.user !== null && user === this.user;
  }

  /** What the status of an answer on it says of who it is bound to. */
  noteAnswer(exchange: Exchange, status: number): void {
    // A server that says 401 to a user it knows, or lets an opening leg in (Kerberos), may serve that user from now on;
    // one that fails, or redirects, may not have looked at the leg.
    const { leg } = exchange;
    const doubtful =
      status === 401
        ? this.user !== null
        : leg === 'opening' || (leg === 'closing' && !showsAcceptance(status));
    if (doubtful) exchange.upstreamKeepAlive = false;
    if (status === 401) {
      this.user = null;
      this.handshaking = exchange.leg === 'opening';
    } else if (exchange.leg !== 'none') {
      this.authenticated = true;
      this.handshaking = false;
      // The opening leg of Kerberos names nobody, but a server may accept it.
      this.user = leg === 'closing' && !doubtful ? exchange.user : null;
    }
    // If the server closes, what was authenticated is gone, and the client must not think otherwise.
    if (!exchange.upstreamKeepAlive && this.claimed) exchange.persistent = false;
  }
}

/** Opens a connection for this client alone, which the server is told of where it wants to be; null = there is no room. */
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
