// Owns Autodiscover at the gateway. The address in answers is always this gateway's.
import { answerJson } from '../../eas/autodiscover/json.ts';
import {
  factsOfEmail,
  readRequest,
  readServerAnswer,
  writeError,
  writeRedirect,
  writeRequest,
  writeSettings,
} from '../../eas/autodiscover/pox.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { Claim } from '../credentials/credential-question.ts';
import type { CredentialCheck } from '../credentials/credential-check.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { forwardedFields } from '../upstream/client-origin.ts';
import type { ClientOrigin, ForwardingRules } from '../upstream/client-origin.ts';
import type { AutodiscoverSettings } from '../settings.ts';
import type { Balancer } from '../upstream/balancer.ts';
import { Subrequests } from '../upstream/subrequests.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** The answer to a request. */
export type AutodiscoverAnswer =
  | { readonly kind: 'reply'; readonly status: number; readonly type: string; readonly body: string }
  /** The mail server's challenge is needed. */
  | { readonly kind: 'challenge' }
  | { readonly kind: 'failure'; readonly code: HttpErrorCode };

const XML = 'text/xml; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const CHALLENGE: AutodiscoverAnswer = { kind: 'challenge' };
/** Largest answer of a mail server; Exchange's are below 4 KB. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Most concurrent requests to mail servers. */
const MAX_IN_FLIGHT = 64;

/** Answers itself, or from the mail server's answer about the user. */
export class Autodiscover {
  private readonly settings: AutodiscoverSettings;
  private readonly balancer: Balancer;
  private readonly credentials: CredentialCheck;
  private readonly forwarding: ForwardingRules;
  private readonly pools: Subrequests;
  private inFlight = 0;

  constructor(
    settings: AutodiscoverSettings,
    balancer: Balancer,
    credentials: CredentialCheck,
    forwarding: ForwardingRules,
    now: () => number,
  ) {
    this.settings = settings;
    this.balancer = balancer;
    this.credentials = credentials;
    this.forwarding = forwarding;
    this.pools = new Subrequests(now, MAX_IN_FLIGHT);
  }

  /** Ends overdue requests. */
  sweep(): void {
    this.pools.sweep();
  }

  async close(): Promise<void> {
    await this.pools.close();
  }

  /** The answer to a request with a complete body; `origin` is its client. Never rejects. */
  answer(
    exchange: Exchange,
    body: Uint8Array,
    origin: ClientOrigin,
  ): AutodiscoverAnswer | Promise<AutodiscoverAnswer> {
    const { autodiscover, user, authorization } = exchange;
    exchange.authorization = null;
    if (autodiscover?.form === 'json') {
      const { status, body } = answerJson(autodiscover, this.settings.publicUrl);
      return { kind: 'reply', status, type: JSON_TYPE, body };
    }
    if (user === null || authorization === null) return CHALLENGE;
    const email = readRequest(body);
    // An unauthenticated client gets no error details; an authenticated one does.
    return this.proven(exchange, email, { user, routeKey: user, authorization, origin, device: null });
  }

  private async proven(
    exchange: Exchange,
    email: string | 600 | 601,
    claim: Claim,
  ): Promise<AutodiscoverAnswer> {
    const proof = await this.credentials.check(claim, exchange);
    if (proof === 'refused') return CHALLENGE;
    if (proof === 'unknown') return { kind: 'failure', code: 'EASGATE_CREDENTIALS_UNKNOWN' };
    if (proof !== 'accepted') return { kind: 'failure', code: proof };
    if (typeof email === 'number') return reply(writeError(email));
    if (this.settings.mode === 'answer')
      return reply(writeSettings(factsOfEmail(email), this.settings.publicUrl));
    const server = this.balancer.pick(claim.routeKey, null);
    if (server === null) return { kind: 'failure', code: 'EASGATE_UPSTREAM_DOWN' };
    if (this.inFlight >= MAX_IN_FLIGHT) return { kind: 'failure', code: 'EASGATE_UPSTREAM_BUSY' };
    this.inFlight++;
    const answer = await this.ask(server, exchange, email, claim).catch((): AutodiscoverAnswer => ({
      kind: 'failure',
      code: 'EASGATE_UPSTREAM_CONNECT',
    }));
    this.inFlight--;
    return answer;
  }

  /** Sends a newly written request, and passes on the understood parts of the answer. */
  private async ask(
    server: UpstreamServer,
    exchange: Exchange,
    email: string,
    { authorization, origin }: Claim,
  ): Promise<AutodiscoverAnswer> {
    const { status, body } = await this.pools.ask(server, {
      method: 'POST',
      path: this.settings.path,
      headers: {
        host: server.settings.hostHeader ?? exchange.host,
        authorization,
        'content-type': XML,
        ...forwardedFields(origin, this.forwarding),
        ...(exchange.userAgent === null ? {} : { 'user-agent': exchange.userAgent }),
      },
      body: writeRequest(email),
      maxBytes: MAX_ANSWER_BYTES,
    });
    if (status === 401 || status === 403) return CHALLENGE;
    const said = status === 200 && body !== null ? readServerAnswer(body) : null;
    switch (said?.kind) {
      case 'settings':
        return reply(writeSettings(said.facts, this.settings.publicUrl));
      case 'redirect':
        return reply(writeRedirect(said.facts, said.email));
      case 'error':
        return reply(writeError(601));
      default:
        return { kind: 'failure', code: 'EASGATE_UPSTREAM_INVALID' };
    }
  }
}

function reply(body: string): AutodiscoverAnswer {
  return { kind: 'reply', status: 200, type: XML, body };
}
