// Owns Sync of the sample server: sync keys, the device's state of a folder, changes in both directions.
import type { Namespace, TagName } from '../eas/wbxml/code-pages.ts';
import { child, childrenNamed, element, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import type { SampleDevice, SampleReply, SyncedFolder } from './commands.ts';
import { properties } from './email.ts';
import type { SampleMessage } from './mailbox.ts';

function node<N extends Namespace>(namespace: N, name: TagName<N>, text: string | number): WbxmlElement {
  return element(namespace, name, String(text));
}

/** Null when nothing changed, so that the caller may hold the request. */
export function sync(state: SampleDevice, request: WbxmlElement): SampleReply {
  const collections = childrenNamed(child(request, 'Collections'), 'Collection');
  if (collections.length === 0) return element('AirSync', 'Sync', node('AirSync', 'Status', 13));
  const answers = collections.map((collection) => syncCollection(state, collection));
  if (answers.every((answer) => answer === null)) return null;
  const full = answers.filter((answer) => answer !== null);
  return element('AirSync', 'Sync', element('AirSync', 'Collections', ...full));
}

function syncCollection(state: SampleDevice, collection: WbxmlElement): WbxmlElement | null {
  const id = textOf(child(collection, 'CollectionId')) ?? '';
  const key = textOf(child(collection, 'SyncKey')) ?? '';
  const messages = state.mailbox.folders.get(id);
  const answer = (newKey: number | string, status: number, ...more: WbxmlElement[]): WbxmlElement =>
    element(
      'AirSync',
      'Collection',
      node('AirSync', 'SyncKey', newKey),
      node('AirSync', 'CollectionId', id),
      node('AirSync', 'Status', status),
      ...more,
    );
  if (messages === undefined) return answer(key, 8);
  if (key === '0') {
    state.synced.set(id, { key: 1, known: new Map(), before: null });
    return answer(1, 1);
  }
  const synced = state.synced.get(id);
  if (synced === undefined || !takeKey(synced, Number(key))) return answer(0, 3);
  const before = new Map(synced.known);
  const requested = child(collection, 'Commands');
  applyClientChanges(state, messages, synced.known, requested);
  const window = Math.min(Math.max(Number(textOf(child(collection, 'WindowSize')) ?? 100), 1), 512);
  const commands = pending(messages, synced.known);
  if (commands.length === 0 && requested === undefined) return null;
  const sent = commands.slice(0, window);
  for (const change of sent) {
    const serverId = textOf(child(change, 'ServerId')) ?? '';
    const message = messages.find((candidate) => candidate.id === serverId);
    if (message === undefined) synced.known.delete(serverId);
    else synced.known.set(serverId, message.read);
  }
  synced.before = before;
  synced.key++;
  const fetched = childrenNamed(requested, 'Fetch').map((fetch) => fetchReply(state, fetch));
  const replies = fetched.length > 0 ? [element('AirSync', 'Responses', ...fetched)] : [];
  const more = commands.length > sent.length ? [element('AirSync', 'MoreAvailable')] : [];
  const list = sent.length > 0 ? [element('AirSync', 'Commands', ...sent)] : [];
  return answer(synced.key, 1, ...more, ...list, ...replies);
}

/** Whether a key is the current one, or the previous one, whose state is then restored. */
function takeKey(synced: SyncedFolder, key: number): boolean {
  if (key === synced.key) return true;
  if (key !== synced.key - 1 || synced.before === null) return false;
  synced.known = synced.before;
  synced.before = null;
  synced.key = key;
  return true;
}

/** Whether a folder has changes for the device; false if it does not synchronise the folder. */
export function hasChanges(state: SampleDevice, folder: string): boolean {
  const messages = state.mailbox.folders.get(folder);
  const synced = state.synced.get(folder);
  return messages !== undefined && synced !== undefined && pending(messages, synced.known).length > 0;
}

function pending(messages: readonly SampleMessage[], known: ReadonlyMap<string, boolean>): WbxmlElement[] {
  const commands: WbxmlElement[] = [];
  for (const message of messages) {
    const read = known.get(message.id);
    if (read === undefined) commands.push(command('Add', message));
    else if (read !== message.read) commands.push(command('Change', message));
  }
  const present = new Set(messages.map((message) => message.id));
  for (const id of known.keys()) {
    if (!present.has(id)) commands.push(element('AirSync', 'Delete', node('AirSync', 'ServerId', id)));
  }
  return commands;
}

function fetchReply(state: SampleDevice, fetch: WbxmlElement): WbxmlElement {
  const id = textOf(child(fetch, 'ServerId')) ?? '';
  const message = state.mailbox.find(id);
  const head = [node('AirSync', 'ServerId', id), node('AirSync', 'Status', message === undefined ? 8 : 1)];
  if (message === undefined) return element('AirSync', 'Fetch', ...head);
  return element('AirSync', 'Fetch', ...head, element('AirSync', 'ApplicationData', ...properties(message)));
}

function applyClientChanges(
  state: SampleDevice,
  messages: SampleMessage[],
  known: Map<string, boolean>,
  commands: WbxmlElement | undefined,
): void {
  for (const change of childrenNamed(commands, 'Change')) {
    const message = state.mailbox.find(textOf(child(change, 'ServerId')) ?? '');
    const read = textOf(child(child(change, 'ApplicationData'), 'Read'));
    if (message === undefined || read === undefined) continue;
    message.read = read === '1';
    known.set(message.id, message.read);
  }
  for (const removal of childrenNamed(commands, 'Delete')) {
    const id = textOf(child(removal, 'ServerId')) ?? '';
    const at = messages.findIndex((message) => message.id === id);
    if (at !== -1) messages.splice(at, 1);
    known.delete(id);
  }
}

function command(name: 'Add' | 'Change', message: SampleMessage): WbxmlElement {
  const data = name === 'Add' ? properties(message) : [node('Email', 'Read', message.read ? 1 : 0)];
  return element(
    'AirSync',
    name,
    node('AirSync', 'ServerId', message.id),
    element('AirSync', 'ApplicationData', ...data),
  );
}
