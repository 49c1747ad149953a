// Owns the records that have an id at their source. A phone or a user that has got another name there has one record for each, all with its id.
import { NONE, NameIndex } from '../name-index.ts';
import { NumberColumn } from '../number-lists.ts';

/** Numbers of records by their id at the source: 16 bytes for each. */
export class SourceIds {
  private readonly newest = new NameIndex();
  /** By record: another one with its id, from 1; 0 = there is none. */
  private readonly others = new NumberColumn();

  /** `isNew`: the record was never noted before. A store may return one twice. */
  note(id: string, number: number, isNew: boolean): void {
    const other = this.newest.get(id);
    if (!isNew && other !== NONE) return;
    this.others.set(number, other + 1);
    this.newest.set(id, number);
  }

  /** All records with an id. */
  *of(id: string): Generator<number> {
    for (let number = this.newest.get(id); number !== NONE; number = this.others.get(number) - 1)
      yield number;
  }
}
