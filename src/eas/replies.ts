// Owns the prebuilt WBXML replies: refusals by command, and the ends of held polls (MS-ASCMD 2.2.2, 2.2.3.177). Pure.
import { commandByName } from './commands.ts';
import type { EasCommand } from './commands.ts';
import type { WbxmlElement } from './wbxml/element.ts';
import { encodeWbxml } from './wbxml/encode.ts';

/** Statuses of Ping (MS-ASCMD 2.2.3.177.11). */
export const PING_STATUS = {
  expired: 1,
  changes: 2,
  missingParameters: 3,
  syntax: 4,
  interval: 5,
  hierarchyChanged: 7,
} as const;

const cache = new Map<string, Buffer>();

/**
 * The reply with `status` for the whole command: the first child of its root element (MS-ASCMD 2.2.3.177). Null for
 * commands without a WBXML reply (GetAttachment).
 */
export function easStatusReply(command: EasCommand, status: number): Buffer | null {
  const namespace = commandByName(command)?.namespace ?? null;
  if (namespace === null) return null;
  const key = `${command} ${status}`;
  let reply = cache.get(key);
  if (reply === undefined) {
    const told: WbxmlElement = { namespace, name: 'Status', children: [String(status)] };
    // MeetingResponse has a status only inside Result.
    const inner = command === 'MeetingResponse' ? { namespace, name: 'Result', children: [told] } : told;
    // Copied: the encoder returns a view of a larger buffer.
    reply = Buffer.from(encodeWbxml({ namespace, name: command, children: [inner] }));
    cache.set(key, reply);
  }
  return reply;
}

/** Never null: Ping and Sync have a status element. */
function ready(command: EasCommand, status: number): Buffer {
  return easStatusReply(command, status) ?? Buffer.alloc(0);
}

/** Ping 1: the heartbeat expired without changes; ping again. */
export const PING_EXPIRED = ready('Ping', PING_STATUS.expired);
/** Ping 7: the folder hierarchy changed; FolderSync, then ping again. */
export const PING_HIERARCHY_CHANGED = ready('Ping', PING_STATUS.hierarchyChanged);
/** Sync 5: a server error; try again later. */
export const SYNC_SERVER_ERROR = ready('Sync', 5);
/**
 * Sync 12: the folder hierarchy changed; FolderSync, then sync again. Its scope is the whole command, so it is a child of
 * Sync and not of a collection, in every version (MS-ASCMD 2.2.3.177.17). Z-Push and grommunio-sync answer the same; the
 * AOSP client reads a status in either place.
 */
export const SYNC_HIERARCHY_CHANGED = ready('Sync', 12);
