// Owns the reading of many records, of which some are not understood.
import { CorruptRecordError } from '../model/corrupt-record.ts';

/**
 * Reads the records of one answer. One that is not understood concerns its device only: it counts as none, and is named, so
 * that whoever decides keeps the device out, and whoever lists shows the others.
 */
export class TolerantReader {
  private readonly failed: string[] = [];

  /** Null = nothing stored, or not understood. */
  read<T>(stored: string | null | undefined, parse: (stored: string) => T): T | null {
    if (stored === null || stored === undefined) return null;
    try {
      return parse(stored);
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error;
      this.failed.push(error.record);
      return null;
    }
  }

  /** Something under the name of a record is no record at all. */
  fail(what: string): void {
    this.failed.push(what);
  }

  /** Part of an answer: absent when all was understood. */
  unreadable(): { readonly unreadable?: readonly string[] } {
    return this.failed.length === 0 ? {} : { unreadable: this.failed };
  }
}
