// Owns maps whose entries come and go thousands of times a second.

/** So many entries are set in the newer map before it becomes the older one. */
const MIN_SET = 8;

/**
 * A Map for entries that stay for milliseconds. V8 makes a new table for a Map after every few entries. If the Map is old, it makes these tables in the old heap,
 * where they stay, with everything that they name, until the whole heap is collected (OrderedHashTable::Rehash in v8/src/objects/ordered-hash-table.cc).
 * So new entries go into the newer of two maps, and when the last entry of the older one is deleted, another map takes its place (decisions/0222).
 */
export class TransientMap<K, V> {
  private older = new Map<K, V>();
  private newer = new Map<K, V>();
  /** How often an entry of the newer map was set. */
  private timesSet = 0;

  get(key: K): V | undefined {
    const value = this.newer.get(key);
    return value === undefined ? this.older.get(key) : value;
  }

  set(key: K, value: V): void {
    if (this.older.has(key)) {
      this.older.set(key, value);
      return;
    }
    this.newer.set(key, value);
    this.timesSet++;
  }

  delete(key: K): void {
    if (!this.newer.delete(key)) this.older.delete(key);
    if (this.older.size > 0 || this.timesSet < MIN_SET) return;
    this.older = this.newer;
    this.newer = new Map();
    this.timesSet = 0;
  }

  /** No entry may be added or deleted until the last value was taken. */
  *values(): Generator<V> {
    yield* this.older.values();
    yield* this.newer.values();
  }
}
