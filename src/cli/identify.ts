// Owns the work of `easgate identify`: one line of JSON in, one line of JSON out.
import { identifyLine } from '../app/identify.ts';
import { safeJson } from '../app/times.ts';
import { readStdin } from './context.ts';
import { print } from './output.ts';

/** `identify`. */
export async function identify(): Promise<void> {
  const lines = (await readStdin()).toString('utf8').split('\n');
  for (const line of lines) if (line.trim() !== '') print(`${safeJson(identifyLine(line))}\n`);
}
