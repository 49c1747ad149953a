// Owns Ping of the quarantine mailbox (MS-ASCMD 2.2.1.13): the gateway holds it and ends it when the verdict changes.
// Pure.
import { MAX_HEARTBEAT_SECONDS, MIN_HEARTBEAT_SECONDS } from '../eas/heartbeat.ts';
import { PING_STATUS } from '../eas/replies.ts';
import { child, childrenNamed, element, textOf } from '../eas/wbxml/element.ts';
import { folderOf } from './folders.ts';
import { body, node } from './mailbox-types.ts';
import type { FinalAnswer, MailboxAnswer, MailboxRequest } from './mailbox-types.ts';

/** Holds a Ping over folders of this mailbox; other folders get "run FolderSync". */
export function ping({ body: request }: MailboxRequest): MailboxAnswer {
  const folders = childrenNamed(child(request ?? undefined, 'Folders'), 'Folder');
  const wish = textOf(child(request ?? undefined, 'HeartbeatInterval'));
  // The gateway keeps no Ping parameters, so the phone must send all of them (MS-ASCMD 2.2.3.177.11, status 3).
  if (folders.length === 0 || wish === undefined) return status(PING_STATUS.missingParameters);
  if (folders.some((folder) => folderOf(textOf(child(folder, 'Id')) ?? '') === undefined))
    return status(PING_STATUS.hierarchyChanged);
  const seconds = Number(wish);
  if (!Number.isInteger(seconds)) return status(PING_STATUS.syntax);
  if (seconds < MIN_HEARTBEAT_SECONDS || seconds > MAX_HEARTBEAT_SECONDS) {
    const nearest = node(
      'Ping',
      'HeartbeatInterval',
      seconds < MIN_HEARTBEAT_SECONDS ? MIN_HEARTBEAT_SECONDS : MAX_HEARTBEAT_SECONDS,
    );
    return body(element('Ping', 'Ping', node('Ping', 'Status', PING_STATUS.interval), nearest));
  }
  return { kind: 'hold', seconds, expired: status(PING_STATUS.expired) };
}

/** Ends a held Ping because the message changed. */
export function pingWithNews(folder: string): FinalAnswer {
  const folders = element('Ping', 'Folders', node('Ping', 'Folder', folder));
  return body(element('Ping', 'Ping', node('Ping', 'Status', PING_STATUS.changes), folders));
}

function status(value: number): FinalAnswer {
  return body(element('Ping', 'Ping', node('Ping', 'Status', value)));
}
