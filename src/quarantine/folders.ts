// Owns the folders of the quarantine mailbox and FolderSync (MS-ASCMD 2.2.1.4, 2.2.1.5, 2.2.1.6, 2.2.1.8). Pure.
import { child, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { ISSUED_PREFIX } from './keys.ts';
import { body, node } from './mailbox-types.ts';
import type { MailboxAnswer, MailboxRequest } from './mailbox-types.ts';

/** One folder; types of MS-ASCMD 2.2.3.186.3. */
export interface MailboxFolder {
  readonly id: string;
  readonly name: string;
  readonly type: number;
  /** Class of its items for 2.5 and 12.0, which name it in Sync (MS-ASCMD 2.2.3.27.5). */
  readonly itemClass: 'Email' | 'Calendar' | 'Contacts' | 'Tasks';
}

/** The folder with the message. */
export const INBOX = `${ISSUED_PREFIX}inbox`;

/** The folders that clients require; phones treat a mailbox without calendar and contacts as broken. */
export const FOLDERS: readonly MailboxFolder[] = [
  { id: INBOX, name: 'Inbox', type: 2, itemClass: 'Email' },
  { id: `${ISSUED_PREFIX}drafts`, name: 'Drafts', type: 3, itemClass: 'Email' },
  { id: `${ISSUED_PREFIX}deleted`, name: 'Deleted Items', type: 4, itemClass: 'Email' },
  { id: `${ISSUED_PREFIX}sent`, name: 'Sent Items', type: 5, itemClass: 'Email' },
  { id: `${ISSUED_PREFIX}outbox`, name: 'Outbox', type: 6, itemClass: 'Email' },
  { id: `${ISSUED_PREFIX}tasks`, name: 'Tasks', type: 7, itemClass: 'Tasks' },
  { id: `${ISSUED_PREFIX}calendar`, name: 'Calendar', type: 8, itemClass: 'Calendar' },
  { id: `${ISSUED_PREFIX}contacts`, name: 'Contacts', type: 9, itemClass: 'Contacts' },
];

/** The folder of this id, or undefined. */
export function folderOf(id: string): MailboxFolder | undefined {
  return FOLDERS.find((folder) => folder.id === id);
}

const OK = 1;
const BAD_KEY = 9;
const MALFORMED = 10;
/** Status for a special folder or parent (MS-ASCMD 2.2.3.177.3, 2.2.3.177.4, 2.2.3.177.6). */
const SPECIAL_FOLDER = { FolderCreate: 3, FolderDelete: 3, FolderUpdate: 2 } as const;

/** All folders for sync key 0; no change for a key issued here; "start over" for a key of the mail server. */
export function folderSync({ body: request, keys }: MailboxRequest): MailboxAnswer {
  const key = textOf(child(request ?? undefined, 'SyncKey'));
  if (key === undefined) return body(hierarchy(MALFORMED));
  if (key === '0') return body(hierarchy(OK, keys.hierarchyKey(), FOLDERS));
  return body(keys.isHierarchyKey(key) ? hierarchy(OK, key, []) : hierarchy(BAD_KEY));
}

function hierarchy(status: number, key?: string, folders: readonly MailboxFolder[] = []): WbxmlElement {
  const answer = [node('FolderHierarchy', 'Status', status)];
  if (key === undefined) return element('FolderHierarchy', 'FolderSync', ...answer);
  const added = folders.map(({ id, name, type }) =>
    element(
      'FolderHierarchy',
      'Add',
      node('FolderHierarchy', 'ServerId', id),
      node('FolderHierarchy', 'ParentId', 0),
      node('FolderHierarchy', 'DisplayName', name),
      node('FolderHierarchy', 'Type', type),
    ),
  );
  const count = node('FolderHierarchy', 'Count', folders.length);
  const changes = element('FolderHierarchy', 'Changes', count, ...added);
  return element(
    'FolderHierarchy',
    'FolderSync',
    ...answer,
    node('FolderHierarchy', 'SyncKey', key),
    changes,
  );
}

/** FolderCreate, FolderDelete and FolderUpdate: refused, since the folders are fixed. */
export function folderChange({ command, body: request, keys }: MailboxRequest): MailboxAnswer {
  const root =
    command === 'FolderDelete' || command === 'FolderUpdate' || command === 'FolderCreate'
      ? command
      : 'FolderCreate';
  const known = keys.isHierarchyKey(textOf(child(request ?? undefined, 'SyncKey')) ?? '');
  const status = node('FolderHierarchy', 'Status', known ? SPECIAL_FOLDER[root] : BAD_KEY);
  return body(element('FolderHierarchy', root, status));
}
