// Owns the sample server's answers to each command, from tree to tree.
import type { Namespace, TagName } from '../eas/wbxml/code-pages.ts';
import { child, childrenNamed, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { properties } from './email.ts';
import { FOLDERS, INBOX, SENT } from './mailbox.ts';
import type { Mailbox, SampleMessage } from './mailbox.ts';

/** The synchronised state of a folder: message ids with their read flag. */
export interface SyncedFolder {
  key: number;
  known: Map<string, boolean>;
  /** The state at the previous key: a phone that lost an answer repeats its request with that key. */
  before: Map<string, boolean> | null;
}

/** The server's state of one device of one user. */
export class SampleDevice {
  readonly mailbox: Mailbox;
  readonly user: string;
  /** The last issued policy key, and the acknowledged one; 0 = none. */
  policyKey = 0;
  policyInForce = 0;
  folderKey = 0;
  /** Folders that the device synchronises. */
  readonly synced = new Map<string, SyncedFolder>();
  /** Parameters of the last Ping, for an empty one. */
  ping: { seconds: number; folders: string[] } | null = null;
  /** The last Sync without changes, for an empty one (MS-ASCMD 2.2.1.21). */
  unchangedSync: WbxmlElement | null = null;

  constructor(user: string, mailbox: Mailbox) {
    this.user = user;
    this.mailbox = mailbox;
  }
}

/** A reply: a tree, or null for an empty body with status 200. */
export type SampleReply = WbxmlElement | null;

function node<N extends Namespace>(namespace: N, name: TagName<N>, text: string | number): WbxmlElement {
  return element(namespace, name, String(text));
}

export function folderSync(state: SampleDevice, request: WbxmlElement): SampleReply {
  const page = 'FolderHierarchy';
  const key = textOf(child(request, 'SyncKey'));
  const first = key === '0';
  if (!first && Number(key) !== state.folderKey) return element(page, 'FolderSync', node(page, 'Status', 9));
  if (first) state.folderKey++;
  const added = (first ? FOLDERS : []).map(({ id, name, type }) =>
    element(
      page,
      'Add',
      node(page, 'ServerId', id),
      node(page, 'ParentId', 0),
      node(page, 'DisplayName', name),
      node(page, 'Type', type),
    ),
  );
  return element(
    page,
    'FolderSync',
    node(page, 'Status', 1),
    node(page, 'SyncKey', state.folderKey),
    element(page, 'Changes', node(page, 'Count', added.length), ...added),
  );
}

export function getItemEstimate(state: SampleDevice, request: WbxmlElement): SampleReply {
  const page = 'GetItemEstimate';
  const responses = childrenNamed(child(request, 'Collections'), 'Collection').map((collection) => {
    const id = textOf(child(collection, 'CollectionId')) ?? '';
    const messages = state.mailbox.folders.get(id);
    const known = state.synced.get(id)?.known.size ?? 0;
    if (messages === undefined) return element(page, 'Response', node(page, 'Status', 2));
    const estimate = Math.max(0, messages.length - known);
    return element(
      page,
      'Response',
      node(page, 'Status', 1),
      element(page, 'Collection', node(page, 'CollectionId', id), node(page, 'Estimate', estimate)),
    );
  });
  return element(page, 'GetItemEstimate', ...responses);
}

/** Stores a message in the sender's Sent Items, and in the Inbox of local recipients. */
export function sendMail(
  state: SampleDevice,
  mime: Buffer,
  mailboxOf: (name: string) => Mailbox | undefined,
): SampleReply {
  const text = mime.toString('utf8');
  const end = text.search(/\r?\n\r?\n/);
  const head = end === -1 ? text : text.slice(0, end);
  const header = (name: string): string =>
    new RegExp(`^${name}:[ \\t]*([^\\r\\n]{0,500})`, 'im').exec(head)?.[1] ?? '';
  const message = {
    from: `${state.user}@example.com`,
    to: header('To'),
    subject: header('Subject'),
    text: end === -1 ? '' : text.slice(end).trim().slice(0, 100_000),
    received: new Date(),
    attachment: null,
  };
  state.mailbox.add(SENT, message);
  const recipient = /([A-Za-z0-9._-]+)@/.exec(message.to)?.[1] ?? '';
  mailboxOf(recipient.toLowerCase())?.add(INBOX, message);
  return null;
}

export function itemOperations(state: SampleDevice, request: WbxmlElement): SampleReply {
  const page = 'ItemOperations';
  const fetches = childrenNamed(request, 'Fetch').map((fetch) => {
    const reference = textOf(child(fetch, 'FileReference'));
    const id = reference ?? textOf(child(fetch, 'ServerId')) ?? '';
    const message = state.mailbox.find(id);
    const content = message === undefined ? null : fetched(message, reference);
    if (content === null) return element(page, 'Fetch', node(page, 'Status', 6));
    const name =
      reference === undefined ? node('AirSync', 'ServerId', id) : node('AirSyncBase', 'FileReference', id);
    return element(page, 'Fetch', node(page, 'Status', 1), name, element(page, 'Properties', ...content));
  });
  return element(page, 'ItemOperations', node(page, 'Status', 1), element(page, 'Response', ...fetches));
}

function fetched(message: SampleMessage, reference: string | undefined): WbxmlElement[] | null {
  if (reference === undefined) return properties(message);
  if (message.attachment === null) return null;
  const type = node('AirSyncBase', 'ContentType', 'application/pdf');
  return [type, node('ItemOperations', 'Data', message.attachment.data.toString('base64'))];
}

export function settings(state: SampleDevice, request: WbxmlElement): SampleReply {
  const page = 'Settings';
  const answers: WbxmlElement[] = [node(page, 'Status', 1)];
  if (child(request, 'DeviceInformation') !== undefined) {
    answers.push(element(page, 'DeviceInformation', node(page, 'Status', 1)));
  }
  if (child(request, 'UserInformation') !== undefined) {
    const addresses = element(page, 'EmailAddresses', node(page, 'SMTPAddress', `${state.user}@example.com`));
    answers.push(element(page, 'UserInformation', node(page, 'Status', 1), element(page, 'Get', addresses)));
  }
  if (child(request, 'Oof') !== undefined) answers.push(element(page, 'Oof', node(page, 'Status', 1)));
  return element(page, 'Settings', ...answers);
}

/** Commands about contacts, calendar or certificates, which find nothing. */
export function nothingFound(name: string, namespace: string): SampleReply {
  if (name === 'Search') {
    const store = element('Search', 'Store', node('Search', 'Status', 1), node('Search', 'Total', 0));
    return element('Search', 'Search', node('Search', 'Status', 1), element('Search', 'Response', store));
  }
  if (name === 'MeetingResponse') {
    return element(
      'MeetingResponse',
      name,
      element('MeetingResponse', 'Result', node('MeetingResponse', 'Status', 2)),
    );
  }
  if (name === 'MoveItems') {
    return element('Move', name, element('Move', 'Response', node('Move', 'Status', 1)));
  }
  const status = name.startsWith('Folder') ? '3' : '1';
  return { namespace, name, children: [{ namespace, name: 'Status', children: [status] }] };
}
