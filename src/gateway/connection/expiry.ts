// Owns what a deadline that passed leads to: who is at fault, by the phase of the exchange, and what is done.
import type { HttpErrorCode } from '../../errors.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../exchange/steps.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { Downstream } from './downstream.ts';
import type { Driver } from './driver.ts';
import type { Timeouts } from './timeouts.ts';

/** What a deadline that passed leads to. */
export type Expiry =
  /** The client is at fault. */
  | { readonly kind: 'refuse'; readonly code: HttpErrorCode }
  /** The mail server or the gateway is. */
  | { readonly kind: 'fail'; readonly code: HttpErrorCode }
  /** A response under way ends visibly. */
  | { readonly kind: 'cut'; readonly code: HttpErrorCode }
  /** A held poll ends as if its heartbeat had passed. */
  | { readonly kind: 'endPoll' }
  /** The heartbeat of a poll held here passed, or what it is held for holds no longer. */
  | { readonly kind: 'heldPoll' }
  | { readonly kind: 'connect' }
  | { readonly kind: 'response' };

/** What {@link expiryOf} depends on beside the exchange. */
export interface ExpiryInputs {
  /** The connection drains, and chose when its poll ends. */
  readonly draining: boolean;
  /** The phone is not read, as the mail server takes nothing. */
  readonly bodyPaused: boolean;
  readonly timeouts: Pick<Timeouts, 'isOver' | 'isLapsed'>;
}

const END_POLL: Expiry = { kind: 'endPoll' };

/** The deadline of an exchange passed. Pure. */
export function expiryOf(exchange: Exchange, { draining, bodyPaused, timeouts }: ExpiryInputs): Expiry {
  switch (exchange.phase) {
    case 'reading':
      return { kind: 'refuse', code: 'EASGATE_BODY_TIMEOUT' };
    case 'asking':
      // The verdict cache and the questions have their own, shorter deadlines; this is the backstop.
      return { kind: 'refuse', code: 'EASGATE_STORE_UNAVAILABLE' };
    case 'queued':
      return { kind: 'fail', code: 'EASGATE_UPSTREAM_BUSY' };
    case 'held':
      return draining ? END_POLL : { kind: 'heldPoll' };
    case 'forwarded':
      // A drain, or the end of the decision that allowed it, ends a poll before its server does.
      if (exchange.held && timeouts.isOver(exchange) && (draining || timeouts.isLapsed(exchange)))
        return END_POLL;
      if (!(exchange.upstream?.connected ?? true)) return { kind: 'connect' };
      if (exchange.requestComplete) return { kind: 'response' };
      // A server that takes nothing is not the phone's fault.
      return bodyPaused
        ? { kind: 'fail', code: 'EASGATE_UPSTREAM_STALLED' }
        : { kind: 'refuse', code: 'EASGATE_BODY_TIMEOUT' };
    default: {
      const stalled = exchange.upstream?.paused === true;
      return { kind: 'cut', code: stalled ? 'EASGATE_CLIENT_STALLED' : 'EASGATE_UPSTREAM_STALLED' };
    }
  }
}

const POLL_OVER: Reply = Object.freeze({ kind: 'pollOver' });

/** The deadline of the exchange under way passed. */
export function expire(
  downstream: Downstream,
  exchange: Exchange,
  { driver, forwarder, draining }: { driver: Driver; forwarder: Forwarder; draining: boolean },
): void {
  const { socket, timeouts } = downstream;
  const expiry = expiryOf(exchange, { draining, bodyPaused: socket.isPaused(), timeouts });
  switch (expiry.kind) {
    case 'refuse':
      downstream.refuse(expiry.code);
      break;
    case 'fail':
      downstream.fail(exchange, expiry.code);
      break;
    case 'cut':
      exchange.error = expiry.code;
      downstream.cut();
      break;
    case 'endPoll':
      downstream.reply(exchange, POLL_OVER);
      break;
    case 'heldPoll':
      driver.expireHeld(exchange);
      break;
    case 'connect':
      forwarder.connectTimedOut(exchange);
      break;
    case 'response':
      forwarder.responseTimedOut(exchange);
  }
}
