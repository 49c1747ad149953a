// Owns the idle connections to one mail server: take and return in O(1), and learning whether it keeps them open.
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamOwner } from './upstream-connection.ts';
import type { UpstreamSettings } from '../settings.ts';

/** A connection that survives this long idle proves that the server keeps connections. */
const PROBATION_MS = 250;
/** So many connections closed right after a response disprove it again. */
const EARLY_CLOSES = 3;

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
  /** Bytes or an early end on an idle connection. */
  unexpectedCloses = 0;
  private readonly settings: UpstreamSettings;
  private readonly now: () => number;
  private readonly idle: UpstreamConnection[] = [];
  private readonly probation: UpstreamConnection[] = [];
  private keepsAlive = false;
  private earlyCloses = 0;

  constructor(settings: UpstreamSettings, now: () => number) {
    this.settings = settings;
    this.now = now;
  }

  /** An idle connection, or a new one that is still connecting; null when `maxConnections` are open. */
  take(): UpstreamConnection | null {
    for (;;) {
      const connection = this.idle.pop();
      if (connection === undefined) return this.connect();
      if (!connection.closed) return connection;
    }
  }

  /** A connection that was never used before. */
  connect(): UpstreamConnection | null {
    if (this.open >= this.settings.maxConnections && !this.evictIdle()) return null;
    this.open++;
    return new UpstreamConnection(this.settings.host, this.settings.port, this);
  }

  /** Takes back a connection whose last exchange ended cleanly. */
  release(connection: UpstreamConnection): void {
    connection.user = null;
    connection.served++;
    if (connection.closed) return;
    connection.resume();
    connection.idleSince = this.now();
    if (!this.keepsAlive) {
      if (this.probation.length >= this.settings.maxIdleConnections) connection.destroy();
      else this.probation.push(connection);
    } else if (this.idle.length >= this.settings.maxIdleConnections) {
      connection.destroy();
    } else {
      this.idle.push(connection);
    }
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
    for (const connection of [...this.idle, ...this.probation]) connection.destroy();
    this.idle.length = 0;
    this.probation.length = 0;
  }

  onIdleClosed(connection: UpstreamConnection): void {
    this.unexpectedCloses++;
    if (this.now() - connection.idleSince < PROBATION_MS && ++this.earlyCloses >= EARLY_CLOSES)
      this.keepsAlive = false;
  }

  onGone(): void {
    this.open--;
  }

  private isExpired(connection: UpstreamConnection, now: number): boolean {
    return connection.closed || now - connection.idleSince >= this.settings.idleConnectionMs;
  }

  private evictIdle(): boolean {
    const connection = this.probation.shift() ?? this.idle.shift();
    if (connection === undefined) return false;
    connection.destroy();
    return this.open < this.settings.maxConnections;
  }
}
