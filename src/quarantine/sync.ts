// Owns Sync of the quarantine mailbox (MS-ASCMD 2.2.1.21). The message is delivered exactly once, and again only when
// its content changes, even after the phone deleted it. All state is in the sync key. Pure.
import { MAX_HEARTBEAT_SECONDS, MAX_WAIT_MINUTES, MIN_HEARTBEAT_SECONDS } from '../eas/heartbeat.ts';
import { SYNC_HIERARCHY_CHANGED } from '../eas/replies.ts';
import { child, childrenNamed, element, isElement, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { INBOX, folderOf } from './folders.ts';
import type { MailboxFolder } from './folders.ts';
import { FRESH, shortFingerprint } from './keys.ts';
import type { FolderState } from './keys.ts';
import { bodyWish, messageId, noticeId, properties } from './message.ts';
import { body, isBefore, node } from './mailbox-types.ts';
import type { MailboxAnswer, MailboxRequest } from './mailbox-types.ts';

const OK = 1;
const BAD_KEY = 3;
const PROTOCOL_ERROR = 4;
const CONVERSION_ERROR = 6;
const NOT_FOUND = 8;
const SEND_ALL = 13;
const BAD_WAIT = 14;
const TOO_MANY = 15;
/** Most collections that are answered (MS-ASCMD 2.2.3.177.17, status 15). */
const MAX_COLLECTIONS = 100;
/** Most commands that are answered in all collections together, so that the reply stays within the encoder's limits. */
const MAX_COMMANDS = 1024;
/** Most copies of the message per reply: a Fetch of a few octets must not grow a thousandfold. */
const MAX_FETCHED = 4;

/** Answers a Sync, or holds it when the phone asked for that and there is no change. */
export function sync(request: MailboxRequest): MailboxAnswer {
  // An empty Sync repeats the last one, which the gateway does not remember.
  if (request.body === null) return whole(SEND_ALL);
  const collections = childrenNamed(child(request.body, 'Collections'), 'Collection');
  // Partial adds to collections that the gateway does not remember (MS-ASCMD 2.2.3.131).
  if (collections.length === 0 || child(request.body, 'Partial') !== undefined) return whole(SEND_ALL);
  if (collections.length > MAX_COLLECTIONS) return whole(TOO_MANY, MAX_COLLECTIONS);
  // A folder that is named twice would deliver the message twice.
  const ids = new Set(collections.map((collection) => textOf(child(collection, 'CollectionId'))));
  if (ids.size < collections.length) return whole(PROTOCOL_ERROR);
  const wait = waitOf(request.body);
  if (typeof wait === 'object') return wait;
  const answers: WbxmlElement[] = [];
  const budget = { commands: MAX_COMMANDS, fetched: MAX_FETCHED };
  let news = false;
  for (const collection of collections) {
    const answer = syncCollection(request, collection, budget);
    if (answer === 'hierarchy changed') return { kind: 'ready', bytes: SYNC_HIERARCHY_CHANGED };
    answers.push(answer.root);
    news ||= answer.news;
  }
  if (news || isBefore(request.version, 12.1)) return body(reply(answers));
  return wait > 0 ? { kind: 'hold', seconds: wait, expired: { kind: 'empty' } } : { kind: 'empty' };
}

/** Whether a Sync includes the folder with the message. */
export function syncsInbox(request: WbxmlElement | null): boolean {
  return childrenNamed(child(request ?? undefined, 'Collections'), 'Collection').some(
    (collection) => textOf(child(collection, 'CollectionId')) === INBOX,
  );
}

/** Seconds to hold, 0 = answer at once; or the error answer to an invalid value. */
function waitOf(request: WbxmlElement): number | MailboxAnswer {
  const minutes = textOf(child(request, 'Wait'));
  const seconds = textOf(child(request, 'HeartbeatInterval'));
  if (minutes === undefined && seconds === undefined) return 0;
  if (minutes !== undefined && seconds !== undefined) return whole(PROTOCOL_ERROR);
  const value = Number(minutes ?? seconds);
  if (!Number.isInteger(value)) return whole(PROTOCOL_ERROR);
  if (minutes !== undefined) {
    if (value < 1) return whole(BAD_WAIT, 1);
    return value > MAX_WAIT_MINUTES ? whole(BAD_WAIT, MAX_WAIT_MINUTES) : value * 60;
  }
  if (value < MIN_HEARTBEAT_SECONDS) return whole(BAD_WAIT, MIN_HEARTBEAT_SECONDS);
  return value > MAX_HEARTBEAT_SECONDS ? whole(BAD_WAIT, MAX_HEARTBEAT_SECONDS) : value;
}

function whole(status: number, limit?: number): MailboxAnswer {
  const more = limit === undefined ? [] : [node('AirSync', 'Limit', limit)];
  return body(element('AirSync', 'Sync', node('AirSync', 'Status', status), ...more));
}

function reply(collections: readonly WbxmlElement[]): WbxmlElement {
  return element('AirSync', 'Sync', element('AirSync', 'Collections', ...collections));
}

/** Remaining limits for this request. */
interface Budget {
  commands: number;
  fetched: number;
}

interface CollectionAnswer {
  readonly root: WbxmlElement;
  /** Contains more than "no change". */
  readonly news: boolean;
}

function syncCollection(
  request: MailboxRequest,
  collection: WbxmlElement,
  budget: Budget,
): CollectionAnswer | 'hierarchy changed' {
  const folder = folderOf(textOf(child(collection, 'CollectionId')) ?? '');
  const key = textOf(child(collection, 'SyncKey')) ?? '';
  // A folder of the real mailbox: the phone must first run FolderSync.
  if (folder === undefined) return 'hierarchy changed';
  if (key === '0') return { root: collectionReply(request, folder, FRESH, OK), news: true };
  const state = request.keys.readFolderKey(folder.id, key);
  if (state === null) {
    const start = [node('AirSync', 'SyncKey', 0), node('AirSync', 'CollectionId', folder.id)];
    const root = element('AirSync', 'Collection', ...start, node('AirSync', 'Status', BAD_KEY));
    return { root, news: true };
  }
  return advance(request, collection, folder, state, budget);
}

/** Applies the changes of the phone, then adds the items that it lacks. */
function advance(
  request: MailboxRequest,
  collection: WbxmlElement,
  folder: MailboxFolder,
  before: FolderState,
  budget: Budget,
): CollectionAnswer {
  const { notice, version } = request;
  const commands = child(collection, 'Commands');
  const options = child(collection, 'Options');
  const state = { ...before };
  const responses: WbxmlElement[] = [];
  for (const command of commands?.children ?? []) {
    if (!isElement(command) || budget.commands-- <= 0) continue;
    const id = textOf(child(command, 'ServerId')) ?? '';
    if (command.name === 'Delete') {
      if (before.delivered !== null && id === messageId(before.delivered)) state.deleted = true;
    } else if (command.name === 'Fetch') {
      responses.push(fetched(request, folder, id, options, budget));
    } else if (command.name === 'Add') {
      responses.push(refusedAdd(command));
    } else if (command.name === 'Change' && (folder.id !== INBOX || id !== noticeId(notice))) {
      const facts = [node('AirSync', 'ServerId', id), node('AirSync', 'Status', NOT_FOUND)];
      responses.push(element('AirSync', 'Change', ...facts));
    }
  }
  const news: WbxmlElement[] = [];
  let more = false;
  const short = shortFingerprint(notice.fingerprint);
  if (folder.id === INBOX && state.delivered !== short && wantsChanges(collection)) {
    if (state.delivered !== null && !state.deleted) {
      const old = node('AirSync', 'ServerId', messageId(state.delivered));
      news.push(element('AirSync', 'Delete', old));
      state.delivered = null;
    }
    // A window of one has no room for two changes.
    more = news.length > 0 && textOf(child(collection, 'WindowSize')) === '1';
    if (!more) {
      const data = element('AirSync', 'ApplicationData', ...properties(notice, version, bodyWish(options)));
      news.push(element('AirSync', 'Add', node('AirSync', 'ServerId', noticeId(notice)), data));
      state.delivered = short;
      state.deleted = false;
    }
  }
  const parts = [
    ...(more ? [element('AirSync', 'MoreAvailable')] : []),
    ...(news.length > 0 ? [element('AirSync', 'Commands', ...news)] : []),
    ...(responses.length > 0 ? [element('AirSync', 'Responses', ...responses)] : []),
  ];
  return {
    root: collectionReply(request, folder, state, OK, parts),
    // A change by the phone needs a new key, even without other news.
    news: parts.length > 0 || commands !== undefined,
  };
}

/** When absent, the default is yes for a key other than 0 (MS-ASCMD 2.2.3.79). */
function wantsChanges(collection: WbxmlElement): boolean {
  const wish = child(collection, 'GetChanges');
  return wish === undefined || textOf(wish) !== '0';
}

function collectionReply(
  { keys, version }: MailboxRequest,
  folder: MailboxFolder,
  state: FolderState,
  status: number,
  parts: readonly WbxmlElement[] = [],
): WbxmlElement {
  const key = keys.folderKey(folder.id, { ...state, counter: state.counter + 1 });
  return element(
    'AirSync',
    'Collection',
    // Answers contain Class up to 12.1 only (MS-ASCMD 2.2.3.27.5).
    ...(isBefore(version, 14) ? [node('AirSync', 'Class', folder.itemClass)] : []),
    node('AirSync', 'SyncKey', key),
    node('AirSync', 'CollectionId', folder.id),
    node('AirSync', 'Status', status),
    ...parts,
  );
}

function fetched(
  { notice, version }: MailboxRequest,
  folder: MailboxFolder,
  id: string,
  options: WbxmlElement | undefined,
  budget: Budget,
): WbxmlElement {
  const there = folder.id === INBOX && id === noticeId(notice) && budget.fetched-- > 0;
  const head = [node('AirSync', 'ServerId', id), node('AirSync', 'Status', there ? OK : NOT_FOUND)];
  if (!there) return element('AirSync', 'Fetch', ...head);
  const data = properties(notice, version, bodyWish(options));
  return element('AirSync', 'Fetch', ...head, element('AirSync', 'ApplicationData', ...data));
}

/** Refuses an item that the phone adds as invalid, so that the phone keeps it and does not retry forever. */
function refusedAdd(command: WbxmlElement): WbxmlElement {
  const id = textOf(child(command, 'ClientId')) ?? '';
  const status = node('AirSync', 'Status', CONVERSION_ERROR);
  return element('AirSync', 'Add', node('AirSync', 'ClientId', id), status);
}
