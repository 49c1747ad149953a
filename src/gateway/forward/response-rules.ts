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
  // MS-ASHTTP redirects by 451 only; another Location would lead the phone, with its password, round this gateway.
  const away = head.status === 451 ? core.settings.publicUrl === null : isRedirect(head.status);
  // A server that redirects does not serve: successes would reset the count of such failures.
  if (away && !exchange.challengeOnly) server.failed('EASGATE_UPSTREAM_REDIRECT');
  else server.succeeded();
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
  pinned?.noteAnswer(exchange, head);
  if (head.status === 401 && core.settings.upstream.connectionAuth === 'strip')
    head.headerLines = withoutConnectionOffers(head.headerLines);
  if (away) {
    downstream.fail(exchange, 'EASGATE_UPSTREAM_REDIRECT');
    return null;
  }
  if (head.status === 451) leadBack(head, core.settings.publicUrl);
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
 * Redirects a phone back to this gateway when the server sends it elsewhere (451, MS-ASHTTP 2.2.2.1.1.2.4.1). Without a public
 * URL the response does not reach the phone, which would bypass the gateway. The server's X-MS-Location is dropped with
 * other addresses (http/response-head.ts).
 */
function leadBack(head: ResponseHead, publicUrl: string | null): void {
  head.headerLines += `X-MS-Location: ${publicUrl}\r\n`;
}
