// Owns the splitting of JSON files into records: arrays, pages of an API (`value`, `results`, …), single objects, several documents one
// after the other, JSON lines. JSON.parse reads the records; this file finds where each begins and ends, so that a file of any
// size is read piece by piece, each refused record has its line, and a damaged one does not end the reading. Pure.
import { isOfProduct } from '../formats.ts';
import { fieldName } from '../row.ts';
import { LIST_NAMES, WRAPPER_NAMES, aroundList, hasRoom, pathToList } from './pages.ts';

/** One record as text, or why it has none. */
export interface JsonText {
  /** Line on which it begins, from 1. */
  readonly line: number;
  readonly text: string | null;
  /** Why there is no text; '' otherwise. */
  readonly reason: string;
  /** The file ends in the middle of it; of a text that is not JSON: no line end follows it. */
  readonly isCutOff?: boolean;
  /** Values of the document around it, as the type of an event; those in front of it, where the document is large. */
  readonly context: Readonly<Record<string, unknown>>;
}

/** Longest single record, UTF-16 units. */
export const MAX_RECORD = 1_048_576;
/** Documents up to this size are read as a whole. Larger ones are opened: their list is read element by element. */
const MAX_WHOLE = 4_194_304;
/** How deep a record may be nested. */
const MAX_DEPTH = 64;
/** How deep lists are opened: a line of brackets must not fill the memory. */
const MAX_OPENED = 16;
const MAX_CONTEXT = 65_536;
/** Where the list of a damaged document is looked for. */
const MAX_AROUND_LIST = 4_096;

/** Splits text into records. */
export async function* jsonTexts(text: AsyncIterable<string>): AsyncGenerator<JsonText> {
  const splitter = new JsonSplitter();
  for await (const piece of text) {
    splitter.push(piece);
    yield* splitter.take();
  }
  splitter.end();
  yield* splitter.take();
}

/** Splits text of which each line is a document. */
export async function* jsonLines(text: AsyncIterable<string>): AsyncGenerator<JsonText> {
  let line = 0;
  let rest = '';
  let isTooLong = false;
  const one = (written: string, isCutOff = false): JsonText | null => {
    line++;
    if (isTooLong) {
      isTooLong = false;
      const reason = `the line is longer than ${MAX_WHOLE} characters`;
      return { line, text: null, reason, isCutOff, context: {} };
    }
    // RFC 7464: a record separator may stand in front.
    const record = written.replace(/^\u001e/, '').trim();
    return record === '' ? null : { line, text: record, reason: '', isCutOff, context: {} };
  };
  for await (const piece of text) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const written of lines) {
      const record = one(written);
      if (record !== null) yield record;
    }
    if (rest.length > MAX_WHOLE) {
      isTooLong = true;
      rest = '';
    }
  }
  if (rest !== '' || isTooLong) {
    const record = one(rest, true);
    if (record !== null) yield record;
  }
}

/** A container whose members are read one by one. */
interface Opened {
  readonly kind: 'list' | 'object';
  /** Of an object: the keys that lead to the list to open; null = not known: any with a fitting name. */
  readonly path: readonly string[] | null;
  /** Values of the document around; shared by all records of the container. */
  readonly context: Record<string, unknown>;
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const COLON = 0x3a;

class JsonSplitter {
  private readonly found: JsonText[] = [];
  private readonly opened: Opened[] = [];
  private line = 1;
  /** The value that is being read: its text so far, and whether it is a key of an opened object. */
  private text = '';
  private size = 0;
  private isReading = false;
  private startLine = 1;
  private depth = 0;
  private inString = false;
  private isEscaped = false;
  private tooDeep = false;
  private tooLong = false;
  /** The key in front of the value, in an opened object. */
  private key: string | null = null;
  private contextSize = 0;
  private refusedLine = 0;

  /** Records found since the last call. */
  take(): JsonText[] {
    return this.found.splice(0);
  }

