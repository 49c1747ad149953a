// Owns the version of the program.
import { readFileSync } from 'node:fs';

/** The version in package.json. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { version = 'unknown' } = manifest as { version?: string };
  return version;
}
