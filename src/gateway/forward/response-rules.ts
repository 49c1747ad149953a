// Owns what the head of a response leads to: whether the phone gets it, without which lines, and which connections stay.
import { withoutConnectionOffers } from '../../http/challenges.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import { showsAcceptance } from '../credentials/credential-proof.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from '../connection/downstream.ts';
import type { PinnedConnection } from './pinned-connection.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/**
 * The final head is known: makes of it what the phone may have. Returns whether the client connection stays open; null
 * when the phone got an answer of the gateway in place of the response. `pinned` is the connection of this client alone.
 */
export function acceptHead(
  downstream: Downstream,
  exchange: Exchange,
  head: ResponseHead,
  pinned: PinnedConnection | null,
): boolean | null {
  const { core } = downstream;
  const server = exchange.server as UpstreamServer;
  server.succeeded();
  if (exchange.challengeOnly && head.status !== 401 && head.status !== 403) {
    if (exchange.leg === 'closing') {
      answerDeniedLeg(downstream, exchange, head.status);
      return null;
    }
    // No credentials, no answer but a challenge: what else the server says was not asked for by anyone it knows.
    downstream.reply(exchange, { kind: 'challenge', answer: core.ownChallenge });
    return null;
  }
  exchange.upstreamKeepAlive = head.keepAlive && head.framing !== 'close';
  if (!exchange.requestComplete || head.framing === 'close' || core.draining) exchange.persistent = false;
  pinned?.noteAnswer(exchange, head.status);
  if (head.status === 401 && core.settings.upstream.connectionAuth === 'strip')
    head.headerLines = withoutConnectionOffers(head.headerLines);
  // MS-ASHTTP redirects by 451 alone; a Location would lead the downstream, with its password, round this gateway.
  const away = head.status === 451 ? !leadBack(head, core.settings.publicUrl) : isRedirect(head.status);
  if (away) {
    server.failed('EASGATE_UPSTREAM_REDIRECT');
    downstream.fail(exchange, 'EASGATE_UPSTREAM_REDIRECT');
    return null;
  }
  downstream.noteAnswer(exchange, head);
  return exchange.persistent;
}

/** The closing leg of a request that may not pass was judged: the phone learns that it may not, if the leg holds. */
function answerDeniedLeg(downstream: Downstream, exchange: Exchange, status: number): void {
  // What was authenticated upstream goes with the answer, and the phone must not think otherwise.
  exchange.persistent = false;
  if (!showsAcceptance(status)) {
    downstream.fail(exchange, 'EASGATE_CREDENTIALS_UNKNOWN');
    return;
  }
  downstream.noteSeen(exchange, status);
  if (exchange.verdict?.action === 'allow') {
    downstream.reply(exchange, { kind: 'comeAgain', why: 'EASGATE_DECISION_CHANGED' });
    return;
  }
  downstream.reply(exchange, { kind: 'refusal', as: 'deviceBlocked' });
}

/** 304 answers a condition, and tells no other address. */
function isRedirect(status: number): boolean {
  return status >= 300 && status <= 399 && status !== 304;
}

/**
 * Sends a phone that the server wants elsewhere (451, MS-ASHTTP 2.2.2.1.1.2.4.1) back to this gateway; false when no
 * public URL is configured: then the answer must not reach the downstream, which would go round the gate. The server's own
 * X-MS-Location is dropped with the other headers that name an address (http/response-head.ts).
 */
function leadBack(head: ResponseHead, publicUrl: string | null): boolean {
  if (publicUrl === null) return false;
  head.headerLines += `X-MS-Location: ${publicUrl}\r\n`;
  return true;
}
