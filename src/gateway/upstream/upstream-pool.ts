// Owns the connections to one mail server: take and return in O(1), a bounded queue when all are in use, and learning
// whether the server keeps connections open.
import type { TLSSocket } from 'node:tls';
import { serverTls } from './server-tls.ts';
import { SourceAddresses } from './source-addresses.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamOwner } from './upstream-connection.ts';
import type { UpstreamServerSettings } from '../settings.ts';

/** A connection that survives this long idle proves that the server keeps connections. */
const PROBATION_MS = 250;
/** So many connections closed right after a response disprove it again. */
const EARLY_CLOSES = 3;

/** Somebody who waits for a connection; called once, when there is room. */
export interface ConnectionWaiter {
  onConnectionFree(): void;
}

/** Told of what says something about the server's health. */
export interface PoolObserver {
  onConnectFailed(error: Error | null): void;
}

/**
 * LIFO free list, so that warm connections are used and the rest age out.
 *
 * sogod closes after every response without saying so: a connection taken in that moment fails, and a POST must not be
 * repeated blindly. So a finished connection first stays on probation; only when one outlived {@link PROBATION_MS} are
 * connections of this server used again at once.
 */
export class UpstreamPool implements UpstreamOwner {
  /** All open connections, idle or not. */
  open = 0;
  /** Connections in use. */
  busy = 0;
  /** Bytes or an early end on an idle connection. */
  unexpectedCloses = 0;
  readonly sources: SourceAddresses;
  private readonly settings: UpstreamServerSettings;
  private readonly now: () => number;
  private readonly observer: PoolObserver;
  private readonly idle: UpstreamConnection[] = [];
  private readonly probation: UpstreamConnection[] = [];
  /**
   * Bytes behind a response may still be told of by the read that brought its end: only behind that a connection is
   * anybody's, lest they be taken for the next response.
   */
  private readonly resting: UpstreamConnection[] = [];
  /** A set keeps the order of arrival and lets one who leaves go in O(1). */
  private readonly waiting = new Set<ConnectionWaiter>();
  private keepsAlive = false;
  private earlyCloses = 0;
  private session: Buffer | undefined;
  private stopped = false;
  /** A connection makes room for one that is about to be opened: its place is not free for those who wait. */
  private evicting = false;

  /** Throws when the TLS settings cannot be used. */
  constructor(settings: UpstreamServerSettings, now: () => number, observer: PoolObserver) {
    if (settings.tls !== null) serverTls(settings.tls);
    this.settings = settings;
    this.now = now;
    this.observer = observer;
    this.sources = new SourceAddresses(settings.sourceAddresses, now);
  }

  /** Requests that wait for a connection. */
  get queued(): number {
    return this.waiting.size;
  }

  /** An idle connection, or a new one that is still connecting; null when `maxConnections` are open. */
  take(): UpstreamConnection | null {
    for (;;) {
      const connection = this.idle.pop();
      if (connection === undefined) return this.connect(null);
      if (connection.closed) continue;
      connection.busy = true;
      this.busy++;
      return connection;
    }
  }

  /** A connection that was never used before; `proxyHeader` leads it. Null when `maxConnections` are open. */
  connect(proxyHeader: Buffer | null): UpstreamConnection | null {
    if (this.open >= this.settings.maxConnections && !this.evictIdle()) return null;
    this.open++;
    this.busy++;
    const { tls } = this.settings;
    const options = { localAddress: this.sources.next(), session: this.session, proxyHeader };
    const connection = new UpstreamConnection(this.settings, options, this);
    if (tls !== null) (connection.socket as TLSSocket).on('session', this.onSession);
    return connection;
  }

  /** Takes back a connection whose last exchange ended cleanly. */
  release(connection: UpstreamConnection): void {
    connection.user = null;
    connection.served++;
    if (connection.closed) return;
    connection.resume();
    connection.idleSince = this.now();
    connection.busy = false;
    this.busy--;
    if (!connection.unfinishedRead) this.keep(connection);
    else if (this.resting.push(connection) === 1) setImmediate(this.onRested);
  }

  /** Lets `waiter` wait for a connection. */
  enqueue(waiter: ConnectionWaiter): void {
    this.waiting.add(waiter);
  }

  /** The waiter left. */
  dequeue(waiter: ConnectionWaiter): void {
    this.waiting.delete(waiter);
  }

  /** Called a few times a second: ends probation and closes what has been idle too long. */
  sweep(now: number): void {
    if (
      this.probation.length > 0 &&
      now - (this.probation[0] as UpstreamConnection).idleSince >= PROBATION_MS
    ) {
      const connection = this.probation.shift() as UpstreamConnection;
      if (!connection.closed) {
        this.keepsAlive = true;
        this.earlyCloses = 0;
        this.idle.push(connection, ...this.probation.filter((other) => !other.closed));
        this.probation.length = 0;
      }
    }
    let expired = 0;
    while (expired < this.idle.length && this.isExpired(this.idle[expired] as UpstreamConnection, now))
      expired++;
    for (const connection of this.idle.splice(0, expired)) connection.destroy();
  }

  close(): void {
    this.stopped = true;
    for (const connection of [...this.idle, ...this.probation, ...this.resting]) connection.destroy();
    this.idle.length = 0;
    this.probation.length = 0;
    this.resting.length = 0;
  }

  onIdleClosed(connection: UpstreamConnection): void {
    this.unexpectedCloses++;
    if (this.now() - connection.idleSince < PROBATION_MS && ++this.earlyCloses >= EARLY_CLOSES)
      this.keepsAlive = false;
  }

  onGone(connection: UpstreamConnection): void {
    this.open--;
    if (connection.busy) {
      connection.busy = false;
      this.busy--;
    }
    if (connection.lackedPort) {
      this.sources.exhausted(connection.source);
    } else {
      this.sources.freed(connection.source);
      if (!connection.connected && connection.error !== null) this.observer.onConnectFailed(connection.error);
    }
    if (!this.evicting) this.serveWaiting();
  }

  /** The reads that were under way are over. */
  private readonly onRested = (): void => {
    for (const connection of this.resting.splice(0)) if (!connection.closed) this.keep(connection);
  };

  private keep(connection: UpstreamConnection): void {
    const list = this.keepsAlive ? this.idle : this.probation;
    if (this.stopped || list.length >= this.settings.maxIdleConnections) connection.destroy();
    else list.push(connection);
    this.serveWaiting();
  }

  /** Keeps the newest session ticket, so that the next handshake costs no signature (RFC 8446 2.2). */
  private readonly onSession = (session: Buffer): void => {
    this.session = session;
  };

  private serveWaiting(): void {
    if (this.waiting.size === 0 || this.stopped) return;
    if (this.open >= this.settings.maxConnections && this.idle.length === 0 && this.probation.length === 0)
      return;
    const [waiter] = this.waiting;
    if (waiter === undefined) return;
    this.waiting.delete(waiter);
    waiter.onConnectionFree();
  }

  private isExpired(connection: UpstreamConnection, now: number): boolean {
    return connection.closed || now - connection.idleSince >= this.settings.idleConnectionMs;
  }

  /** Those who wait come first. */
  private restingToSpare(): UpstreamConnection | undefined {
    return this.waiting.size === 0 ? this.resting.shift() : undefined;
  }

  private evictIdle(): boolean {
    for (;;) {
      const connection = this.probation.shift() ?? this.idle.shift() ?? this.restingToSpare();
      if (connection === undefined) return false;
      if (connection.closed) continue;
      this.evicting = true;
      connection.destroy();
      this.evicting = false;
      return true;
    }
  }
}