  push(piece: string): void {
    let at = 0;
    while (at < piece.length) at = this.isReading ? this.readValue(piece, at) : this.between(piece, at);
  }

  end(): void {
    if (!this.isReading) this.endOfOpened();
    else if (this.depth === 0 && !this.inString) {
      this.finish();
      this.endOfOpened();
    } else if (this.opened.length === 0 && looksLikePage(this.text)) {
      this.openDocument(null, {});
      this.end();
    } else this.refuse(this.startLine, 'the record is not complete (is the file cut off?)', true);
  }

  /** A file may end between two records of a list. */
  private endOfOpened(): void {
    if (this.opened.length > 0)
      this.refuse(this.line, 'the list is not complete (is the file cut off?)', true);
  }

  /** Outside of values: separators, and the brackets of opened containers. */
  private between(piece: string, at: number): number {
    const code = piece.charCodeAt(at);
    if (code === LINE_FEED) this.line++;
    if (code <= 0x20 || code === COMMA || code === COLON || code === 0x1e || code === 0xfeff) return at + 1;
    const inside = this.opened.at(-1);
    if (code === CLOSE_BRACKET || code === CLOSE_BRACE) {
      const isRight = inside?.kind === (code === CLOSE_BRACKET ? 'list' : 'object');
      if (isRight) this.opened.pop();
      else this.strange(piece.slice(at, at + 1));
      this.key = null;
      return at + 1;
    }
    if (code === OPEN_BRACKET && this.opened.length < MAX_OPENED && this.opensList(inside)) {
      this.opened.push({ kind: 'list', path: null, context: inside?.context ?? {} });
      this.key = null;
      return at + 1;
    }
    if (code === OPEN_BRACE && inside?.kind === 'object' && this.isToOpen(inside, WRAPPER_NAMES)) {
      this.opened.push({ kind: 'object', path: inside.path?.slice(1) ?? null, context: inside.context });
      this.key = null;
      return at + 1;
    }
    this.begin();
    return at;
  }

  /** Lists at the top are opened, and in opened objects those that hold the records. */
  private opensList(inside: Opened | undefined): boolean {
    return inside?.kind !== 'object' || this.isToOpen(inside, LIST_NAMES);
  }

  private isToOpen({ path }: Opened, names: ReadonlySet<string>): boolean {
    return path === null ? names.has(fieldName(this.key ?? '')) : this.key === path[0];
  }

  private begin(): void {
    this.isReading = true;
    this.startLine = this.line;
    this.text = '';
    this.size = 0;
    this.depth = 0;
    this.inString = false;
    this.isEscaped = false;
    this.tooDeep = false;
    this.tooLong = false;
  }

  /** Reads a value to its end or to the end of the piece; returns where it stopped. */
  private readValue(piece: string, from: number): number {
    let at = from;
    for (; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (this.inString) {
        at = this.endOfString(piece, at);
        if (!this.inString && this.depth === 0) return this.ended(piece, from, at + 1);
        continue;
      }
      if (code === QUOTE) this.inString = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        if (++this.depth > MAX_DEPTH) this.tooDeep = true;
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        // The bracket of the container ends a number or a word.
        if (this.depth === 0) return this.ended(piece, from, at);
        if (--this.depth === 0) return this.ended(piece, from, at + 1);
      } else if (this.depth === 0 && (code <= 0x20 || code === COMMA || code === COLON)) {
        return this.ended(piece, from, at);
      } else if (code === LINE_FEED) this.line++;
    }
    return this.paused(piece, from, at);
  }

  /** Where the string ends, or the piece. A quote behind an odd number of backslashes does not end it. */
  private endOfString(piece: string, from: number): number {
    for (let at = from; ; at++) {
      const quote = piece.indexOf('"', at);
      const end = quote === -1 ? piece.length : quote;
      let slashes = end;
      while (slashes > at && piece.charCodeAt(slashes - 1) === BACKSLASH) slashes--;
      const isOdd = (end - slashes) % 2 === 1;
      const isEscaped = slashes === at && this.isEscaped ? !isOdd : isOdd;
      this.isEscaped = quote === -1 && isEscaped;
      if (quote === -1) return piece.length;
      if (!isEscaped) {
        this.inString = false;
        return quote;
      }
      at = quote;
    }
  }

