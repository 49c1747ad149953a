// Owns how long the mail server may take to begin its response: as configured, or as long as the poll asks to be held.
import { heartbeatOf } from '../../eas/body-gate.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { PhoneSide } from '../connection/downstream.ts';
import type { RequestBody } from '../connection/request-body.ts';
import { MAX_HEARTBEAT_SECONDS } from '../settings.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Whether the body that was read whole asks for a held poll; sets the heartbeat. */
export function measureHeartbeat(exchange: Exchange, { complete, kept }: RequestBody): boolean {
  if (!complete) return false;
  exchange.heartbeat = heartbeatOf(exchange.content, exchange.command, kept);
  exchange.held = exchange.heartbeat !== 0;
  return exchange.held;
}

/** Sets how long the response head may take: the request is at its end, and its server chosen. */
export function expectResponse(phone: PhoneSide, exchange: Exchange): void {
  const { core } = phone;
  let wait = (exchange.server as UpstreamServer).settings.responseTimeoutMs;
  const { heartbeat } = exchange;
  if (exchange.held) {
    const seconds = heartbeat > 0 ? Math.min(heartbeat, MAX_HEARTBEAT_SECONDS) : MAX_HEARTBEAT_SECONDS;
    wait = seconds * 1000 + core.settings.client.heldPollMarginMs;
    // A decision that ends meanwhile ends the poll: nothing in the change log tells of it.
    if (exchange.verdict !== null) {
      exchange.lapsesAt = core.deadlines.lapseOf(exchange.verdict);
      wait = Math.min(wait, exchange.lapsesAt - core.deadlines.now);
    }
  }
  const until = core.deadlines.now + wait;
  // A drain has chosen the end already of a poll that waited for a connection, or is sent once more.
  exchange.responseDeadline =
    exchange.held && core.draining ? Math.min(exchange.responseDeadline, until) : until;
  phone.deadline = exchange.responseDeadline;
}
