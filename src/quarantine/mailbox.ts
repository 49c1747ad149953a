// Owns the dispatch of commands to the quarantine mailbox: one message, no access to the real mailbox. Pure.
import { folderChange, folderSync } from './folders.ts';
import {
  find,
  getItemEstimate,
  itemOperations,
  legacy,
  meetingResponse,
  moveItems,
  resolveRecipients,
  search,
  sendMail,
  validateCert,
} from './items.ts';
import type { MailboxAnswer, MailboxRequest } from './mailbox-types.ts';
import { ping } from './ping.ts';
import { provision, settings } from './provision.ts';
import { sync } from './sync.ts';

/** Answers one request of a quarantined phone. Never throws on a decoded tree. */
export function answerMailbox(request: MailboxRequest): MailboxAnswer {
  switch (request.command) {
    case 'FolderSync':
      return folderSync(request);
    case 'FolderCreate':
    case 'FolderDelete':
    case 'FolderUpdate':
      return folderChange(request);
    case 'Sync':
      return sync(request);
    case 'Ping':
      return ping(request);
    case 'GetItemEstimate':
      return getItemEstimate(request);
    case 'ItemOperations':
      return itemOperations(request);
    case 'MoveItems':
      return moveItems(request);
    case 'Search':
      return search(request);
    case 'Find':
      return find(request);
    case 'MeetingResponse':
      return meetingResponse(request);
    case 'ResolveRecipients':
      return resolveRecipients(request);
    case 'ValidateCert':
      return validateCert(request);
    case 'Provision':
      return provision(request);
    case 'Settings':
      return settings(request);
    case 'SendMail':
    case 'SmartForward':
    case 'SmartReply':
      return sendMail(request);
    default:
      return legacy(request);
  }
}
