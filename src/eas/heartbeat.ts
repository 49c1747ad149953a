// Owns the heartbeat of held polls: its bounds, and its reading from a request (MS-ASCMD 2.2.3.84, 2.2.3.198). Pure.
import type { BodyContent } from './body-gate.ts';
import type { EasCommand } from './commands.ts';
import {
  ATTRIBUTES,
  CONTENT,
  END,
  FIRST_TAG,
  HEADER,
  OPAQUE,
  STR_I,
  SWITCH_PAGE,
  TAG,
} from './wbxml/tokens.ts';

/** The shortest HeartbeatInterval, for polls that the gateway answers itself (MS-ASCMD 2.2.3.84.2). */
export const MIN_HEARTBEAT_SECONDS = 60;
/** The longest; a poll at the mail server is not given longer either, whatever it asks for. */
export const MAX_HEARTBEAT_SECONDS = 3540;
/** The same in the unit of Wait (MS-ASCMD 2.2.3.198). */
export const MAX_WAIT_MINUTES = MAX_HEARTBEAT_SECONDS / 60;

/** Bytes of a body that are searched for a heartbeat. */
const MAX_WALK = 64 * 1024;
const PAGE_AIRSYNC = 0;
const PAGE_PING = 13;
const PING_HEARTBEAT = 0x08;
const SYNC_WAIT = 0x24;
const SYNC_PARTIAL = 0x26;
const SYNC_HEARTBEAT = 0x29;

/**
 * The heartbeat of a request in seconds: 0 = not a held poll; -1 = unknown (cached parameters, compressed or odd body),
 * for which the caller assumes the longest (MS-ASCMD Ping HeartbeatInterval, Sync Wait).
 */
export function heartbeatOf(content: BodyContent, command: EasCommand | null, bytes: Buffer | null): number {
  if (command !== 'Ping' && command !== 'Sync') return 0;
  if (content !== 'wbxml' || bytes === null) return -1;
  const seconds = findHeartbeat(bytes, command);
  return seconds === 0 && command === 'Ping' ? -1 : seconds;
}

/**
 * Walks the tokens of a body to HeartbeatInterval or Wait directly below the root. A Sync with Partial and neither of them
 * is held as long as the one before it, which is unknown here (MS-ASCMD 2.2.3.131).
 */
function findHeartbeat(bytes: Buffer, command: 'Ping' | 'Sync'): number {
  const length = Math.min(bytes.length, MAX_WALK);
  let at = HEADER.length;
  let page = 0;
  let depth = 0;
  let withoutWait = 0;
  while (at < length) {
    const token = bytes[at++] as number;
    if (token === SWITCH_PAGE) {
      page = bytes[at++] ?? 0;
    } else if (token === END) {
      depth--;
      if (depth === 0) return withoutWait;
    } else if (token === STR_I) {
      at = bytes.indexOf(0, at) + 1;
      if (at === 0) return -1;
    } else if (token === OPAQUE) {
      let size = 0;
      let byte = 0x80;
      while ((byte & 0x80) !== 0) {
        if (at >= length || size > MAX_WALK) return -1;
        byte = bytes[at++] as number;
        size = size * 128 + (byte & 0x7f);
      }
      at += size;
    } else {
      if ((token & ATTRIBUTES) !== 0 || (token & TAG) < FIRST_TAG) return -1;
      const tag = token & TAG;
      if (depth === 1 && tag === SYNC_PARTIAL && page === PAGE_AIRSYNC) withoutWait = -1;
      if ((token & CONTENT) === 0) continue;
      depth++;
      if (depth !== 2) continue;
      if (command === 'Ping' && page === PAGE_PING && tag === PING_HEARTBEAT) return digits(bytes, at);
      if (command === 'Sync' && page === PAGE_AIRSYNC) {
        if (tag === SYNC_HEARTBEAT) return digits(bytes, at);
        if (tag === SYNC_WAIT) {
          const minutes = digits(bytes, at);
          return minutes > 0 ? minutes * 60 : minutes;
        }
      }
    }
  }
  return -1;
}

/** The number in an inline string; -1 = not a number. */
function digits(bytes: Buffer, at: number): number {
  if (bytes[at] !== STR_I) return -1;
  let value = 0;
  for (let index = at + 1; index < at + 7; index++) {
    const byte = bytes[index];
    if (byte === 0) return index === at + 1 ? -1 : value;
    if (byte === undefined || byte < 0x30 || byte > 0x39) return -1;
    value = value * 10 + byte - 0x30;
  }
  return -1;
}
