// Owns the bytes of the gateway's own replies: refusals, the quarantine mailbox, the end of held polls. No sockets.
import type { EasCommand } from '../../eas/commands.ts';
import { clientFamily, refusalAnswer } from '../../eas/refusals.ts';
import type { EasAnswer, Refusal } from '../../eas/refusals.ts';
import type { ProtocolVersion } from '../../eas/versions.ts';
import { PING_EXPIRED, PING_HIERARCHY_CHANGED, SYNC_HIERARCHY_CHANGED } from '../../eas/replies.ts';
import { encodeWbxml } from '../../eas/wbxml/encode.ts';
import type { FinalAnswer } from '../../quarantine/mailbox-types.ts';
import { answerReply, emptyReply, textReply, wbxmlReply } from '../../http/reply.ts';
import type { Verdict, VerdictAction } from '../../model/verdict.ts';
import type { VerdictReason } from '../../model/reason.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../exchange/steps.ts';

const EMPTY = Buffer.alloc(0);

/** A local response, ready for one write. */
export interface LocalReply {
  readonly status: number;
  readonly data: string;
}

// Prebuilt replies, for connections that stay open and for those that close after the reply. The answers are few, frozen
// objects (src/eas/refusals.ts), so neither map grows.
const persistentReplies = new Map<EasAnswer, LocalReply>();
const closingReplies = new Map<EasAnswer, LocalReply>();

/** The reply to a request that its verdict denies, or `as` another refusal. `retryAfterSeconds` is for a 503. */
export function refusal(
  exchange: Exchange,
  retryAfterSeconds: number,
  as: Refusal = refusalOf(exchange),
): LocalReply {
  const { command, protocolVersion, userAgent, deviceType, hasPolicyKey, persistent } = exchange;
  const answer = refusalAnswer(
    as,
    command ?? 'OPTIONS',
    protocolVersion,
    clientFamily(userAgent, deviceType),
    hasPolicyKey,
  );
  if (answer.status === 503) {
    return { status: 503, data: emptyReply(503, persistent, `Retry-After: ${retryAfterSeconds}\r\n`) };
  }
  const prebuilt = persistent ? persistentReplies : closingReplies;
  let reply = prebuilt.get(answer);
  if (reply === undefined) {
    reply = { status: answer.status, data: answerReply(answer, persistent) };
    prebuilt.set(answer, reply);
  }
  return reply;
}

/** The bytes of a reply of steps.ts; `retryAfterSeconds` is for a 503 without its own value. */
export function localReply(exchange: Exchange, reply: Reply, retryAfterSeconds: number): LocalReply {
  const { persistent } = exchange;
  switch (reply.kind) {
    case 'mailbox':
      return mailboxReply(reply.answer, persistent);
    case 'refusal':
      return refusal(exchange, retryAfterSeconds, reply.as ?? refusalOf(exchange));
    case 'challenge':
      return {
        status: reply.answer.status,
        data: answerReply(reply.answer, persistent, exchange.method !== 'HEAD'),
      };
    case 'text':
      return { status: reply.status, data: textReply(reply.status, reply.type, reply.text, persistent) };
    case 'pollOver':
      return wbxml(drainReply(exchange) ?? EMPTY, persistent);
    case 'startOver': {
      const body = exchange.held ? startOver(exchange.command) : null;
      return body === null ? comeAgain(persistent) : wbxml(body, persistent);
    }
    case 'comeAgain':
      return comeAgain(persistent);
    default:
      return reply satisfies never;
  }
}

function mailboxReply(answer: FinalAnswer, persistent: boolean): LocalReply {
  switch (answer.kind) {
    case 'body':
      return wbxml(encodeWbxml(answer.root), persistent);
    case 'ready':
      return wbxml(answer.bytes, persistent);
    case 'empty':
      return wbxml(EMPTY, persistent);
    default:
      return { status: answer.status, data: emptyReply(answer.status, persistent) };
  }
}

function wbxml(body: Buffer, persistent: boolean): LocalReply {
  return { status: 200, data: wbxmlReply(body, persistent) };
}

/** The credentials are unverified, so the reply must not depend on the verdict. */
function comeAgain(persistent: boolean): LocalReply {
  return { status: 503, data: emptyReply(503, persistent, 'Retry-After: 1\r\n') };
}

