// Owns the strict, bounded decoder of EAS WBXML (MS-ASWBXML 2.1; WBXML 1.3). Pure.
// What the specification lists as unused is refused: string tables, LITERAL, entities, attributes, extensions, PIs.
import { CODE_PAGES } from './code-pages.ts';
import { WbxmlError } from './element.ts';
import type { WbxmlContent, WbxmlElement } from './element.ts';

/** Bounds of one document. */
export interface WbxmlLimits {
  readonly maxDepth: number;
  readonly maxElements: number;
  /** Keep tags that no page lists, as `unknown-PP-TT`, instead of refusing them. */
  readonly keepUnknown: boolean;
}

/** Enough for every command; a Sync of 500 items has some 20,000 elements. */
export const DEFAULT_LIMITS: WbxmlLimits = { maxDepth: 32, maxElements: 200_000, keepUnknown: false };

const SWITCH_PAGE = 0x00;
const END = 0x01;
const STR_I = 0x03;
const OPAQUE = 0xc3;
const ATTRIBUTES = 0x80;
const CONTENT = 0x40;
const FIRST_TAG = 0x05;
/** 2^28 - 1 in four septets: far beyond any body limit. */
const MAX_LENGTH_OCTETS = 4;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Open {
  readonly element: { namespace: string; name: string; children: WbxmlContent[] };
  readonly parent: Open | null;
}

/** Decodes a whole document. @throws WbxmlError */
export function decodeWbxml(bytes: Uint8Array, limits: WbxmlLimits = DEFAULT_LIMITS): WbxmlElement {
  if (bytes.length < 5 || bytes[0] !== 0x03 || bytes[1] !== 0x01 || bytes[2] !== 0x6a || bytes[3] !== 0x00) {
    throw new WbxmlError('EASGATE_WBXML_HEADER', 'not WBXML 1.3, public id 1, UTF-8, without string table');
  }
  let at = 4;
  let page = 0;
  let switched = false;
  let elements = 0;
  let depth = 0;
  let open: Open | null = null;
  let root: WbxmlElement | null = null;
  while (at < bytes.length) {
    if (root !== null)
      throw new WbxmlError('EASGATE_WBXML_TRAILING', `bytes behind the root element at ${at}`);
    const token = bytes[at++] as number;
    if (token === SWITCH_PAGE) {
      // libwbxml loses the element behind two switches in a row (eas-protocol facts, 5).
      if (switched) throw new WbxmlError('EASGATE_WBXML_TOKEN', `two SWITCH_PAGE in a row at ${at - 1}`);
      page = octet(bytes, at++);
      if (page >= CODE_PAGES.length && !limits.keepUnknown) throw unknown(page, 0, at);
      switched = true;
      continue;
    }
    switched = false;
    if (token === END) {
      if (open === null) throw new WbxmlError('EASGATE_WBXML_TOKEN', `END without an element at ${at - 1}`);
      depth--;
      if (open.parent === null) root = open.element;
      open = open.parent;
    } else if (token === STR_I) {
      const end = bytes.indexOf(0, at);
      if (end === -1) throw new WbxmlError('EASGATE_WBXML_TRUNCATED', 'a string without its end');
      inside(open, at).children.push(text(bytes, at, end));
      at = end + 1;
    } else if (token === OPAQUE) {
      let length = 0;
      let octets = 0;
      let septet: number;
      do {
        septet = octet(bytes, at++);
        // A leading zero septet writes the same number longer; decoders differ on how long they read.
        if (octets === 0 && septet === 0x80)
          throw new WbxmlError('EASGATE_WBXML_TOKEN', `over-long length at ${at - 1}`);
        if (++octets > MAX_LENGTH_OCTETS)
          throw new WbxmlError('EASGATE_WBXML_LIMIT', `length too large at ${at}`);
        length = length * 128 + (septet & 0x7f);
      } while ((septet & 0x80) !== 0);
      if (at + length > bytes.length)
        throw new WbxmlError('EASGATE_WBXML_TRUNCATED', `opaque data past the end at ${at}`);
      inside(open, at).children.push(Buffer.from(bytes.subarray(at, at + length)));
      at += length;
    } else {
      if ((token & ATTRIBUTES) !== 0 || (token & 0x3f) < FIRST_TAG) {
        throw new WbxmlError(
          'EASGATE_WBXML_TOKEN',
          `token 0x${token.toString(16)} is not used by EAS, at ${at - 1}`,
        );
      }
      if (++elements > limits.maxElements) throw new WbxmlError('EASGATE_WBXML_LIMIT', 'too many elements');
      const tag = token & 0x3f;
      const name = CODE_PAGES[page]?.tags[tag];
      if (name === undefined && !limits.keepUnknown) throw unknown(page, tag, at - 1);
      const element: Open['element'] = {
        namespace: CODE_PAGES[page]?.namespace ?? `unknown-${hex(page)}`,
        name: name ?? `unknown-${hex(page)}-${hex(tag)}`,
        children: [],
      };
      if (open !== null) open.element.children.push(element);
      if ((token & CONTENT) !== 0) {
        if (++depth > limits.maxDepth)
          throw new WbxmlError('EASGATE_WBXML_LIMIT', 'elements nested too deeply');
        open = { element, parent: open };
      } else if (open === null) {
        root = element;
      }
    }
  }
  if (root === null) throw new WbxmlError('EASGATE_WBXML_TRUNCATED', 'the root element does not end');
  return root;
}

function inside(open: Open | null, at: number): Open['element'] {
  if (open === null)
    throw new WbxmlError('EASGATE_WBXML_TOKEN', `content outside of the root element at ${at}`);
  return open.element;
}

function text(bytes: Uint8Array, start: number, end: number): string {
  try {
    return utf8.decode(bytes.subarray(start, end));
  } catch {
    throw new WbxmlError('EASGATE_WBXML_TEXT', `text at ${start} is not UTF-8`);
  }
}

function octet(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new WbxmlError('EASGATE_WBXML_TRUNCATED', 'the document ends inside a token');
  return byte;
}

function unknown(page: number, tag: number, at: number): WbxmlError {
  return new WbxmlError(
    'EASGATE_WBXML_UNKNOWN_TAG',
    `page ${page}, token 0x${hex(tag)} at ${at} is not known`,
  );
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
