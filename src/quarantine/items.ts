// Owns the commands of the quarantine mailbox about items and people (MS-ASCMD 2.2.1). The message can be fetched.
// Nothing else is found, changed or sent. Pure.
import { child, childrenNamed, element, isElement, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlContent, WbxmlElement } from '../eas/wbxml/element.ts';
import { FOLDERS, INBOX, folderOf } from './folders.ts';
import { shortFingerprint } from './keys.ts';
import { bodyWish, noticeId, properties } from './message.ts';
import { body, isBefore, node } from './mailbox-types.ts';
import type { MailboxAnswer, MailboxRequest } from './mailbox-types.ts';
import { plain } from '../plain-text.ts';

/** Most items of one request that are answered; MS-ASCMD 2.2.3.183 limits recipients to the same number. */
const MAX_ITEMS = 100;
/** Longest id (MS-ASCMD 2.2.3.30.2) and recipient (2.2.3.183). */
const MAX_ID = 64;
const MAX_RECIPIENT = 256;
/** Longest reference to an item of the mail server; the specification has no limit. */
const MAX_REFERENCE = 1024;

/** A request without its subject. Repeating it does not help (status 103 before 14.0, MS-ASCMD 2.2.2). */
const MALFORMED: MailboxAnswer = { kind: 'http', status: 400 };

function id(parent: WbxmlElement, name: string): string {
  return plain(textOf(child(parent, name)) ?? '', MAX_ID);
}

function itemsOf(parent: WbxmlElement | null | undefined, name: string): WbxmlElement[] {
  return childrenNamed(parent ?? undefined, name).slice(0, MAX_ITEMS);
}

/** MS-ASCMD 2.2.3.177.7. */
const ESTIMATE = { ok: 1, badCollection: 2, notPrimed: 3, badKey: 4 } as const;

/** GetItemEstimate: whether the phone lacks the message. */
export function getItemEstimate(request: MailboxRequest): MailboxAnswer {
  const collections = itemsOf(child(request.body ?? undefined, 'Collections'), 'Collection');
  if (collections.length === 0) return MALFORMED;
  const responses = collections.map((collection) => estimate(request, collection));
  return body(element('GetItemEstimate', 'GetItemEstimate', ...responses));
}

/** Up to 12.1 a collection names a class, in 2.5 perhaps nothing else; from 14.0 on the class is in Options. */
function estimate({ version, notice, keys }: MailboxRequest, collection: WbxmlElement): WbxmlElement {
  const named = child(collection, 'CollectionId');
  const itemClass = textOf(child(collection, 'Class'));
  const folder =
    named === undefined
      ? FOLDERS.find((one) => one.itemClass === itemClass)
      : folderOf(id(collection, 'CollectionId'));
  const key = textOf(child(collection, 'SyncKey')) ?? '0';
  const state = folder === undefined ? null : keys.readFolderKey(folder.id, key);
  const status =
    folder === undefined
      ? ESTIMATE.badCollection
      : key === '0'
        ? ESTIMATE.notPrimed
        : state === null
          ? ESTIMATE.badKey
          : ESTIMATE.ok;
  const answer: WbxmlElement[] = [];
  if (itemClass !== undefined && folder !== undefined && isBefore(version, 12.1)) {
    answer.push(node('GetItemEstimate', 'Class', folder.itemClass));
  }
  answer.push(node('GetItemEstimate', 'CollectionId', folder?.id ?? id(collection, 'CollectionId')));
  if (status === ESTIMATE.ok) {
    const isNew = folder?.id === INBOX && state?.delivered !== shortFingerprint(notice.fingerprint);
    answer.push(node('GetItemEstimate', 'Estimate', isNew ? 1 : 0));
  }
  return element(
    'GetItemEstimate',
    'Response',
    node('GetItemEstimate', 'Status', status),
    element('GetItemEstimate', 'Collection', ...answer),
  );
}

/** MS-ASCMD 2.2.3.177.8; `noTarget` is status 156 of 2.2.2. */
const OPERATION = { ok: 1, notFound: 6, badAttachment: 15, noTarget: 156 } as const;