/** The refusal for a verdict, where neither the quarantine mailbox nor the wipe exchange answers. */
interface VerdictRefusal {
  readonly refusal: Refusal;
  /** For protocol versions other than `version`; null = no difference. */
  readonly otherwise: { readonly version: ProtocolVersion; readonly refusal: Refusal } | null;
  readonly why: string;
}

const row = (refusal: Refusal, why: string, otherwise: VerdictRefusal['otherwise'] = null): VerdictRefusal =>
  Object.freeze({ refusal, otherwise, why });

/** By action; an entry of {@link REFUSAL_BY_REASON} takes precedence. */
export const REFUSAL_BY_ACTION: Readonly<Record<Exclude<VerdictAction, 'allow'>, VerdictRefusal>> = {
  block: row(
    'deviceBlocked',
    'no access until an operator changes the decision; also for a request with the id of a device to be wiped, if the order does not cover its user or its spelling of the id',
  ),
  quarantine: row(
    'deviceBlocked',
    'only where there is no mailbox: quarantine.answer is block, or the connection itself was authenticated',
  ),
  wipe: row(
    'remoteWipe',
    'the answer makes the phone send Provision, whose answer carries the order (MS-ASPROV 3.2.5.1.2)',
  ),
  accountWipe: row(
    'remoteWipe',
    'before 16.1 a phone would erase everything (MS-ASPROV 2.2.2.2), so it is blocked instead',
    { version: '16.1', refusal: 'deviceBlocked' },
  ),
};

/**
 * By reason, for a block and where there is no mailbox. Null = as for the action. Every reason needs an entry, so that a new
 * one does not compile until its refusal is chosen.
 */
export const REFUSAL_BY_REASON: Readonly<Record<VerdictReason, VerdictRefusal | null>> = {
  compliant: null,
  notCompliant: null,
  notEncrypted: null,
  compromised: null,
  osTooOld: null,
  notCheckedIn: null,
  noManagedMailProfile: null,
  attributeNotMet: null,
  noCompliancePolicy: null,
  inGracePeriod: null,
  grandfathered: null,
  reportOnly: null,
  notTargeted: null,
  notEnrolled: null,
  unknownDevice: null,
  awaitingReport: row(
    'tryLater',
    'a feed may still report the device (`hold` of unknownDevice): the phone retries, and its user gets no message yet',
  ),
  tooManyDevices: row('tooManyDevices', 'the user has more devices than `limits` allows'),
  userDisabled: null,
  deviceRule: null,
  individualRule: null,
  wipeRequested: null,
  wiped: null,
  storeUnavailable: row(
    'tryLater',
    'no decision blocks the phone: the directory could not confirm an order to wipe it, or holds a record of it that is not understood',
  ),
};

function refusalOf({ verdict, protocolVersion }: Exchange): Refusal {
  return verdict === null ? 'deviceBlocked' : refusalFor(verdict, protocolVersion);
}

/** The refusal of a verdict, for a phone of this protocol version. */
export function refusalFor(
  { action, reason }: Pick<Verdict, 'action' | 'reason'>,
  protocolVersion: string | null,
): Refusal {
  if (action === 'allow') return 'deviceBlocked';
  const byReason = action === 'block' || action === 'quarantine' ? REFUSAL_BY_REASON[reason] : null;
  const { refusal, otherwise } = byReason ?? REFUSAL_BY_ACTION[action];
  return otherwise === null || protocolVersion === otherwise.version ? refusal : otherwise.refusal;
}

/**
 * The reply that sends a parked phone back within one round trip: Ping 7 and Sync 12 both mean "folder hierarchy
 * changed, start with FolderSync" (MS-ASCMD 2.2.3.177.11, 2.2.3.177.17). Null = not a held command.
 */
export function startOver(command: EasCommand | null): Buffer | null {
  if (command === 'Ping') return PING_HIERARCHY_CHANGED;
  if (command === 'Sync') return SYNC_HIERARCHY_CHANGED;
  return null;
}

/** The reply that ends a held poll without news: Ping 1, or an empty Sync (200 without body = no change). */
function drainReply(exchange: Exchange): Buffer | null {
  if (exchange.command === 'Ping') return PING_EXPIRED;
  if (exchange.command === 'Sync') return EMPTY;
  return null;
}
