// Owns what the sample phone reads from answers: folders, messages, changed folders.
import { child, childrenNamed, isElement, textOf } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { EasCommand } from '../../eas/commands.ts';
import type { Screen, ShownFolder } from './screen.ts';

/** Applies a FolderSync answer; returns the ids of deleted folders. */
export function applyFolders(screen: Screen, root: WbxmlElement): string[] {
  const changes = child(root, 'Changes');
  for (const added of [...childrenNamed(changes, 'Add'), ...childrenNamed(changes, 'Update')]) {
    const id = textOf(child(added, 'ServerId')) ?? '';
    const name = textOf(child(added, 'DisplayName')) ?? '';
    const type = textOf(child(added, 'Type')) ?? '';
    const messages = screen.folders.get(id)?.messages ?? new Map();
    screen.folders.set(id, { id, name, type, messages });
  }
  const gone = childrenNamed(changes, 'Delete').map((removed) => textOf(child(removed, 'ServerId')) ?? '');
  for (const id of gone) screen.folders.delete(id);
  return gone;
}

/** The decisive status: of the command, else of the only collection of a Sync; null = none. */
export function statusOf(command: EasCommand | 'OPTIONS', root: WbxmlElement | null): string | null {
  if (root === null) return null;
  const own = textOf(child(root, 'Status'));
  if (own !== undefined || command !== 'Sync') return own ?? null;
  return textOf(child(syncCollection(root), 'Status')) ?? null;
}

/** The one collection of a Sync answer. */
export function syncCollection(root: WbxmlElement): WbxmlElement | undefined {
  return child(child(root, 'Collections'), 'Collection');
}

/** Applies the commands of a collection; returns whether there were any. */
export function applySync(folder: ShownFolder, collection: WbxmlElement): boolean {
  const commands = child(collection, 'Commands');
  for (const added of childrenNamed(commands, 'Add')) {
    const id = textOf(child(added, 'ServerId')) ?? '';
    const data = child(added, 'ApplicationData');
    folder.messages.set(id, {
      id,
      from: textOf(child(data, 'From')) ?? '',
      subject: textOf(child(data, 'Subject')) ?? '',
      text: bodyOf(data),
      read: textOf(child(data, 'Read')) === '1',
    });
  }
  for (const changed of childrenNamed(commands, 'Change')) {
    const message = folder.messages.get(textOf(child(changed, 'ServerId')) ?? '');
    const read = textOf(child(child(changed, 'ApplicationData'), 'Read'));
    if (message !== undefined && read !== undefined) message.read = read === '1';
  }
  for (const removed of [...childrenNamed(commands, 'Delete'), ...childrenNamed(commands, 'SoftDelete')])
    folder.messages.delete(textOf(child(removed, 'ServerId')) ?? '');
  return commands !== undefined;
}

/** The folders that a Ping answer names. */
export function pingFolders(root: WbxmlElement | null): string[] {
  return childrenNamed(child(root ?? undefined, 'Folders'), 'Folder').map((folder) => textOf(folder) ?? '');
}

/** The highest common version of `MS-ASProtocolVersions`; null = none. AOSP: no header means 2.5. */
export function commonVersion(header: string | undefined, spoken: readonly string[]): string | null {
  const offered = (header ?? '2.5').split(',').map((version) => version.trim());
  const common = spoken.filter((version) => offered.includes(version));
  return common.sort((a, b) => Number(b) - Number(a))[0] ?? null;
}

/** Before 12.0 the body is a text of the message, later an element with its data. */
function bodyOf(data: WbxmlElement | undefined): string {
  const body = child(data, 'Body');
  const content = child(body, 'Data') ?? body;
  return (content?.children ?? []).map((part) => (isElement(part) ? '' : part.toString())).join('');
}
