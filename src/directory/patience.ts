// Owns how long Redis is waited for where no phone waits: by the command line, feeds, imports, the admin API, the journal.

/** Longest wait for one command there, in milliseconds, at least. Less than a silent connection lasts (redis/redis-connection.ts). */
const PATIENT_MS = 4_000;

/** The same settings, with a longer `commandTimeoutMs`: that one is chosen for phones, and short for a busy machine. */
export function patient<Options extends { readonly commandTimeoutMs: number }>(options: Options): Options {
  return { ...options, commandTimeoutMs: Math.max(options.commandTimeoutMs, PATIENT_MS) };
}
