// Owns what the head of a response leads to: whether the phone gets it, without which lines, and which connections stay.
import { withoutConnectionOffers } from '../../http/challenges.ts';
import { statusReply } from '../../http/reply.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import { refusal } from '../access/local-replies.ts';
import { showsAcceptance } from '../credentials/credential-proof.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { PhoneSide } from '../connection/downstream.ts';
import type { PinnedConnection } from './pinned-connection.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/**
 * The final head is known: makes of it what the phone may have. Returns whether the client connection stays open; null
 * when the phone got an answer of the gateway in place of the response. `pinned` is the connection of this client alone.
 */
export function acceptHead(
  phone: PhoneSide,
  exchange: Exchange,
  head: ResponseHead,
  pinned: PinnedConnection | null,
): boolean | null {
  const { core } = phone;
  const server = exchange.server as UpstreamServer;
  server.succeeded();
  if (exchange.challengeOnly && head.status !== 401 && head.status !== 403) {
    if (exchange.leg === 'closing') {
      answerDeniedLeg(phone, exchange, head.status);
      return null;
    }
    // No credentials, no answer but a challenge: what else the server says was not asked for by anyone it knows.
    phone.reply(exchange, statusReply(401, exchange.persistent, core.challengeLines), 401);
    return null;
  }
  exchange.upstreamKeepAlive = head.keepAlive && head.framing !== 'close';
  if (!exchange.requestComplete || head.framing === 'close' || core.draining) exchange.persistent = false;
  pinned?.noteAnswer(exchange, head.status);
  if (head.status === 401 && core.settings.upstream.connectionAuth === 'strip')
    head.headerLines = withoutConnectionOffers(head.headerLines);
  // MS-ASHTTP redirects by 451 alone; a Location would lead the phone, with its password, round this gateway.
  const away = head.status === 451 ? !leadBack(head, core.settings.publicUrl) : isRedirect(head.status);
  if (away) {
    server.failed('EASGATE_UPSTREAM_REDIRECT');
    phone.fail(exchange, 'EASGATE_UPSTREAM_REDIRECT');
    return null;
  }
  phone.noteAnswer(exchange, head);
  return exchange.persistent;
}

/** The closing leg of a request that may not pass was judged: the phone learns that it may not, if the leg holds. */
function answerDeniedLeg(phone: PhoneSide, exchange: Exchange, status: number): void {
  const { settings } = phone.core;
  // What was authenticated upstream goes with the answer, and the phone must not think otherwise.
  exchange.persistent = false;
  if (!showsAcceptance(status)) {
    phone.fail(exchange, 'EASGATE_CREDENTIALS_UNKNOWN');
    return;
  }
  phone.noteSeen(exchange, status);
  if (exchange.verdict?.action === 'allow') {
    exchange.error = 'EASGATE_DECISION_CHANGED';
    phone.reply(exchange, statusReply(503, false, 'Retry-After: 1\r\n'), 503);
    return;
  }
  const told = refusal(exchange, settings.retryAfterSeconds, 'deviceBlocked');
  phone.reply(exchange, told.data, told.status);
}

/** 304 answers a condition, and tells no other address. */
function isRedirect(status: number): boolean {
  return status >= 300 && status <= 399 && status !== 304;
}

/**
 * Sends a phone that the server wants elsewhere (451, MS-ASHTTP 2.2.2.1.1.2.4.1) back to this gateway; false when no
 * public URL is configured: then the answer must not reach the phone, which would go round the gate. The server's own
 * X-MS-Location is dropped with the other headers that name an address (http/response-head.ts).
 */
function leadBack(head: ResponseHead, publicUrl: string | null): boolean {
  if (publicUrl === null) return false;
  head.headerLines += `X-MS-Location: ${publicUrl}\r\n`;
  return true;
}
