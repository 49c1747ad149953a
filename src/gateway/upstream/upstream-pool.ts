// Owns the connections to one mail server: O(1) take and return, a bounded queue, and detection of servers that close
// connections early.
import type { TLSSocket } from 'node:tls';
import { serverTls } from './server-tls.ts';
import { SourceAddresses } from './source-addresses.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamOwner } from './upstream-connection.ts';
import type { UpstreamServerSettings } from '../settings.ts';

/** An idle connection that lasts this long shows that the server keeps connections open. */
const PROBATION_MS = 250;
/** Connections closed right after a response that show the opposite. */
const EARLY_CLOSES = 3;

/** A waiting exchange; called once, when a connection is free. */
export interface ConnectionWaiter {
  onConnectionFree(): void;
}

/** Observes events about the server's health. */
export interface PoolObserver {
  onConnectFailed(error: Error | null): void;
}

/**
 * LIFO free list, so that warm connections are used and the others time out.
 * sogod closes after every response without announcing it: a connection taken at that moment fails, and a POST must not
 * be repeated blindly. So a returned connection is first on probation. Connections of this server are reused at once
 * only after one has lasted {@link PROBATION_MS}.
 */
export class UpstreamPool implements UpstreamOwner {
  /** All open connections, idle or not. */
  open = 0;
  /** Connections in use. */
  busy = 0;
  /** Bytes on, or early ends of, idle connections. */
  unexpectedCloses = 0;
  readonly sources: SourceAddresses;
  private readonly settings: UpstreamServerSettings;
  private readonly now: () => number;
  private readonly observer: PoolObserver;
  private readonly idle: UpstreamConnection[] = [];
  private readonly probation: UpstreamConnection[] = [];
  /**
   * The read that completes a response may deliver further bytes. The connection becomes available only afterwards, so
   * that they are not taken for the next response.
   */
  private readonly resting: UpstreamConnection[] = [];
  /** A set keeps the order of arrival, with O(1) removal. */
  private readonly waiting = new Set<ConnectionWaiter>();
  private keepsAlive = false;
  private earlyCloses = 0;
  private session: Buffer | undefined;
  private stopped = false;
  /** A connection is being replaced: its place is not free for waiting exchanges. */
  private evicting = false;

  /** Throws when the TLS settings cannot be used. */
  constructor(settings: UpstreamServerSettings, now: () => number, observer: PoolObserver) {
    if (settings.tls !== null) serverTls(settings.tls);
    this.settings = settings;
    this.now = now;
    this.observer = observer;
    this.sources = new SourceAddresses(settings.sourceAddresses, now);
  }

  /** Number of waiting requests. */
  get queued(): number {
    return this.waiting.size;
  }

  /** An idle or new connection; null when `maxConnections` are open. */
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

  /** A new connection, with `proxyHeader` sent first. Null when `maxConnections` are open. */
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

  /** Returns a connection whose last exchange ended cleanly. */
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

  /** Adds a waiter to the queue. */
  enqueue(waiter: ConnectionWaiter): void {
    this.waiting.add(waiter);
  }

  /** Removes a waiter from the queue. */
  dequeue(waiter: ConnectionWaiter): void {
    this.waiting.delete(waiter);
  }

  /** Called a few times a second: ends probation, and closes connections that were idle too long. */
  sweep(now: number): void {
    const { probation } = this;
    while (probation[0]?.closed === true) probation.shift();
    const [first] = probation;
    if (first !== undefined && now - first.idleSince >= PROBATION_MS) {
      this.keepsAlive = true;
      this.earlyCloses = 0;
      this.idle.push(...probation.filter((connection) => !connection.closed));
      probation.length = 0;
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

  /** The current reads have ended. */
  private readonly onRested = (): void => {
    for (const connection of this.resting.splice(0)) if (!connection.closed) this.keep(connection);
  };

  private keep(connection: UpstreamConnection): void {
    const list = this.keepsAlive ? this.idle : this.probation;
    if (this.stopped || list.length >= this.settings.maxIdleConnections) connection.destroy();
    else list.push(connection);
    this.serveWaiting();
  }

  /** Keeps the newest session ticket: resumption saves a signature (RFC 8446 2.2). */
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

  /** Waiting exchanges come first. */
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
