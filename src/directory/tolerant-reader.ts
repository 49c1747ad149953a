// Owns the reading of records of which some may be malformed.
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { withItem } from './collected-records.ts';

const NONE: readonly never[] = Object.freeze([]);

/**
 * Reads the records of one answer. A malformed record affects its device only: it counts as missing and is listed by
 * name. A decision then denies the device, and a list shows the others.
 */
export class TolerantReader {
  private failed: readonly string[] = NONE;

  /** Null = not stored, or malformed. */
  read<T>(stored: string | null | undefined, parse: (stored: string) => T): T | null {
    if (stored === null || stored === undefined) return null;
    try {
      return parse(stored);
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error;
      this.fail(error.record);
      return null;
    }
  }

  /** The key of a record holds another type. */
  fail(what: string): void {
    this.failed = withItem(this.failed, what);
  }

  /** Part of an answer; absent when everything was read. */
  unreadable(): { readonly unreadable?: readonly string[] } {
    return this.failed.length === 0 ? {} : { unreadable: this.failed };
  }
}
