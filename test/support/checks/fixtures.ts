// Owns reading the recorded vectors and captures.
import { readFileSync, readdirSync } from 'node:fs';

const folder = new URL('../../fixtures/', import.meta.url);

/** A file of test/fixtures/vectors. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`vectors/${name}.json`, folder), 'utf8')) as T;
}

/** One recorded exchange; bodies in base64. */
export interface CapturedExchange {
  readonly seq: number;
  readonly method: string;
  readonly url: string;
  readonly requestHeaders: readonly (readonly [string, string])[];
  readonly requestBody: string;
  readonly status: number;
  readonly statusMessage: string;
  readonly responseHeaders: readonly (readonly [string, string])[];
  readonly responseBody: string;
}

/** A recorded session of one client with one server. */
export interface Capture {
  readonly name: string;
  readonly exchanges: readonly CapturedExchange[];
}

/** All captures. */
export function captures(): Capture[] {
  return readdirSync(new URL('captures/', folder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      const text = readFileSync(new URL(`captures/${name}`, folder), 'utf8');
      return { ...(JSON.parse(text) as Omit<Capture, 'name'>), name: name.replace('.json', '') };
    });
}
