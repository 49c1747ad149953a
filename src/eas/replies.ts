// Owns the ready-made WBXML replies: refusals by command, and the ends of held polls (MS-ASCMD 2.2.2, 2.2.3.177). Pure.
import { commandByName } from './commands.ts';
import type { EasCommand } from './commands.ts';

const HEADER = [0x03, 0x01, 0x6a, 0x00];
const CONTENT = 0x40;
const END = 0x01;
const STR_I = 0x03;

/** Where the status of a command's global failure stands (eas-protocol facts, 4.2): tokens below the root. */
const STATUS_TOKENS: Readonly<Partial<Record<EasCommand, readonly number[]>>> = {
  Sync: [0x0e],
  SendMail: [0x12],
  SmartForward: [0x12],
  SmartReply: [0x12],
  FolderSync: [0x0c],
  FolderCreate: [0x0c],
  FolderDelete: [0x0c],
  FolderUpdate: [0x0c],
  MoveItems: [0x0b],
  GetItemEstimate: [0x0e],
  // MeetingResponse has a status only inside Result.
  MeetingResponse: [0x0a, 0x0b],
  Search: [0x0c],
  Settings: [0x06],
  Ping: [0x07],
  ItemOperations: [0x0d],
  Provision: [0x0b],
  ResolveRecipients: [0x07],
  ValidateCert: [0x0a],
  Find: [0x0a],
};

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

/** The reply that carries `status` for the whole command; null where there is no WBXML reply (GetAttachment). */
export function statusReply(command: EasCommand, status: number): Buffer | null {
  const path = STATUS_TOKENS[command];
  const info = commandByName(command);
  if (path === undefined || info === undefined || info.page === -1) return null;
  const key = `${command} ${status}`;
  let reply = cache.get(key);
  if (reply === undefined) {
    const page = info.page === 0 ? [] : [0x00, info.page];
    const open = [info.token, ...path].map((token) => token | CONTENT);
    const text = [...Buffer.from(String(status), 'latin1'), 0x00];
    reply = Buffer.from([...HEADER, ...page, ...open, STR_I, ...text, ...open.map(() => END)]);
    cache.set(key, reply);
  }
  return reply;
}

/** Never null: Ping and Sync have a status element. */
function ready(command: EasCommand, status: number): Buffer {
  return statusReply(command, status) ?? Buffer.alloc(0);
}

/** Ping 1: the heartbeat expired without news; ping again. */
export const PING_EXPIRED = ready('Ping', PING_STATUS.expired);
/** Ping 7: the folder hierarchy changed; FolderSync, then ping again. */
export const PING_HIERARCHY_CHANGED = ready('Ping', PING_STATUS.hierarchyChanged);
/** Sync 5: a server error; try again later. */
export const SYNC_SERVER_ERROR = ready('Sync', 5);
/**
 * Sync 12: the folder hierarchy changed; FolderSync, then sync again. Its scope is the whole command, so it stands below
 * Sync and not in a collection, in every version (MS-ASCMD 2.2.3.177.17). Z-Push and grommunio-sync answer the same; the
 * AOSP client reads a status in either place.
 */
export const SYNC_HIERARCHY_CHANGED = ready('Sync', 12);
