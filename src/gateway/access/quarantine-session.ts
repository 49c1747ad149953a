// Owns the quarantine mailbox on one client connection: its answers, and the poll it holds.
import { INBOX } from '../../quarantine/folders.ts';
import { KeyMint } from '../../quarantine/keys.ts';
import { answerMailbox } from '../../quarantine/mailbox.ts';
import type {
  FinalAnswer,
  MailboxAnswer,
  MailboxNotice,
  MailboxRequest,
} from '../../quarantine/mailbox-types.ts';
import { rewritePassable } from '../../quarantine/passable.ts';
import { pingWithNews } from '../../quarantine/ping.ts';
import { PROVISION_MALFORMED, deviceInformationOf } from '../../quarantine/provision.ts';
import { syncsInbox } from '../../quarantine/sync.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { encodeWbxml } from '../../eas/wbxml/encode.ts';
import { headerValue, withoutHeaders } from '../../http/header-lines.ts';
import type { Verdict } from '../../model/verdict.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../exchange/steps.ts';
import type { GatewayCore } from '../gateway-core.ts';
import type { RequestBody } from '../connection/request-body.ts';

/** The outcome of a quarantined phone's request. */
export type QuarantineOutcome =
  | Reply
  /** Hold the poll for {@link QuarantineSession.seconds}. */
  | 'hold'
  /** The body was replaced by the gateway's and goes to the mail server. */
  | 'rewritten';

/** The held poll, kept to answer it again when the message changes. */
interface HeldPoll {
  readonly request: MailboxRequest;
  readonly seconds: number;
  readonly expired: FinalAnswer;
  readonly acceptLanguage: string | null;
}

const REFUSED: Reply = Object.freeze({ kind: 'refusal', as: null });

/** Serves one quarantined phone at a time. */
export class QuarantineSession {
  private readonly core: GatewayCore;
  private held: HeldPoll | null = null;

  constructor(core: GatewayCore) {
    this.core = core;
  }

  /** Seconds to hold the last poll. */
  get seconds(): number {
    return this.held?.seconds ?? 0;
  }

  /** Answers a request with the body `root`; null = no relevant body. */
  serve(
    exchange: Exchange,
    verdict: Verdict,
    root: WbxmlElement | null,
    body: RequestBody,
  ): QuarantineOutcome {
    const { command, user, device } = exchange;
    const settings = this.core.quarantine;
    if (settings === null || command === null || user === null || device === null) return REFUSED;
    if (command === 'Provision' || command === 'Settings') {
      exchange.information = deviceInformationOf(root);
      this.core.noteInformation(exchange);
      if (settings.provisioning === 'server' && root !== null) {
        const anew = rewritePassable(command, root);
        if (anew !== null) {
          rewrite(exchange, body, anew);
          return 'rewritten';
        }
        // The phone enforces the mail server's policy, so the gateway must not issue its own.
        if (command === 'Provision') return mailbox(PROVISION_MALFORMED);
      }
    }
    const acceptLanguage = headerValue(exchange.upstreamHead ?? '', 'accept-language');
    const notice = this.notice(exchange, verdict, acceptLanguage);
    if (notice === null) return REFUSED;
    const version = exchange.protocolVersion ?? '2.5';
    const keys = new KeyMint(settings.keySecret, user, device);
    const request: MailboxRequest = { command, version, body: root, notice, keys };
    const answer = answerMailbox(request);
    if (command === 'Sync' && syncsInbox(root)) this.core.isNews(verdict, user, device);
    if (answer.kind !== 'hold') return mailbox(answer);
    if (command === 'Ping' && this.core.isNews(verdict, user, device)) return mailbox(pingWithNews(INBOX));
    this.held = { request, seconds: answer.seconds, expired: answer.expired, acceptLanguage };
    return 'hold';
  }

  /** The heartbeat of the held poll ended. */
  expire(): Reply {
    const { held } = this;
    this.held = null;
    return mailbox(held?.expired ?? { kind: 'empty' });
  }

  /** The held poll has a new quarantine verdict; null = keep holding, the message is the same. */
  renew(exchange: Exchange, verdict: Verdict): Reply | null {
    const { held } = this;
    if (held === null) return null;
    const notice = this.notice(exchange, verdict, held.acceptLanguage);
    if (notice === null) return REFUSED;
    if (notice.fingerprint === held.request.notice.fingerprint) return null;
    this.held = null;
    if (exchange.command === 'Ping') return mailbox(pingWithNews(INBOX));
    const answer: MailboxAnswer = answerMailbox({ ...held.request, notice });
    // Only a newly read request can be held.
    return mailbox(answer.kind === 'hold' ? answer.expired : answer);
  }

  private notice(
    { user, device, deviceType }: Exchange,
    verdict: Verdict,
    acceptLanguage: string | null,
  ): MailboxNotice | null {
    if (user === null || device === null) return null;
    return this.core.notice(verdict, { user, device, deviceType, acceptLanguage });
  }
}

function mailbox(answer: FinalAnswer): Reply {
  return { kind: 'mailbox', answer };
}

/** Replaces the phone's body by the gateway's, uncompressed and with its length. */
function rewrite(exchange: Exchange, body: RequestBody, anew: WbxmlElement): void {
  const bytes = encodeWbxml(anew);
  body.replace(bytes);
  exchange.content = 'wbxml';
  exchange.framing = 'length';
  exchange.contentLength = bytes.length;
  exchange.upstreamHead = withoutHeaders(exchange.upstreamHead ?? '', ['content-encoding']);
  exchange.rewritten = true;
}