/** ItemOperations: the message can be fetched; emptying a folder has no effect; moving fails. */
export function itemOperations(request: MailboxRequest): MailboxAnswer {
  const root = request.body ?? undefined;
  const moves = itemsOf(root, 'Move').map((move) =>
    element(
      'ItemOperations',
      'Move',
      node('ItemOperations', 'Status', OPERATION.noTarget),
      element('ItemOperations', 'ConversationId', ...conversationOf(move)),
    ),
  );
  const emptied = itemsOf(root, 'EmptyFolderContents').map((operation) => {
    const collection = id(operation, 'CollectionId');
    const status = folderOf(collection) === undefined ? OPERATION.notFound : OPERATION.ok;
    return element(
      'ItemOperations',
      'EmptyFolderContents',
      node('ItemOperations', 'Status', status),
      node('AirSync', 'CollectionId', collection),
    );
  });
  const fetched = itemsOf(root, 'Fetch').map((operation) => fetch(request, operation));
  const operations = [...moves, ...emptied, ...fetched].slice(0, MAX_ITEMS);
  if (operations.length === 0) return MALFORMED;
  return body(
    element(
      'ItemOperations',
      'ItemOperations',
      node('ItemOperations', 'Status', OPERATION.ok),
      element('ItemOperations', 'Response', ...operations),
    ),
  );
}

/** A conversation id is bytes, but some phones send it as text. */
function conversationOf(move: WbxmlElement): WbxmlContent[] {
  const content = child(move, 'ConversationId')?.children[0];
  if (content === undefined || isElement(content)) return [];
  return [typeof content === 'string' ? plain(content, MAX_ID) : content.subarray(0, MAX_ID)];
}

function fetch({ version, notice }: MailboxRequest, operation: WbxmlElement): WbxmlElement {
  const echo: WbxmlElement[] = [];
  const keep = (of: string, max: number, write: (text: string) => WbxmlElement): void => {
    if (child(operation, of) !== undefined) {
      echo.push(write(plain(textOf(child(operation, of)) ?? '', max)));
    }
  };
  keep('CollectionId', MAX_ID, (text) => node('AirSync', 'CollectionId', text));
  keep('ServerId', MAX_ID, (text) => node('AirSync', 'ServerId', text));
  const isNotice =
    textOf(child(operation, 'Store'))?.toLowerCase() === 'mailbox' &&
    id(operation, 'CollectionId') === INBOX &&
    id(operation, 'ServerId') === noticeId(notice);
  if (isNotice) {
    const wish = bodyWish(child(operation, 'Options'));
    return element(
      'ItemOperations',
      'Fetch',
      node('ItemOperations', 'Status', OPERATION.ok),
      ...echo,
      node('AirSync', 'Class', 'Email'),
      element('ItemOperations', 'Properties', ...properties(notice, version, wish)),
    );
  }
  keep('LongId', MAX_REFERENCE, (text) => node('Search', 'LongId', text));
  keep('LinkId', MAX_REFERENCE, (text) => node('DocumentLibrary', 'LinkId', text));
  keep('FileReference', MAX_REFERENCE, (text) => node('AirSyncBase', 'FileReference', text));
  const status =
    child(operation, 'FileReference') === undefined ? OPERATION.notFound : OPERATION.badAttachment;
  return element('ItemOperations', 'Fetch', node('ItemOperations', 'Status', status), ...echo);
}

/** MS-ASCMD 2.2.3.177.10. `failed` and not 7 ("locked"), which phones retry. */
const MOVE = { noSource: 1, noTarget: 2, sameFolder: 4, failed: 5 } as const;

/** MoveItems: every move fails. */
export function moveItems({ body: request, notice }: MailboxRequest): MailboxAnswer {
  // An answer must name its item (MS-ASCMD 2.2.3.174), so moves without an id are ignored.
  const moves = itemsOf(request, 'Move').filter((move) => id(move, 'SrcMsgId') !== '');
  if (moves.length === 0) return MALFORMED;
  const responses = moves.map((move) => {
    const source = id(move, 'SrcMsgId');
    const target = folderOf(id(move, 'DstFldId'));
    const exists = id(move, 'SrcFldId') === INBOX && source === noticeId(notice);
    const status = !exists
      ? MOVE.noSource
      : target === undefined
        ? MOVE.noTarget
        : target.id === INBOX
          ? MOVE.sameFolder
          : MOVE.failed;
    return element('Move', 'Response', node('Move', 'SrcMsgId', source), node('Move', 'Status', status));
  });
  return body(element('Move', 'MoveItems', ...responses));
}

/** Search: succeeds in every store, without results. */
export function search(_request: MailboxRequest): MailboxAnswer {
  const store = element('Search', 'Store', node('Search', 'Status', 1), node('Search', 'Total', 0));
  return body(element('Search', 'Search', node('Search', 'Status', 1), element('Search', 'Response', store)));
}

