// Owns how commands write: text and JSON, warnings, and colour, which is used on a terminal alone (NO_COLOR turns it off).
import { styleText } from 'node:util';
import { jsonText } from './times.ts';

/** What a word means to its reader; the colours are chosen here. */
export type Tone = 'good' | 'warning' | 'bad' | 'quiet' | 'heading';

const STYLES = {
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  quiet: 'dim',
  heading: 'bold',
} as const satisfies Record<Tone, string>;

/** Colours a text for a stream: plain where it is no terminal, or NO_COLOR is set. */
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

/** Writes a warning to standard error; the command goes on. */
export function warn(text: string): void {
  const head = toned('warning', 'warning:', process.stderr);
  process.stderr.write(`easgate: ${head} ${text}\n`);
}

/** Writes a remark about the output to standard error, where scripts do not read it. */
export function remark(text: string): void {
  process.stderr.write(`${toned('quiet', text, process.stderr)}\n`);
}

/** A phone chooses its names itself: no line end or escape sequence of one may repaint what is being shown. */
export function printable(text: string | null, missing = '?'): string {
  return text === null ? missing : text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}

/** For a shell that reads the word back: as it is, or in quotes. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
