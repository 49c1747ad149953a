// Owns the pull parser of EAS WBXML (MS-ASWBXML 2.1; WBXML 1.3, 5), fed with chunks of any size. Pure; bounded memory.
// Features that the specification lists as unused are refused: string tables, LITERAL, entities, attributes,
// extensions, PIs.
import { CODE_PAGES } from './code-pages.ts';
import { WbxmlError } from './element.ts';
import type { WbxmlErrorCode } from './element.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { WbxmlLimits } from './limits.ts';
import { decodeText, newTextStream } from './text.ts';
import { ATTRIBUTES, CONTENT, END, FIRST_TAG, HEADER, MAX_LENGTH_OCTETS } from './tokens.ts';
import { OPAQUE, STR_I, SWITCH_PAGE, TAG } from './tokens.ts';

/** What {@link WbxmlReader.next} found. */
export type WbxmlEvent = 'open' | 'text' | 'opaque' | 'close';

// States of the parser between two octets.
const IN_HEADER = 0;
const AT_TOKEN = 1;
/** After SWITCH_PAGE: the number of the page. */
const AT_PAGE = 2;
/** After a page that was named before the root: the root must follow. */
const AT_ROOT = 3;
const IN_TEXT = 4;
const IN_LENGTH = 5;
const IN_OPAQUE = 6;
/** Inside an element without content: `open` was reported, `close` was not. */
const AT_EMPTY = 7;
const DONE = 8;

const NOTHING = Buffer.alloc(0);

/**
 * Reads one document. Call {@link push} with a chunk, then {@link next} until it returns null, and so on; after the
 * last chunk call {@link end}. Between chunks it keeps at most one unfinished character. After an error every further
 * call throws the same error.
 */
export class WbxmlReader {
  private readonly limits: WbxmlLimits;
  private bytes: Buffer = NOTHING;
  private at = 0;
  /** Octets in the chunks before this one. */
  private before = 0;
  /** The current chunk was cut off at `maxBytes`. */
  private cut = false;
  private state = IN_HEADER;
  private nodes = 0;
  private openElements = 0;
  private currentPage = 0;
  private currentTag = 0;
  private septets = 0;
  /** Octets of the current opaque content that are still missing. */
  private remaining = 0;
  /** Set while a text continues in the next chunk. */
  private stream: TextDecoder | null = null;
  private pieceText = '';
  private pieceBytes: Buffer = NOTHING;
  private pieceIsLast = false;
  private failure: WbxmlError | null = null;

  constructor(limits: WbxmlLimits = DEFAULT_LIMITS) {
    this.limits = limits;
  }

  /** Code page of the element last opened. */
  get page(): number {
    return this.currentPage;
  }

  /** Token of the element last opened, 0x05 to 0x3f. */
  get tag(): number {
    return this.currentTag;
  }

  /** Namespace of the element last opened; `unknown-PP` for an unknown page. */
  get namespace(): string {
    return CODE_PAGES[this.currentPage]?.namespace ?? `unknown-${hex(this.currentPage)}`;
  }

  /** Name of the element last opened; `unknown-PP-TT` for an unknown tag. */
  get name(): string {
    const known = CODE_PAGES[this.currentPage]?.tags[this.currentTag];
    return known ?? `unknown-${hex(this.currentPage)}-${hex(this.currentTag)}`;
  }

  /** Number of open elements: 1 at the `open` of the root; a `close` reduces it by one. */
  get depth(): number {
    return this.openElements;
  }

  /** The piece of the last `text` event; empty only at the end of a text. */
  get text(): string {
    return this.pieceText;
  }

  /** The piece of the last `opaque` event: a view of the chunk. Copy it to keep it. */
  get opaque(): Buffer {
    return this.pieceBytes;
  }

  /** Whether the last `text` or `opaque` event was the final piece of its content. */
  get last(): boolean {
    return this.pieceIsLast;
  }

  /** Adds the next chunk. Do not change it before `next` returned null. */
  push(chunk: Uint8Array): void {
    if (this.at < this.bytes.length || this.state === AT_EMPTY) {
      throw new Error('push() before next() has answered null');
    }
    this.before += this.bytes.length;
    this.at = 0;
    const room = this.limits.maxBytes - this.before;
    this.cut ||= chunk.length > room;
    const view = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.bytes = this.cut ? view.subarray(0, room) : view;
  }

  /** Ends the input. @throws WbxmlError when the document is incomplete */
  end(): void {
    if (this.next() !== null) throw new Error('end() before next() has answered null');
    if (this.state !== DONE) throw this.refuse('EASGATE_WBXML_TRUNCATED', 'the document does not end');
  }

  /** The next event, or null when the chunk is used up. @throws WbxmlError */
  next(): WbxmlEvent | null {
    if (this.failure !== null) throw this.failure;
    if (this.state === AT_EMPTY) return this.close();
    const { bytes } = this;
    while (this.at < bytes.length) {
      switch (this.state) {
        case AT_TOKEN:
        case AT_ROOT: {
          const event = this.token(bytes[this.at++] as number);
          if (event !== null) return event;
          break;
        }
        case IN_TEXT: {
          if (this.readText()) return 'text';
          break;
        }
        case IN_OPAQUE:
          return this.readOpaque();
        case IN_LENGTH: {
          if (this.readLength(bytes[this.at++] as number)) return 'opaque';
          break;
        }
        case AT_PAGE:
          this.currentPage = bytes[this.at++] as number;
          // Inside the root a page may be named before any token and repeatedly: TbSync does so before END, and mail
          // servers accept it. (WBXML 1.3, 5.3, allows SWITCH_PAGE before a tag only.)
          this.state = this.openElements === 0 ? AT_ROOT : AT_TOKEN;
          break;
        case IN_HEADER:
          this.readHeader();
          break;
        default:
          throw this.refuse('EASGATE_WBXML_TRAILING', 'bytes behind the root element');
      }
    }
    if (this.cut) throw this.refuse('EASGATE_WBXML_LIMIT', `more than ${this.limits.maxBytes} bytes`);
    return null;
  }

