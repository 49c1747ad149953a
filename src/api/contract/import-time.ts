// Owns how long the import of a file may take. No code, so that commands load nothing else with it.

/** Longest import with its upload, milliseconds. */
export const LONGEST_IMPORT_MS = 15 * 60_000;
/** Longest wait for its answer. */
export const IMPORT_ANSWER_MS = LONGEST_IMPORT_MS + 60_000;
