// Owns the access log: one line per finished request, written in the background after the response.
import type { Logger } from 'pino';
import { monotonicNow } from '../clock.ts';
import { plain } from '../plain-text.ts';
import type { FinishedPassage, FinishedRequest } from './finished-request.ts';

/** Longest queue while the event loop is busy; further entries are dropped and counted. */
const MAX_QUEUED = 10_000;
/** Most characters logged of a User-Agent, a device name or a path: each may be as long as a request head. */
const MAX_TEXT = 256;
const MAX_PATH = 1_024;

/** Writes finished requests to pino, off the hot path. */
export class AccessLog {
  /** Requests whose line was dropped because the queue was full. */
  dropped = 0;
  private readonly log: Logger;
  private readonly identities: boolean;
  private queue: { exchange: FinishedRequest; address: string; at: number }[] = [];
  private scheduled = false;

  constructor(log: Logger, identities: boolean) {
    this.log = log;
    this.identities = identities;
  }

  /** `at`: when the request ended, monotonic milliseconds. */
  record(exchange: FinishedRequest, address: string, at: number): void {
    if (this.queue.length >= MAX_QUEUED) {
      this.dropped++;
      return;
    }
    this.queue.push({ exchange, address, at });
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Logs a finished request of the pass-through lane at once: they are few. */
  recordPassage(line: FinishedPassage): void {
    this.log.info({
      client: this.identities ? line.address : undefined,
      method: line.method,
      path: line.path.slice(0, MAX_PATH),
      status: line.status,
      error: line.error ?? undefined,
      upstream: line.upstream ?? undefined,
      bytes_out: line.bytesOut,
      duration_ms: Math.round(monotonicNow() - line.startedAt),
    });
  }

  /** Writes the queue. */
  flush(): void {
    this.scheduled = false;
    const lines = this.queue;
    this.queue = [];
    for (const { exchange, address, at } of lines) {
      this.log.info({
        client: this.identities ? address : undefined,
        user: this.identities ? exchange.user : undefined,
        device: this.identities ? exchange.device : undefined,
        method: exchange.method,
        command: exchange.command,
        autodiscover: exchange.autodiscover?.form,
        protocol_version: exchange.protocolVersion,
        device_type: exchange.deviceType === null ? null : shown(exchange.deviceType),
        user_agent: exchange.userAgent === null ? null : shown(exchange.userAgent),
        status: exchange.status,
        action: exchange.verdict?.action,
        reason: exchange.verdict?.reason,
        rule: exchange.verdict?.rule,
        error: exchange.error ?? undefined,
        held: exchange.held ? true : undefined,
        upstream: exchange.attempts > 0 ? exchange.server?.settings.name : undefined,
        upstream_reused: exchange.upstreamReused,
        bytes_in: exchange.bytesIn,
        bytes_out: exchange.bytesOut,
        duration_ms: Math.round(at - exchange.startedAt),
      });
    }
  }
}

/** Cuts a text and removes control characters: JSON does not escape those above ASCII (RFC 8259 7), and a terminal obeys them. */
function shown(text: string): string {
  const cut = text.slice(0, MAX_TEXT);
  return /[^ -~]/.test(cut) ? plain(text, MAX_TEXT) : cut;
}
