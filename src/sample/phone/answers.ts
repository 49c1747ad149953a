// Owns what the sample phone takes from answers: folders, messages, which folders changed.
import { child, childrenNamed, isElement, textOf } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { Screen, ShownFolder } from './screen.ts';

/** Applies the changes of a FolderSync answer; returns the ids of folders that are gone. */
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

/** The one collection of a Sync answer. */
export function syncCollection(root: WbxmlElement): WbxmlElement | undefined {
  return child(child(root, 'Collections'), 'Collection');
}

/** Applies the commands of a collection. */
export function applySync(folder: ShownFolder, collection: WbxmlElement): void {
  const commands = child(collection, 'Commands');
  for (const added of childrenNamed(commands, 'Add')) {
    const id = textOf(child(added, 'ServerId')) ?? '';
    const data = child(added, 'ApplicationData');
    folder.messages.set(id, {
      id,
      from: textOf(child(data, 'From')) ?? '',
      subject: textOf(child(data, 'Subject')) ?? '',
      text: bodyOf(data),
    });
  }
  for (const removed of [...childrenNamed(commands, 'Delete'), ...childrenNamed(commands, 'SoftDelete')])
    folder.messages.delete(textOf(child(removed, 'ServerId')) ?? '');
}

/** The folders that a Ping answer names. */
export function pingFolders(root: WbxmlElement | null): string[] {
  return childrenNamed(child(root ?? undefined, 'Folders'), 'Folder').map((folder) => textOf(folder) ?? '');
}

/** Before 12.0 the body is a text of the message, later an element with its data. */
function bodyOf(data: WbxmlElement | undefined): string {
  const body = child(data, 'Body');
  const content = child(body, 'Data') ?? body;
  return (content?.children ?? []).map((part) => (isElement(part) ? '' : part.toString())).join('');
}