  /** The piece ends within the value. */
  private paused(piece: string, from: number, to: number): number {
    this.keep(piece, from, to);
    const isDocument = this.opened.length === 0 && this.text.charCodeAt(0) === OPEN_BRACE;
    if (isDocument && this.size > MAX_WHOLE && !this.tooLong) this.openDocument(null, {});
    return to;
  }

  private ended(piece: string, from: number, to: number): number {
    this.keep(piece, from, to);
    this.finish();
    return to;
  }

  private keep(piece: string, from: number, to: number): void {
    this.size += to - from;
    const most = this.opened.length === 0 ? MAX_WHOLE * 2 : MAX_RECORD;
    if (this.size > most) {
      this.tooLong = true;
      this.text = '';
    } else this.text += piece.slice(from, to);
  }

  /** A document with a list: what was read of it is read once more, member by member, for the line of each record. */
  private openDocument(path: readonly string[] | null, context: Record<string, unknown>): void {
    const { text, startLine } = this;
    this.isReading = false;
    this.line = startLine;
    this.opened.push({ kind: 'object', path, context });
    this.contextSize = 0;
    this.key = null;
    this.push(text.slice(1));
  }

  private finish(): void {
    this.isReading = false;
    const inside = this.opened.at(-1);
    if (this.tooLong) return this.refuse(this.startLine, 'the record is too long');
    if (this.tooDeep) return this.refuse(this.startLine, `the record is nested deeper than ${MAX_DEPTH}`);
    if (inside?.kind === 'object') return this.member(inside);
    if (inside === undefined && this.text.charCodeAt(0) === OPEN_BRACE) return this.document();
    this.add(inside?.context ?? {});
  }

  /** A whole document: a record, or one with a list of records. A damaged one is opened, so that its good records are found. */
  private document(): void {
    const value = parsed(this.text);
    if (value === null && looksLikePage(this.text)) return this.openDocument(null, {});
    const path = pathToList(value);
    if (path === null || typeof value !== 'object' || value === null) return this.add({});
    this.openDocument(path, aroundList(value, path[0]));
  }

  private add(context: Record<string, unknown>): void {
    this.found.push({ line: this.startLine, text: this.text, reason: '', context });
  }

  /** A key or a value of an opened object. Values are kept as context, as far as there is room. */
  private member({ context }: Opened): void {
    const { key, text } = this;
    if (key === null) {
      const read = parsed(text);
      this.key = typeof read === 'string' ? read : '';
      return;
    }
    this.key = null;
    this.contextSize += key.length + text.length;
    if (this.contextSize <= MAX_CONTEXT && hasRoom(context) && !(key in context)) context[key] = parsed(text);
  }

  private strange(text: string): void {
    if (this.refusedLine !== this.line) this.refuse(this.line, `"${text}" does not belong here`);
  }

  private refuse(line: number, reason: string, isCutOff = false): void {
    this.isReading = false;
    this.refusedLine = this.line;
    this.found.push({ line, text: null, reason, isCutOff, context: {} });
  }
}

/** Whether a document that is damaged has a list of records: then each of them stands for itself. */
function looksLikePage(text: string): boolean {
  const head = text.slice(0, MAX_AROUND_LIST);
  for (const { index, 1: name = '' } of head.matchAll(/"([^"\\]{1,60})"\s*:\s*\[\s*\{/g))
    if (LIST_NAMES.has(fieldName(name))) return !isOfProduct(namesIn(head.slice(0, index)));
  return false;
}

/** A record may have a list of its own; it is not read from that list. */
function namesIn(text: string): Set<string> {
  return new Set([...text.matchAll(/"([^"\\]{1,60})"\s*:/g)].map(([, name = '']) => fieldName(name)));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
