// Owns the mapping of an expired deadline to an error and an action, by the phase of the exchange.
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../exchange/steps.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { Downstream } from './downstream.ts';
import type { Driver } from './driver.ts';
import type { Timeouts } from './timeouts.ts';

/** The action. */
export type Expiry =
  /** Error of the client. */
  | { readonly kind: 'refuse'; readonly code: HttpErrorCode }
  /** Error of the mail server or the gateway. */
  | { readonly kind: 'fail'; readonly code: HttpErrorCode }
  /** Cut off a response in progress. */
  | { readonly kind: 'cut'; readonly code: HttpErrorCode }
  /** End a held poll as if its heartbeat had passed. */
  | { readonly kind: 'endPoll' }
  /** The heartbeat of a poll held here ended, or its verdict lapsed. */
  | { readonly kind: 'heldPoll' }
  /** The verdict of a poll at the mail server lapsed. */
  | { readonly kind: 'lapsedPoll' }
  | { readonly kind: 'connect' }
  | { readonly kind: 'response' };

/** Inputs of {@link expiryOf} besides the exchange. */
export interface ExpiryInputs {
  /** The connection drains, and has set the end of its poll. */
  readonly draining: boolean;
  /** Reading from the phone is paused because the mail server does not accept data. */
  readonly bodyPaused: boolean;
  readonly timeouts: Pick<Timeouts, 'isOver' | 'isLapsed'>;
}

const END_POLL: Expiry = { kind: 'endPoll' };

/** Maps the expired deadline of an exchange. Pure. */
export function expiryOf(exchange: Exchange, { draining, bodyPaused, timeouts }: ExpiryInputs): Expiry {
  switch (exchange.phase) {
    case 'reading':
      return { kind: 'refuse', code: 'EASGATE_BODY_TIMEOUT' };
    case 'asking':
      // Backstop: the verdict cache and the checks have shorter deadlines.
      return { kind: 'refuse', code: 'EASGATE_STORE_UNAVAILABLE' };
    case 'queued':
      return { kind: 'fail', code: 'EASGATE_UPSTREAM_BUSY' };
    case 'held':
      return draining ? END_POLL : { kind: 'heldPoll' };
    case 'forwarded':
      // A drain ends a poll before its server does.
      if (exchange.held && timeouts.isOver(exchange) && draining) return END_POLL;
      if (exchange.held && timeouts.isLapsed(exchange))
        return timeouts.isOver(exchange) || !isConnected(exchange) ? END_POLL : { kind: 'lapsedPoll' };
      if (!isConnected(exchange)) return { kind: 'connect' };
      if (exchange.requestComplete) return { kind: 'response' };
      // A server that accepts no data is not the phone's error.
      return bodyPaused
        ? { kind: 'fail', code: 'EASGATE_UPSTREAM_STALLED' }
        : { kind: 'refuse', code: 'EASGATE_BODY_TIMEOUT' };
    default: {
      const stalled = exchange.upstream?.paused === true;
      return { kind: 'cut', code: stalled ? 'EASGATE_CLIENT_STALLED' : 'EASGATE_UPSTREAM_STALLED' };
    }
  }
}

function isConnected({ upstream }: Exchange): boolean {
  return upstream?.connected ?? true;
}

const POLL_OVER: Reply = Object.freeze({ kind: 'pollOver' });

/** Applies the expired deadline to the current exchange. */
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
      driver.change.expireHeld(exchange);
      break;
    case 'lapsedPoll':
      driver.change.expireVerdict(exchange);
      break;
    case 'connect':
      forwarder.connectTimedOut(exchange);
      break;
    case 'response':
      forwarder.responseTimedOut(exchange);
  }
}
