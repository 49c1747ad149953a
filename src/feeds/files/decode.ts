// Owns how the bytes of a file become text: byte order marks, UTF-16 without one, UTF-8, Windows-1252. Pure.
// PowerShell 5 writes UTF-16LE (`>`, Out-File, -Encoding Unicode), ANSI (-Encoding Default: Windows-1252 in Western Europe), ASCII with
// `?` for lost letters, or UTF-8 with a mark; PowerShell 7 writes UTF-8 without one.
// @see https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_character_encoding
import { isAscii } from 'node:buffer';
import { ProgramError } from '../../errors/program-errors.ts';

/** An encoding that files are read in. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** What was noticed while decoding. */
export interface DecodeNotes {
  /** `ascii` = nothing but ASCII was seen, so that any of them fits. */
  encoding: Encoding | 'ascii';
  /** Bytes that are no text in this encoding were replaced by U+FFFD. */
  replaced: boolean;
}

const HEAD = 4_096;
/** Share of zero bytes up to which a file is text all the same. */
const STRAY = 0.05;

/**
 * Decodes pieces of a file; each yield is text without a mark in front. Bytes after ASCII alone decide at the first one beyond
 * ASCII: a valid sequence of UTF-8 means UTF-8, anything else Windows-1252.
 * @throws ProgramError EASGATE_FILE for archives and other files that are no text
 */
export async function* decode(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  notes: DecodeNotes = { encoding: 'ascii', replaced: false },
): AsyncGenerator<string> {
  let held: Uint8Array = new Uint8Array(0);
  let decoder: TextDecoder | null = null;
  let isFirst = true;
  for await (const piece of pieces) {
    const bytes = held.length === 0 ? piece : Buffer.concat([held, piece]);
    held = new Uint8Array(0);
    if (isFirst) {
      // A byte order mark has four bytes at most.
      if (bytes.length < 4) {
        held = bytes;
        continue;
      }
      isFirst = false;
      const encoding = markedEncoding(bytes);
      if (encoding !== null) decoder = start(encoding, notes);
    }
    if (decoder === null) {
      if (isAscii(bytes)) {
        yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
        continue;
      }
      const encoding = encodingOf(bytes);
      if (encoding === null) {
        held = bytes;
        continue;
      }
      decoder = start(encoding, notes);
    }
    yield note(decoder.decode(bytes, { stream: true }), notes);
  }
  if (held.length > 0) {
    decoder ??= start(markedEncoding(held) ?? encodingOf(held) ?? 'windows-1252', notes);
    yield note(decoder.decode(held, { stream: true }), notes);
  }
  if (decoder !== null) yield note(decoder.decode(), notes);
}

function start(encoding: Encoding, notes: DecodeNotes): TextDecoder {
  notes.encoding = encoding;
  return new TextDecoder(encoding);
}

function note(text: string, notes: DecodeNotes): string {
  if (!notes.replaced && text.includes('\ufffd')) notes.replaced = true;
  return text;
}

/** Files that are no text, by their first bytes, with what to do about them. */
const OTHER_FILES: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [
    [0x50, 0x4b, 0x03, 0x04],
    'a ZIP archive or an Excel workbook within an archive: unpack it, or save the sheet as CSV',
  ],
  [[0x1f, 0x8b], 'packed twice by gzip: unpack it first'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'an old Excel workbook: save the sheet as CSV'],
  [[0x25, 0x50, 0x44, 0x46], 'a PDF document: export CSV or JSON'],
  [[0x62, 0x70, 0x6c, 0x69, 0x73, 0x74], 'a binary property list: convert it with plutil -convert xml1'],
  [[0xff, 0xfe, 0x00, 0x00], 'in UTF-32: save it as UTF-8'],
  [[0x37, 0x7a, 0xbc, 0xaf], 'packed by 7-Zip: unpack it first'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'packed by zstd: unpack it first'],
  [[0xfd, 0x37, 0x7a, 0x58], 'packed by xz: unpack it first'],
  [[0x42, 0x5a, 0x68, 0x39], 'packed by bzip2: unpack it first'],
  [[0x52, 0x61, 0x72, 0x21], 'a RAR archive: unpack it first'],
  [[0x89, 0x50, 0x4e, 0x47], 'a picture: export CSV or JSON'],
  [[0xff, 0xd8, 0xff], 'a picture: export CSV or JSON'],
];

/** The encoding that a byte order mark or the zeros of UTF-16 name; null = neither. */
function markedEncoding(bytes: Uint8Array): Encoding | null {
  const [a, b, c] = bytes;
  for (const [first, what] of OTHER_FILES)
    if (first.every((byte, index) => bytes[index] === byte))
      throw new ProgramError('EASGATE_FILE', `the file is ${what}`);
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  return zeroedEncoding(bytes.subarray(0, HEAD));
}

/** UTF-16 without a mark: text of these exporters is mostly ASCII, so every second byte is zero. */
function zeroedEncoding(head: Uint8Array): Encoding | null {
  let [even, odd] = [0, 0];
  for (let index = 0; index < head.length; index++) {
    if (head[index] !== 0) continue;
    if (index % 2 === 0) even++;
    else odd++;
  }
  // A stray zero is one more character that nothing is done with.
  if (even + odd <= head.length * STRAY) {
    checkText(head);
    return null;
  }
  const half = head.length / 2;
  if (odd > half * 0.7 && even < half * 0.1) return 'utf-16le';
  if (even > half * 0.7 && odd < half * 0.1) return 'utf-16be';
  throw new ProgramError('EASGATE_FILE', 'the file is no text: it has zero bytes');
}

/** Control characters that text has: tabs, line ends and form feeds, the end mark of DOS, colours of a terminal, the separator of RFC 7464. */
const TEXT_CONTROLS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1a, 0x1b, 0x1e]);
/** A few are damage in a text. */
const FEW = 8;

/** What is packed or encrypted has a control character in ten bytes. @throws ProgramError EASGATE_FILE */
function checkText(head: Uint8Array): void {
  let strange = 0;
  for (const byte of head) if (byte === 0x7f || (byte < 0x20 && !TEXT_CONTROLS.has(byte))) strange++;
  if (strange > FEW && strange > head.length * STRAY)
    throw new ProgramError('EASGATE_FILE', 'the file is no text: is it packed or encrypted?');
}

/** UTF-8 or Windows-1252, by the first bytes beyond ASCII; null = they are not all there yet. */
function encodingOf(bytes: Uint8Array): Encoding | null {
  const at = bytes.findIndex((byte) => byte > 0x7f);
  const lead = bytes[at] ?? 0;
  // RFC 3629 4: C2 to DF lead two bytes, E0 to EF three, F0 to F4 four.
  const length =
    lead >= 0xc2 && lead <= 0xdf
      ? 2
      : lead >= 0xe0 && lead <= 0xef
        ? 3
        : lead >= 0xf0 && lead <= 0xf4
          ? 4
          : 0;
  if (length === 0) return 'windows-1252';
  const sequence = bytes.subarray(at + 1, at + length);
  if (sequence.some((byte) => byte < 0x80 || byte > 0xbf)) return 'windows-1252';
  return sequence.length < length - 1 ? null : 'utf-8';
}
