// Owns the consequences of a response head: whether and how the phone gets it, and which connections stay open.
import { withoutConnectionOffers } from '../../http/challenges.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import { showsAcceptance } from '../credentials/credential-proof.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from '../connection/downstream.ts';
import type { PinnedConnection } from './pinned-connection.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/**
 * Applies the rules to the final head. Returns whether the client connection stays open; null when the phone got a
 * reply of the gateway instead. `pinned` is the pinned connection, if any.
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
    // Unauthenticated: relay only 401 and 403.
    downstream.reply(exchange, { kind: 'challenge', answer: core.ownChallenge });
    return null;
  }
  exchange.upstreamKeepAlive = head.keepAlive && head.framing !== 'close';
  if (!exchange.requestComplete || head.framing === 'close' || core.draining) exchange.persistent = false;
  pinned?.noteAnswer(exchange, head.status);
  if (head.status === 401 && core.settings.upstream.connectionAuth === 'strip')
    head.headerLines = withoutConnectionOffers(head.headerLines);
  // MS-ASHTTP redirects by 451 only; another Location would lead the phone, with its password, round this gateway.
  const away = head.status === 451 ? !leadBack(head, core.settings.publicUrl) : isRedirect(head.status);
  if (away) {
    server.failed('EASGATE_UPSTREAM_REDIRECT');
    downstream.fail(exchange, 'EASGATE_UPSTREAM_REDIRECT');
    return null;
  }
  downstream.noteAnswer(exchange, head);
  return exchange.persistent;
}

/** The closing leg of a denied request was verified: if it was accepted, the phone gets the refusal. */
function answerDeniedLeg(downstream: Downstream, exchange: Exchange, status: number): void {
  // The authenticated upstream connection ends with the answer, so the phone's connection is closed too.
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

/** 304 is not a redirect. */
function isRedirect(status: number): boolean {
  return status >= 300 && status <= 399 && status !== 304;
}

/**
 * Redirects a phone back to this gateway when the server sends it elsewhere (451, MS-ASHTTP 2.2.2.1.1.2.4.1). False
 * when no public URL is configured: then the response must not reach the phone, which would bypass the gateway. The
 * server's X-MS-Location is dropped with other addresses (http/response-head.ts).
 */
function leadBack(head: ResponseHead, publicUrl: string | null): boolean {
  if (publicUrl === null) return false;
  head.headerLines += `X-MS-Location: ${publicUrl}\r\n`;
  return true;
}
