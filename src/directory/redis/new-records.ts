// Owns writing records of whom nothing is stored, as most of an import: hashes that belong together in one step, without reading them first. On a Cluster
// no script writes into several slots: there, and for what is known, records are read and joined.
import { MAX_CHANGES } from './change-log.ts';
import type { LogField } from './commit-values.ts';
import { SMALL, inParallel } from './hash-writer.ts';
import type { HashAccess, WriteSize } from './hash-writer.ts';
import type { RedisKeys } from './redis-keys.ts';

/** Conditions of new records, and where they are logged. */
export interface NewForm {
  readonly log: LogField;
  /** Pairs of characters with which the names of fields begin that may not exist in the first hash of a group. */
  readonly kinds: string;
  /** Likewise in its other hashes; '' = the written field may not exist. */
  readonly otherKinds: string;
}

/** A hash of a group. */
interface NewHash {
  readonly partition: number;
  readonly key: string;
  /** For the change log; '' = no verdict changes. */
  readonly news: string;
}

/** Hashes that are written together, or not at all. */
export interface NewGroup extends NewHash {
  /** Further fields that may not exist in the first hash. */
  readonly absent: readonly string[];
  /** Fields and texts of the first hash in turn. */
  readonly fields: readonly string[];
  readonly others: readonly (NewHash & { readonly field: string; readonly text: string })[];
}

/** The keys and values of one call of the script CREATE. */
export class NewRecords {
  readonly hashes: string[] = [];
  private readonly keys: RedisKeys;
  private readonly form: NewForm;
  private readonly groups: string[] = [];
  private size = 0;
  /** The names for the change log of each partition. */
  private readonly news = new Map<number, string>();

  constructor(keys: RedisKeys, form: NewForm) {
    this.keys = keys;
    this.form = form;
  }

  add(group: NewGroup): void {
    const { groups } = this;
    const { absent, fields, others } = group;
    this.size += 1;
    this.addHash(group);
    groups.push(String(absent.length), String(fields.length), String(others.length));
    for (const field of absent) groups.push(field);
    for (const text of fields) groups.push(text);
    for (const other of others) {
      this.addHash(other);
      groups.push(other.field, other.text);
    }
  }

  /** The values behind the text of the schema, as CREATE describes them. `fence`: of the leader that writes. */
  values(fence?: number): string[] {
    const { log, kinds, otherKinds } = this.form;
    const values = [String(MAX_CHANGES), `${log}${fence ?? ''}`, kinds, otherKinds, String(this.news.size)];
    for (const [partition, names] of this.news) values.push(this.keys.base(partition), names);
    values.push(String(this.size));
    return values.concat(this.groups);
  }

  private addHash({ partition, key, news }: NewHash): void {
    this.hashes.push(key);
    const before = this.news.get(partition);
    if (before === undefined) this.news.set(partition, news);
    else if (news !== '') this.news.set(partition, before === '' ? news : `${before} ${news}`);
  }
}

/** Access to Redis for new records. */
export interface CreateAccess {
  /** Runs the script CREATE. Returns the numbers of the groups that were not written, from 1. */
  readonly create: (records: NewRecords) => Promise<readonly number[]>;
  readonly turn?: HashAccess['turn'];
  readonly size?: (() => WriteSize) | undefined;
}

/** Items that one script writes. */
interface Part<Item> {
  readonly records: NewRecords;
  readonly items: Item[];
}

/**
 * Writes the items of which nothing is stored. Returns the others, in any order. `groupOf`: what to write of an item; null = it must be joined with what is stored. If most
 * of the items written last were refused, the rest is not tried.
 */
export async function createNew<Item>(
  access: CreateAccess,
  [keys, form]: readonly [RedisKeys, NewForm],
  items: Iterable<Item>,
  groupOf: (item: Item) => NewGroup | null,
  onWritten: (item: Item) => void,
): Promise<Item[]> {
  const { create, turn, size = () => SMALL } = access;
  const others: Item[] = [];
  let isWorth = true;
  function* parts(): Generator<Part<Item>> {
    let part: Part<Item> = { records: new NewRecords(keys, form), items: [] };
    for (const item of items) {
      const group = isWorth ? groupOf(item) : null;
      if (group === null) {
        others.push(item);
        continue;
      }
      part.records.add(group);
      part.items.push(item);
      if (part.records.hashes.length < size().hashes) continue;
      yield part;
      part = { records: new NewRecords(keys, form), items: [] };
    }
    if (part.items.length > 0) yield part;
  }
  const write = async (part: Part<Item>): Promise<void> => {
    await turn?.(part.items.length);
    const refused = new Set(await create(part.records));
    for (const [index, item] of part.items.entries())
      if (refused.has(index + 1)) others.push(item);
      else onWritten(item);
    isWorth = refused.size <= part.items.length / 2;
  };
  const all = parts();
  // The first part shows whether most are new.
  const first = all.next();
  if (first.done !== true) await write(first.value);
  await inParallel({ size }, all, write);
  return others;
}