/** Find (16.1): like {@link search}. */
export function find({ body: request }: MailboxRequest): MailboxAnswer {
  const people = child(child(request ?? undefined, 'ExecuteSearch'), 'GalSearchCriterion') !== undefined;
  return body(
    element(
      'Find',
      'Find',
      node('Find', 'Status', 1),
      element(
        'Find',
        'Response',
        node('ItemOperations', 'Store', people ? 'GAL' : 'Mailbox'),
        node('Find', 'Status', 1),
        node('Find', 'Total', 0),
      ),
    ),
  );
}

/** MS-ASCMD 2.2.3.177.9: no such meeting request. */
const NO_MEETING = 2;

/** MeetingResponse: no meeting is found. */
export function meetingResponse({ body: request }: MailboxRequest): MailboxAnswer {
  const requests = itemsOf(request, 'Request');
  if (requests.length === 0) return MALFORMED;
  const results = requests.map((one) => {
    const status = node('MeetingResponse', 'Status', NO_MEETING);
    // A request that names its meeting by LongId has no RequestId.
    if (child(one, 'RequestId') === undefined) return element('MeetingResponse', 'Result', status);
    const request = node('MeetingResponse', 'RequestId', id(one, 'RequestId'));
    return element('MeetingResponse', 'Result', request, status);
  });
  return body(element('MeetingResponse', 'MeetingResponse', ...results));
}

/** MS-ASCMD 2.2.3.177.12: the recipient did not resolve. */
const UNRESOLVED = 4;

/** ResolveRecipients: no recipient is found. */
export function resolveRecipients({ body: request }: MailboxRequest): MailboxAnswer {
  const recipients = itemsOf(request, 'To');
  if (recipients.length === 0) return MALFORMED;
  const responses = recipients.map((to) =>
    element(
      'ResolveRecipients',
      'Response',
      node('ResolveRecipients', 'To', plain(textOf(to) ?? '', MAX_RECIPIENT)),
      node('ResolveRecipients', 'Status', UNRESOLVED),
      node('ResolveRecipients', 'RecipientCount', 0),
    ),
  );
  const status = node('ResolveRecipients', 'Status', 1);
  return body(element('ResolveRecipients', 'ResolveRecipients', status, ...responses));
}

/** MS-ASCMD 2.2.3.177.18: the certificate could not be checked. The other statuses call it good or bad. */
const UNKNOWN_CERTIFICATE = 17;

/** ValidateCert: no certificate is checked. */
export function validateCert({ body: request }: MailboxRequest): MailboxAnswer {
  const certificates = itemsOf(child(request ?? undefined, 'Certificates'), 'Certificate');
  if (certificates.length === 0) return MALFORMED;
  const answers = certificates.map(() =>
    element('ValidateCert', 'Certificate', node('ValidateCert', 'Status', UNKNOWN_CERTIFICATE)),
  );
  return body(element('ValidateCert', 'ValidateCert', node('ValidateCert', 'Status', 1), ...answers));
}

/** MS-ASCMD 2.2.2, MailSubmissionFailed: the failure of one mail, not of the account. */
const NOT_SENT = '120';
const MAILBOX_FULL = 507;

/**
 * SendMail, SmartReply and SmartForward: never a success, because the phone would delete its copy.
 * From 14.0 on 120: the mail fails and stays in the outbox until it is sent again or the device is released. Phones
 * repeat after 111 and 132, and run Provision after 140 to 144. After 126 to 131 they stop the account, and with it the
 * Sync that delivers the message.
 * Before 14.0, 507: phones show a notice to the user. After 403 and 449 AOSP runs Provision, which succeeds here, and
 * repeats the mail without end. 401 asks for the password, 500 starts Autodiscover, 503 is repeated.
 */
export function sendMail({ command, version }: MailboxRequest): MailboxAnswer {
  if (isBefore(version, 14)) return { kind: 'http', status: MAILBOX_FULL };
  const root = command === 'SmartReply' || command === 'SmartForward' ? command : 'SendMail';
  return body(element('ComposeMail', root, node('ComposeMail', 'Status', NOT_SENT)));
}

/**
 * GetAttachment, GetHierarchy, CreateCollection, DeleteCollection and MoveCollection have no WBXML reply with a status.
 * They get the HTTP form of CommandNotSupported, 137 (MS-ASCMD 2.2.2). Not 403, for the reason at {@link sendMail}; not
 * 404, which means that ActiveSync is not served here.
 */
export function legacy(_request: MailboxRequest): MailboxAnswer {
  return { kind: 'http', status: 501 };
}
