// Owns the search for keys and ids of the quarantine mailbox in a request body, fed in pieces of any size. Pure; keeps
// no bytes.
// Threat: readers join the texts of an element, and libwbxml decodes entities that EAS does not use, so a key may be
// split into several texts. Rule: a body that cannot be parsed token by token is `odd` and must be treated as
// suspicious.
import { CODE_PAGES, findTag } from '../eas/wbxml/code-pages.ts';
import { ATTRIBUTES, CONTENT, END, FIRST_TAG, HEADER, MAX_LENGTH_OCTETS } from '../eas/wbxml/tokens.ts';
import { OPAQUE, STR_I, SWITCH_PAGE, TAG } from '../eas/wbxml/tokens.ts';
import { ISSUED_PREFIX } from './keys.ts';

/** `clean` = nothing found so far. The other two are final. */
export type IssuedFinding = 'clean' | 'issued' | 'odd';

/** A character entity (WBXML 1.3, 5.8.4.2). MS-ASWBXML does not use it, but libwbxml decodes it. */
const ENTITY = 0x02;

/** The elements that may hold an issued key or id; never elements with text written by a person. */
const NAMES: readonly string[] = [
  'SyncKey',
  'CollectionId',
  'ServerId',
  'ParentId',
  'Id',
  'FolderId',
  'ItemId',
  'LongId',
  'SrcMsgId',
  'SrcFldId',
  'DstFldId',
  'RequestId',
];
const PLACES: ReadonlySet<number> = new Set(
  CODE_PAGES.flatMap(({ namespace }) =>
    NAMES.flatMap((name) => {
      const place = findTag(namespace, name);
      return place === undefined ? [] : [place.page * 256 + place.token];
    }),
  ),
);

const PREFIX = Buffer.from(ISSUED_PREFIX, 'latin1');
/** Deeper than any request of EAS. */
const MAX_DEPTH = 64;
/** In {@link IssuedScan.matched}: the text of this element does not match, or does not matter. */
const OTHER = 0xff;

const AT_TOKEN = 0;
const AT_PAGE = 1;
const IN_TEXT = 2;
const IN_LENGTH = 3;
const IN_OPAQUE = 4;
const IN_ENTITY = 5;
const IN_HEADER = 6;
/** After the root element: servers ignore the rest. */
const DONE = 7;

/** Scans one document from its first octet on. */
export class IssuedScan {
  private state = IN_HEADER;
  private headerSeen = 0;
  private page = 0;
  private depth = 0;
  /** By depth: how many characters of the prefix the open element's text has matched. */
  private readonly matched = new Uint8Array(MAX_DEPTH + 1).fill(OTHER, 0, 1);
  private number = 0;
  private octets = 0;
  private finding: IssuedFinding = 'clean';

  /** Starts another document. */
  reset(): void {
    this.state = IN_HEADER;
    this.headerSeen = 0;
    this.page = 0;
    this.depth = 0;
    this.finding = 'clean';
  }

  /** Scans the next piece; it is not kept. */
  push(bytes: Uint8Array): IssuedFinding {
    let at = 0;
    while (at < bytes.length && this.finding === 'clean') {
      const byte = bytes[at++] as number;
      switch (this.state) {
        case AT_TOKEN:
          this.token(byte);
          break;
        case IN_TEXT:
          if (byte === 0) this.state = AT_TOKEN;
          else if (this.matched[this.depth] === OTHER) at = textEnd(bytes, at);
          else this.character(byte);
          break;
        case IN_OPAQUE:
          if (this.matched[this.depth] === OTHER) at = this.skip(bytes, at);
          else this.character(byte);
          if (--this.number === 0) this.state = AT_TOKEN;
          break;
        case IN_LENGTH:
        case IN_ENTITY:
          this.integer(byte);
          break;
        case AT_PAGE:
          this.page = byte;
          this.state = AT_TOKEN;
          break;
        case DONE:
          return this.finding;
        default:
          if (byte !== HEADER[this.headerSeen++]) this.finding = 'odd';
          else if (this.headerSeen === HEADER.length) this.state = AT_TOKEN;
      }
    }
    return this.finding;
  }

  private token(token: number): void {
    if ((token & ATTRIBUTES) === 0 && (token & TAG) >= FIRST_TAG) {
      if ((token & CONTENT) === 0) {
        if (this.depth === 0) this.state = DONE;
        return;
      }
      if (++this.depth > MAX_DEPTH) this.finding = 'odd';
      else this.matched[this.depth] = PLACES.has(this.page * 256 + (token & TAG)) ? 0 : OTHER;
    } else if (token === END) {
      if (--this.depth === 0) this.state = DONE;
      else if (this.depth < 0) this.finding = 'odd';
    } else if (token === SWITCH_PAGE) {
      this.state = AT_PAGE;
    } else if (token === STR_I) {
      this.state = IN_TEXT;
    } else if (token === OPAQUE || token === ENTITY) {
      this.number = 0;
      this.octets = 0;
      this.state = token === OPAQUE ? IN_LENGTH : IN_ENTITY;
    } else {
      this.finding = 'odd';
    }
  }

  /** Reads one octet of a length or of a character number. */
  private integer(octet: number): void {
    this.number = this.number * 128 + (octet & 0x7f);
    if (++this.octets > MAX_LENGTH_OCTETS) {
      this.finding = 'odd';
    } else if ((octet & 0x80) === 0) {
      const inLength = this.state === IN_LENGTH;
      if (!inLength) this.character(this.number);
      this.state = inLength && this.number > 0 ? IN_OPAQUE : AT_TOKEN;
    }
  }

  /** Compares the next character of the open element's text. */
  private character(code: number): void {
    const matched = this.matched[this.depth] as number;
    if (matched === OTHER) return;
    if (code !== PREFIX[matched]) this.matched[this.depth] = OTHER;
    else if (matched + 1 === PREFIX.length) this.finding = 'issued';
    else this.matched[this.depth] = matched + 1;
  }

  /** Skips opaque content except its last octet, which the caller counts; returns the next position. */
  private skip(bytes: Uint8Array, at: number): number {
    const skipped = Math.min(this.number - 1, bytes.length - at);
    this.number -= skipped;
    return at + skipped;
  }
}

const shared = new IssuedScan();

/** Scans the available part of one document. */
export function findIssued(bytes: Uint8Array): IssuedFinding {
  shared.reset();
  return shared.push(bytes);
}

/** End of the text at `at`: its NUL, or the end of the piece. */
function textEnd(bytes: Uint8Array, at: number): number {
  const end = bytes.indexOf(0, at);
  return end === -1 ? bytes.length : end;
}
