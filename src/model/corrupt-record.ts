// Owns the error of a stored record that is not understood.

/** A stored record could not be understood. */
export class CorruptRecordError extends Error {
  readonly code = 'EASGATE_CORRUPT_RECORD';
  /** Which one, and what of it. */
  readonly record: string;
  constructor(what: string, cause?: unknown) {
    super(`the directory holds a record that is not understood: ${what}`, { cause });
    this.record = what;
  }
}
