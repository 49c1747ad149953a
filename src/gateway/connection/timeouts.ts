// Owns what it means that an exchange took too long: who is at fault, by the phase it is in.
import type { Decision } from '../access/decision.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { PhoneSide } from './downstream.ts';

/** What is asked of the client connection whose deadline passed. */
export interface TimedPhone extends PhoneSide {
  readonly decision: Decision;
  readonly forwarder: Forwarder;
  /** The gateway stops, and chose when this poll ends. */
  readonly draining: boolean;
}

/** The deadline of the exchange under way passed. */
export function timeOut(phone: TimedPhone, exchange: Exchange): void {
  switch (exchange.phase) {
    case 'gate':
      phone.refuse('EASGATE_BODY_TIMEOUT');
      break;
    case 'verdict':
      // The verdict cache has its own, shorter deadline; this is the backstop.
      phone.refuse('EASGATE_STORE_UNAVAILABLE');
      break;
    case 'queued':
      phone.fail(exchange, 'EASGATE_UPSTREAM_BUSY');
      break;
    case 'held':
      if (phone.draining) phone.decision.endHeldPoll(exchange);
      else phone.decision.expire(exchange);
      break;
    case 'forwarded':
      if (isPollOver(phone, exchange)) {
        phone.decision.endHeldPoll(exchange);
      } else if (!(exchange.upstream?.connected ?? true)) {
        phone.forwarder.connectTimedOut(exchange);
      } else if (!exchange.requestComplete) {
        // A server that takes nothing is not the phone's fault.
        if (phone.socket.isPaused()) phone.fail(exchange, 'EASGATE_UPSTREAM_STALLED');
        else phone.refuse('EASGATE_BODY_TIMEOUT');
      } else {
        phone.forwarder.responseTimedOut(exchange);
      }
      break;
    default:
      exchange.error =
        exchange.upstream?.paused === true ? 'EASGATE_CLIENT_STALLED' : 'EASGATE_UPSTREAM_STALLED';
      phone.cut();
  }
}

/** A drain, or the end of the decision that allowed it, ends the poll before its server does. */
function isPollOver(phone: TimedPhone, exchange: Exchange): boolean {
  if (!exchange.held || exchange.responseDeadline > phone.core.deadlines.now) return false;
  return phone.draining || phone.decision.isExpired(exchange);
}
