// Owns which local reply an exchange gets: refusals, the end of held polls, and what may be repeated. No sockets.
import type { EasCommand } from '../eas/commands.ts';
import { PING_EXPIRED, PING_HIERARCHY_CHANGED, SYNC_HIERARCHY_CHANGED, statusReply } from '../eas/replies.ts';
import { carriesStatusInBody } from '../eas/versions.ts';
import { wbxmlReply } from '../http/reply.ts';
import type { Exchange } from './exchange.ts';

/** MS-ASCMD 2.2.2: DeviceIsBlockedForThisUser. */
const DEVICE_BLOCKED = 129;

const EMPTY = Buffer.alloc(0);

const refusals = new Map<EasCommand, string>();
const lastRefusals = new Map<EasCommand, string>();

/** The whole reply that tells a phone it is blocked or (for now alike) quarantined; null = HTTP 403. */
export function refusal(exchange: Exchange): string | null {
  const { command, persistent } = exchange;
  if (command === null || !carriesStatusInBody(exchange.protocolVersion)) return null;
  const made = persistent ? refusals : lastRefusals;
  let reply = made.get(command);
  if (reply === undefined) {
    const body = statusReply(command, DEVICE_BLOCKED);
    if (body === null) return null;
    reply = wbxmlReply(body, persistent);
    made.set(command, reply);
  }
  return reply;
}

/**
 * The reply that sends a parked phone back within one round trip: Ping 7 and Sync 12 both mean "folder hierarchy
 * changed, start with FolderSync" (MS-ASCMD 2.2.3.177.11, 2.2.3.177.17). Null = not a held command.
 */
export function releaseReply(exchange: Exchange): Buffer | null {
  if (exchange.command === 'Ping') return PING_HIERARCHY_CHANGED;
  if (exchange.command === 'Sync') return SYNC_HIERARCHY_CHANGED;
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
