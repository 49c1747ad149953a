// Owns the error of a malformed stored record.

/** A stored record is malformed. */
export class CorruptRecordError extends Error {
  readonly code = 'EASGATE_CORRUPT_RECORD';
  /** Name of the record, and the faulty part. */
  readonly record: string;
  constructor(what: string, cause?: unknown) {
    super(`the directory has a malformed record: ${what}`, { cause });
    this.record = what;
  }
}
