// Owns the one hash of the messages. It is computed, not fetched: node:crypto is no I/O.
// oxlint-disable-next-line eslint/no-restricted-imports -- a hash is a pure function
import { createHash } from 'node:crypto';

/** 96 bits of SHA-256 over the parts, as 24 lower-case hexadecimal digits. The parts are joined unambiguously. */
export function digest(...parts: readonly (string | number | null)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24);
}
