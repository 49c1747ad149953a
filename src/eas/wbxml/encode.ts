// Owns the encoder of EAS WBXML: pages switched only where they change, text inline, bytes opaque. Pure.
import { findTag } from './code-pages.ts';
import { WbxmlError, isElement } from './element.ts';
import type { WbxmlElement } from './element.ts';

const HEADER = Buffer.from([0x03, 0x01, 0x6a, 0x00]);
const END = Buffer.from([0x01]);
const STR_I = Buffer.from([0x03]);
const NUL = Buffer.from([0x00]);
const CONTENT = 0x40;
const OPAQUE = 0xc3;
const MAX_LENGTH = 0x0fff_ffff;

/** Encodes a document. @throws WbxmlError for unknown tags and for text with NUL */
export function encodeWbxml(root: WbxmlElement): Buffer {
  const parts: Buffer[] = [HEADER];
  write(root, 0, parts);
  return Buffer.concat(parts);
}

/** Writes an element; returns the page that is current behind it. */
function write(element: WbxmlElement, current: number, parts: Buffer[]): number {
  const place = findTag(element.namespace, element.name);
  if (place === undefined) {
    throw new WbxmlError('EASGATE_WBXML_UNKNOWN_TAG', `no tag ${element.namespace}:${element.name}`);
  }
  const { page, token } = place;
  if (page !== current) parts.push(Buffer.from([0x00, page]));
  if (element.children.length === 0) {
    parts.push(Buffer.from([token]));
    return page;
  }
  parts.push(Buffer.from([token | CONTENT]));
  let inner = page;
  for (const content of element.children) {
    if (isElement(content)) {
      inner = write(content, inner, parts);
    } else if (typeof content === 'string') {
      if (content.includes('\0')) throw new WbxmlError('EASGATE_WBXML_TEXT', 'text with NUL');
      parts.push(STR_I, Buffer.from(content, 'utf8'), NUL);
    } else {
      parts.push(opaqueHead(content.length), content);
    }
  }
  parts.push(END);
  return inner;
}

/** OPAQUE and its length in septets, most significant first (WBXML 1.3, 5.1). */
function opaqueHead(length: number): Buffer {
  if (length > MAX_LENGTH) throw new WbxmlError('EASGATE_WBXML_LIMIT', 'opaque data too long');
  const septets = [length & 0x7f];
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) septets.unshift((rest & 0x7f) | 0x80);
  return Buffer.from([OPAQUE, ...septets]);
}
