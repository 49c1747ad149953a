// Owns the output of commands: text and JSON, warnings, and colour, which is used only on a terminal (NO_COLOR turns it off).
import { styleText } from 'node:util';
import { jsonText } from './times.ts';

/** The meaning of a coloured word. */
export type Tone = 'good' | 'warning' | 'bad' | 'quiet' | 'heading';

const STYLES = {
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  quiet: 'dim',
  heading: 'bold',
} as const satisfies Record<Tone, string>;

/** Colours a text, unless the stream is not a terminal or NO_COLOR is set. */
export function toned(tone: Tone, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(STYLES[tone], text, { stream });
}

/** Writes to standard output. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** Writes one JSON document, with ISO times, to standard output. */
export function printJson(document: unknown): void {
  process.stdout.write(jsonText(document));
}

/** Writes a warning to standard error; the command continues. */
export function warn(text: string): void {
  const head = toned('warning', 'warning:', process.stderr);
  process.stderr.write(`easgate: ${head} ${text}\n`);
}

/** Writes a remark about the output to standard error, so that it does not disturb scripts. */
export function remark(text: string): void {
  process.stderr.write(`${toned('quiet', text, process.stderr)}\n`);
}

/** Replaces control characters: a phone chooses its names, which must not change what the terminal shows. */
export function printable(text: string | null, missing = '?'): string {
  return text === null ? missing : text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}

/** A word for a shell: unchanged, or in quotes if necessary. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
