// Owns the output of commands: text and JSON, warnings, and colour, which is used only on a terminal (NO_COLOR turns it off).
import { styleText } from 'node:util';
import { jsonParts, jsonText } from '../app/times.ts';

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

/** What lines of text may hold besides letters: their ends, tabs, and the styles of {@link toned}. */
const OWN = /^(?:\r?\n|\t|\u001b\[\d{1,2}m)$/;
const SIGNS = /\u001b\[\d{1,2}m|\r\n|[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/**
 * Lines without what changes how a terminal shows others (CWE-150): whatever a phone, a feed or the gateway of a context put into a
 * name, it neither moves the cursor, nor sets the title, nor turns the direction of the text.
 */
export function shownLines(text: string): string {
  return text.replaceAll(SIGNS, (sign) => (OWN.test(sign) ? sign : '?'));
}

/** Writes lines to standard output. */
export function print(text: string): void {
  process.stdout.write(shownLines(text));
}

/** Writes one JSON document, with ISO times, to standard output. */
export function printJson(document: unknown): void {
  process.stdout.write(jsonText(document));
}

/** Likewise, for a list, or (`head`) a document with a list as its last field: however many rows there are. */
export function printJsonRows(rows: Iterable<unknown>, head: object | null = null, name = 'rows'): void {
  for (const part of jsonParts(head, name, rows)) process.stdout.write(part);
}

/** Writes a warning to standard error; the command continues. */
export function warn(text: string): void {
  const head = toned('warning', 'warning:', process.stderr);
  process.stderr.write(`easgate: ${head} ${shownLines(text)}\n`);
}

/** Writes a remark about the output to standard error, so that it does not disturb scripts. */
export function remark(text: string): void {
  process.stderr.write(`${toned('quiet', shownLines(text), process.stderr)}\n`);
}

/** Replaces control characters: a phone chooses its names, which must not change what the terminal shows. */
export function printable(text: string | null, missing = '?'): string {
  return text === null ? missing : text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}

/** Likewise, of a text of several lines. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line))
    .join('\n');
}

/** A word for a shell: unchanged, or in quotes if necessary. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Whether the reader of standard output has gone; null = it is not watched yet. */
let readerIsGone: boolean | null = null;

/** Watches it once in a process: each further listener would stay. */
function watchReader(): void {
  if (readerIsGone !== null) return;
  readerIsGone = false;
  process.stdout.on('error', () => (readerIsGone = true));
}

/** Resolves when standard output has room, or its reader has gone. */
async function room(): Promise<void> {
  const { stdout } = process;
  const { promise, resolve } = Promise.withResolvers<void>();
  stdout.on('drain', resolve);
  stdout.on('error', resolve);
  await promise;
  stdout.off('drain', resolve);
  stdout.off('error', resolve);
}

/** Writes to standard output, and waits until there is room for more. False = whoever read it has gone (`| head`). */
export function outputWriter(): (text: string) => Promise<boolean> {
  watchReader();
  return async (text) => {
    if (readerIsGone === false && !process.stdout.write(text)) await room();
    return readerIsGone === false;
  };
}
