// Owns which local reply an exchange gets: refusals, the end of held polls, and what may be repeated. No sockets.
import type { EasCommand } from '../eas/commands.ts';
import { clientFamily, refusalAnswer } from '../eas/answers.ts';
import type { EasAnswer, Refusal } from '../eas/answers.ts';
import { PING_EXPIRED, PING_HIERARCHY_CHANGED, SYNC_HIERARCHY_CHANGED } from '../eas/replies.ts';
import { answerReply, statusReply } from '../http/reply.ts';
import type { Exchange } from './exchange.ts';

const EMPTY = Buffer.alloc(0);

/** A local response, ready for one write. */
export interface LocalReply {
  readonly status: number;
  readonly data: string;
}

// As many entries as there are different answers (src/eas/answers.ts).
const kept = new Map<EasAnswer, LocalReply>();
const last = new Map<EasAnswer, LocalReply>();

/**
 * The whole reply to a request that its verdict does not let pass, or to one refused `as` something else.
 * `retryAfterSeconds` goes with a 503.
 */
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
    return { status: 503, data: statusReply(503, persistent, `Retry-After: ${retryAfterSeconds}\r\n`) };
  }
  const made = persistent ? kept : last;
  let reply = made.get(answer);
  if (reply === undefined) {
    reply = { status: answer.status, data: answerReply(answer, persistent) };
    made.set(answer, reply);
  }
  return reply;
}

/** Quarantine without a mailbox of the gateway's is told like block. */
function refusalOf(exchange: Exchange): Refusal {
  switch (exchange.verdict?.action) {
    case 'throttle':
      return 'tryLater';
    case 'wipe':
      return 'remoteWipe';
    case 'accountWipe':
      // An older phone would understand a wipe of all it holds (MS-ASPROV 2.2.2.2); it is kept out instead.
      return exchange.protocolVersion === '16.1' ? 'remoteWipe' : 'deviceBlocked';
    default:
      return 'deviceBlocked';
  }
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
export function drainReply(exchange: Exchange): Buffer | null {
  if (exchange.command === 'Ping') return PING_EXPIRED;
  if (exchange.command === 'Sync') return EMPTY;
  return null;
}

/** Commands whose repetition changes nothing at the server; never SendMail, SmartReply, MoveItems, MeetingResponse. */
const REPEATABLE: ReadonlySet<EasCommand> = new Set<EasCommand>([
  'FolderSync',
  'GetItemEstimate',
  'GetAttachment',
  'Ping',
  'ResolveRecipients',
  'Search',
  'ValidateCert',
]);

/** Whether the request may be sent a second time after a reused connection failed before any response byte. */
export function isRepeatable(exchange: Exchange): boolean {
  return exchange.command === null ? exchange.method === 'OPTIONS' : REPEATABLE.has(exchange.command);
}