  private token(token: number): WbxmlEvent | null {
    if ((token & ATTRIBUTES) === 0 && (token & TAG) >= FIRST_TAG) return this.open(token);
    if (this.state === AT_ROOT) {
      // libwbxml does not find a root after two switches in a row.
      throw this.refuse('EASGATE_WBXML_TOKEN', 'no root behind SWITCH_PAGE');
    }
    if (token === SWITCH_PAGE) {
      this.state = AT_PAGE;
      return null;
    }
    if (token !== END && token !== STR_I && token !== OPAQUE) {
      throw this.refuse('EASGATE_WBXML_TOKEN', `token 0x${hex(token)} is not used by EAS`);
    }
    if (this.openElements === 0) throw this.refuse('EASGATE_WBXML_TOKEN', 'content outside of the root');
    if (token === END) return this.close();
    this.countNode();
    this.septets = 0;
    this.remaining = 0;
    this.state = token === STR_I ? IN_TEXT : IN_LENGTH;
    return null;
  }

  private open(token: number): WbxmlEvent {
    const tag = token & TAG;
    if (!this.limits.keepUnknown && CODE_PAGES[this.currentPage]?.tags[tag] === undefined) {
      const place = `page ${this.currentPage}, token 0x${hex(tag)}`;
      throw this.refuse('EASGATE_WBXML_UNKNOWN_TAG', `${place} is not known`);
    }
    this.countNode();
    if (++this.openElements > this.limits.maxDepth) {
      throw this.refuse('EASGATE_WBXML_LIMIT', 'elements nested too deeply');
    }
    this.currentTag = tag;
    this.state = (token & CONTENT) === 0 ? AT_EMPTY : AT_TOKEN;
    return 'open';
  }

  private close(): WbxmlEvent {
    this.state = --this.openElements === 0 ? DONE : AT_TOKEN;
    return 'close';
  }

  private countNode(): void {
    if (++this.nodes > this.limits.maxNodes) throw this.refuse('EASGATE_WBXML_LIMIT', 'too many nodes');
  }

  private readHeader(): void {
    const { bytes, before } = this;
    while (this.at < bytes.length && before + this.at < HEADER.length) {
      if (bytes[this.at] !== HEADER[before + this.at]) {
        throw this.refuse('EASGATE_WBXML_HEADER', 'not WBXML 1.3, public id 1, UTF-8, without string table');
      }
      this.at++;
    }
    if (before + this.at === HEADER.length) this.state = AT_TOKEN;
  }

  /** Whether there is a piece to report. */
  private readText(): boolean {
    const { bytes, at: start } = this;
    const end = bytes.indexOf(0, start);
    this.pieceIsLast = end !== -1;
    try {
      if (this.pieceIsLast && this.stream === null) {
        this.pieceText = decodeText(bytes, start, end);
      } else {
        this.stream ??= newTextStream();
        const piece = bytes.subarray(start, this.pieceIsLast ? end : bytes.length);
        this.pieceText = this.stream.decode(piece, { stream: !this.pieceIsLast });
      }
    } catch {
      throw this.refuse('EASGATE_WBXML_TEXT', 'text is not UTF-8');
    }
    if (!this.pieceIsLast) {
      this.at = bytes.length;
      return this.pieceText !== '';
    }
    this.stream = null;
    this.at = end + 1;
    this.state = AT_TOKEN;
    return true;
  }

  /** Reads one septet of a length. Returns true when an empty content is to be reported. */
  private readLength(septet: number): boolean {
    // A leading zero septet is a longer spelling of the same number; decoders differ on how many they accept.
    if (this.septets === 0 && septet === 0x80) throw this.refuse('EASGATE_WBXML_TOKEN', 'over-long length');
    if (++this.septets > MAX_LENGTH_OCTETS) throw this.refuse('EASGATE_WBXML_LIMIT', 'length too large');
    this.remaining = this.remaining * 128 + (septet & 0x7f);
    if ((septet & 0x80) !== 0) return false;
    if (this.remaining > 0) {
      this.state = IN_OPAQUE;
      return false;
    }
    this.pieceBytes = NOTHING;
    this.pieceIsLast = true;
    this.state = AT_TOKEN;
    return true;
  }

  private readOpaque(): WbxmlEvent {
    const end = Math.min(this.at + this.remaining, this.bytes.length);
    this.pieceBytes = this.bytes.subarray(this.at, end);
    this.remaining -= end - this.at;
    this.at = end;
    this.pieceIsLast = this.remaining === 0;
    if (this.pieceIsLast) this.state = AT_TOKEN;
    return 'opaque';
  }

  private refuse(code: WbxmlErrorCode, why: string): WbxmlError {
    this.failure = new WbxmlError(code, `${why}, at octet ${this.before + this.at}`);
    this.bytes = NOTHING;
    return this.failure;
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
