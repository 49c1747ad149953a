// Owns the transition out of the quarantine mailbox. An allowed phone that still sends keys or ids issued by the gateway gets
// "start over", so that the two mailboxes never mix. Pure.
import { sendsMail } from '../eas/commands.ts';
import type { EasCommand } from '../eas/commands.ts';
import { PING_STATUS, SYNC_HIERARCHY_CHANGED, easStatusReply } from '../eas/replies.ts';
import { child, childrenNamed, element, isElement, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { isIssued } from './keys.ts';
import { body, isBefore, node } from './mailbox-types.ts';
import type { FinalAnswer } from './mailbox-types.ts';
import { plain as bounded } from '../plain-text.ts';

const FOLDER_SYNC_BAD_KEY = 9;
const SYNC_BAD_KEY = 3;
const SYNC_SERVER_ERROR = 5;
/** Status 13: send the whole request; the last one is not remembered (MS-ASCMD 2.2.3.177.17). */
const SYNC_SEND_ALL = 13;
/** Status 16: resend the request (MS-ASCMD 2.2.3.177.17). */
const SYNC_RETRY = 16;
const ESTIMATE_BAD_COLLECTION = 2;
const ESTIMATE_BAD_KEY = 4;
const FETCH_NOT_FOUND = 6;
const MOVE_BAD_SOURCE = 1;
const MEETING_BAD_REQUEST = 2;
const ITEM_NOT_FOUND = 150;

/** The answer to an allowed phone's request with an issued key or id; null = it has none. */
export function answerIssued(
  command: EasCommand,
  version: string,
  request: WbxmlElement,
): FinalAnswer | null {
  switch (command) {
    case 'FolderSync':
    case 'FolderCreate':
    case 'FolderDelete':
    case 'FolderUpdate':
      return carries(request, 'SyncKey', 'ServerId', 'ParentId') ? plain(command, FOLDER_SYNC_BAD_KEY) : null;
    case 'Ping':
      return childrenNamed(child(request, 'Folders'), 'Folder').some((folder) => carries(folder, 'Id'))
        ? plain('Ping', PING_STATUS.hierarchyChanged)
        : null;
    case 'Sync':
      return syncs(version, request);
    case 'GetItemEstimate':
      return estimates(request);
    case 'ItemOperations':
    case 'MoveItems':
    case 'MeetingResponse':
      return operations(command, request);
    case 'SmartForward':
    case 'SmartReply':
      return carries(child(request, 'Source'), 'FolderId', 'ItemId', 'LongId')
        ? withoutSource(command, version)
        : null;
    default:
      return null;
  }
}

/** Search: the folder hierarchy is out of date (MS-ASCMD 2.2.3.177.13). */
const SEARCH_FOLDER_SYNC = 11;
/** Find: the folder hierarchy is out of date (MS-ASCMD 2.2.3.177.2). */
const FIND_FOLDER_SYNC = 3;

/**
 * The answer to an allowed phone's request with an issued key or id that {@link answerIssued} cannot locate: at an
 * unusual place, or beyond the part of a large body that was read.
 */
export function answerIssuedAnywhere(command: EasCommand, version: string): FinalAnswer {
  switch (command) {
    case 'FolderSync':
    case 'FolderCreate':
    case 'FolderDelete':
    case 'FolderUpdate':
      return plain(command, FOLDER_SYNC_BAD_KEY);
    case 'Ping':
      return plain('Ping', PING_STATUS.hierarchyChanged);
    case 'Sync':
      return { kind: 'ready', bytes: SYNC_HIERARCHY_CHANGED };
    case 'SmartForward':
    case 'SmartReply':
      return withoutSource(command, version);
    case 'Search': {
      const store = element('Search', 'Store', node('Search', 'Status', SEARCH_FOLDER_SYNC));
      return body(
        element('Search', 'Search', node('Search', 'Status', 1), element('Search', 'Response', store)),
      );
    }
    case 'Find':
      return plain('Find', FIND_FOLDER_SYNC);
    default:
      return { kind: 'http', status: 400 };
  }
}

/** An id or key of the request, bounded as in the specification (MS-ASCMD 2.2.3.30.2, 2.2.3.181.4). */
function echo(parent: WbxmlElement, name: string): string {
  return bounded(textOf(child(parent, name)) ?? '', MAX_ID);
}

/**
 * The answer to an allowed phone's mail that refers to the gateway's message by query parameters (up to 12.1, MS-ASHTTP
 * 2.2.1.1.1.2.5); null = it does not.
 */
export function answerIssuedSource(
  command: EasCommand,
  version: string,
  parameters: Readonly<Record<string, string | number | boolean>>,
): FinalAnswer | null {
  const names = ['CollectionId', 'ItemId', 'LongId'];
  return sendsMail(command) && names.some((name) => isIssued(String(parameters[name] ?? '')))
    ? withoutSource(command, version)
    : null;
}

/**
 * The referenced message does not exist (MS-ASCMD 2.2.2; before 14.0 by HTTP status). AOSP then sends the mail without
 * the reference, so that it leaves the outbox.
 */
function withoutSource(command: EasCommand, version: string): FinalAnswer {
  return isBefore(version, 14) ? { kind: 'http', status: 500 } : plain(command, ITEM_NOT_FOUND);
}

/**
 * Whether a poll relies on folders that the mail server remembers: an empty or partial one (MS-ASCMD 2.2.1.13,
 * 2.2.1.21). Such a poll does not show which mailbox the phone holds. `request` null = no body.
 */
export function restsOnMemory(command: 'Ping' | 'Sync', request: WbxmlElement | null): boolean {
  if (command === 'Ping') return child(child(request ?? undefined, 'Folders'), 'Folder') === undefined;
  return (
    child(child(request ?? undefined, 'Collections'), 'Collection') === undefined ||
    child(request ?? undefined, 'Partial') !== undefined
  );
}

/** Makes the phone repeat such a poll with all its folders. */
export function sendAll(command: 'Ping' | 'Sync'): FinalAnswer {
  return plain(command, command === 'Ping' ? PING_STATUS.missingParameters : SYNC_SEND_ALL);
}

/** Searches these elements only; texts that a person wrote are never searched. */
function carries(parent: WbxmlElement | undefined, ...names: readonly string[]): boolean {
  return names.some((name) => isIssued(textOf(child(parent, name)) ?? ''));
}

function plain(command: EasCommand, status: number): FinalAnswer {
  return { kind: 'ready', bytes: easStatusReply(command, status) ?? Buffer.alloc(0) };
}

/**
 * Status 12 sends the phone to FolderSync, which starts over; an issued key alone restarts that folder. Every
 * collection is answered, because the phone would treat its changes in an unanswered one as stored.
 */
function syncs(version: string, request: WbxmlElement): FinalAnswer | null {
  const collections = childrenNamed(child(request, 'Collections'), 'Collection');
  if (collections.some((collection) => carries(collection, 'CollectionId'))) {
    return { kind: 'ready', bytes: SYNC_HIERARCHY_CHANGED };
  }
  if (!collections.some((collection) => carries(collection, 'SyncKey'))) return null;
  const others = isBefore(version, 12.1) ? SYNC_SERVER_ERROR : SYNC_RETRY;
  return body(collectionStatus(collections, (ours) => (ours ? SYNC_BAD_KEY : others)));
}

function collectionStatus(
  collections: readonly WbxmlElement[],
  statusOf: (ours: boolean) => number,
): WbxmlElement {
  const answers = collections.slice(0, MAX_ITEMS).map((collection) => {
    const status = statusOf(carries(collection, 'SyncKey'));
    const key = echo(collection, 'SyncKey');
    return element(
      'AirSync',
      'Collection',
      node('AirSync', 'SyncKey', status === SYNC_BAD_KEY || key === '' ? 0 : key),
      node('AirSync', 'CollectionId', echo(collection, 'CollectionId')),
      node('AirSync', 'Status', status),
    );
  });
  return element('AirSync', 'Sync', element('AirSync', 'Collections', ...answers));
}

const MAX_ITEMS = 100;
const MAX_ID = 64;

function estimates(request: WbxmlElement): FinalAnswer | null {
  const collections = childrenNamed(child(request, 'Collections'), 'Collection');
  const ours = collections.filter((collection) => carries(collection, 'CollectionId', 'SyncKey'));
  if (ours.length === 0) return null;
  const answers = ours.slice(0, MAX_ITEMS).map((collection) => {
    const folder = carries(collection, 'CollectionId');
    const id = node('GetItemEstimate', 'CollectionId', echo(collection, 'CollectionId'));
    return element(
      'GetItemEstimate',
      'Response',
      node('GetItemEstimate', 'Status', folder ? ESTIMATE_BAD_COLLECTION : ESTIMATE_BAD_KEY),
      element('GetItemEstimate', 'Collection', id),
    );
  });
  return body(element('GetItemEstimate', 'GetItemEstimate', ...answers));
}

/** Operations on the gateway's message, which no longer exists: each item fails separately. */
function operations(
  command: 'ItemOperations' | 'MoveItems' | 'MeetingResponse',
  request: WbxmlElement,
): FinalAnswer | null {
  const items = request.children
    .filter(isElement)
    .filter((item) =>
      carries(item, 'CollectionId', 'ServerId', 'SrcMsgId', 'SrcFldId', 'DstFldId', 'RequestId'),
    )
    .slice(0, MAX_ITEMS);
  if (items.length === 0) return null;
  if (command === 'MoveItems') {
    const named = items.filter((item) => echo(item, 'SrcMsgId') !== '');
    if (named.length === 0) return { kind: 'http', status: 400 };
    const failed = named.map((item) =>
      element(
        'Move',
        'Response',
        node('Move', 'SrcMsgId', echo(item, 'SrcMsgId')),
        node('Move', 'Status', MOVE_BAD_SOURCE),
      ),
    );
    return body(element('Move', 'MoveItems', ...failed));
  }
  if (command === 'MeetingResponse') {
    const failed = items.map((item) =>
      element(
        'MeetingResponse',
        'Result',
        node('MeetingResponse', 'RequestId', echo(item, 'RequestId')),
        node('MeetingResponse', 'Status', MEETING_BAD_REQUEST),
      ),
    );
    return body(element('MeetingResponse', 'MeetingResponse', ...failed));
  }
  const failed = items.map((item) =>
    element(
      'ItemOperations',
      'Fetch',
      node('ItemOperations', 'Status', FETCH_NOT_FOUND),
      node('AirSync', 'ServerId', echo(item, 'ServerId')),
    ),
  );
  const status = node('ItemOperations', 'Status', 1);
  return body(
    element('ItemOperations', 'ItemOperations', status, element('ItemOperations', 'Response', ...failed)),
  );
}
