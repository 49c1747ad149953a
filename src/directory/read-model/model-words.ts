// Owns the different values of some columns of the read model, and the groups that each list of groups names: what filters look up; and the
// names of attributes that were ever reported.
import type { ModelFile } from './model-file.ts';
import { COLUMNS, textsIn } from './model-schema.ts';
import type { Value } from './model-schema.ts';

/** Columns that filters compare as words. */
const WORDS = (['type', 'model', 'os', 'reason', 'agent'] as const).map((kind) => ({
  kind,
  at: COLUMNS.indexOf(kind),
}));
/** Names of attributes, in lower case, as kinds of words: of devices and of users. */
export type AttributeKind = 'attribute' | 'user attribute';
/** Words that are known to be written: most rows have the same few. */
const MAX_REMEMBERED = 10_000;

/** Use within {@link ModelFile.write}. */
export class ModelWords {
  private readonly file: ModelFile;
  private readonly remembered = new Map<string, Set<string>>();

  constructor(file: ModelFile) {
    this.file = file;
  }

  /** Takes the words of a row; its values are in the order of {@link COLUMNS}. */
  note(values: readonly Value[]): void {
    for (const { kind, at } of WORDS) {
      const word = values[at];
      if (typeof word === 'string' && this.isNew(kind, word))
        this.file.statement('INSERT OR IGNORE INTO words VALUES (?, ?)').run(kind, word);
    }
  }

  /** Takes a list of groups as it is stored; null = no list. */
  noteGroups(list: string | null): void {
    if (list === null || !this.isNew('groups', list)) return;
    const insert = this.file.statement('INSERT OR IGNORE INTO group_lists VALUES (?, ?)');
    for (const group of textsIn(list) ?? []) insert.run(foldedGroup(group), list);
  }

  /** Takes the names of the attributes of a device or a user. */
  noteAttributes(kind: AttributeKind, attributes: Readonly<Record<string, unknown>> = {}): void {
    for (const name in attributes) {
      const word = name.toLowerCase();
      if (this.isNew(kind, word))
        this.file.statement('INSERT OR IGNORE INTO words VALUES (?, ?)').run(kind, word);
    }
  }

  private isNew(kind: string, word: string): boolean {
    let known = this.remembered.get(kind);
    if (known === undefined || known.size >= MAX_REMEMBERED)
      this.remembered.set(kind, (known = new Set<string>()));
    if (known.has(word)) return false;
    known.add(word);
    return true;
  }
}

/** Groups are compared without case. */
export function foldedGroup(name: string): string {
  return name.toLowerCase();
}
