// Owns the encoder of EAS WBXML: writes SWITCH_PAGE only at a change, text inline, bytes as OPAQUE. Pure.
import { findTag } from './code-pages.ts';
import { WbxmlError, isElement } from './element.ts';
import type { WbxmlElement } from './element.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { WbxmlLimits } from './limits.ts';
import { encodeText, encodedLength } from './text.ts';
import { CONTENT, END, HEADER, MAX_LENGTH, MAX_LENGTH_OCTETS } from './tokens.ts';
import { OPAQUE, STR_I, SWITCH_PAGE } from './tokens.ts';

/** First buffer size, in bytes: enough for a Ping, a policy or a page of folders. It doubles when needed. */
const FIRST_SIZE = 512;
/** SWITCH_PAGE, page and tag before an element; END after it. */
const ELEMENT_OVERHEAD = 4;
/** Bytes around a text or opaque content. */
const CONTENT_OVERHEAD = 1 + MAX_LENGTH_OCTETS;
/** Upper bound of the error of a size estimate, so that a document at the limit is not refused. */
const SLACK = 64;

/**
 * Encodes a document that the decoder accepts under the same limits (`keepUnknown` is ignored).
 * @throws WbxmlError for unknown tags, for text with NUL or lone surrogates, and beyond the limits
 */
export function encodeWbxml(root: WbxmlElement, limits: WbxmlLimits = DEFAULT_LIMITS): Buffer {
  const writer = new Writer(limits);
  writer.element(root, 1);
  return writer.result();
}

class Writer {
  private readonly limits: WbxmlLimits;
  private bytes: Buffer = Buffer.allocUnsafe(FIRST_SIZE);
  private at = HEADER.length;
  private page = 0;
  private nodes = 0;

  constructor(limits: WbxmlLimits) {
    this.limits = limits;
    this.bytes.set(HEADER);
  }

  result(): Buffer {
    if (this.at > this.limits.maxBytes) throw beyond(`more than ${this.limits.maxBytes} bytes`);
    return this.bytes.subarray(0, this.at);
  }

  element(element: WbxmlElement, depth: number): void {
    const place = findTag(element.namespace, element.name);
    if (place === undefined) {
      throw new WbxmlError('EASGATE_WBXML_UNKNOWN_TAG', `no tag ${element.namespace}:${element.name}`);
    }
    this.countNode();
    if (depth > this.limits.maxDepth) throw beyond('elements nested too deeply');
    this.reserve(ELEMENT_OVERHEAD);
    if (place.page !== this.page) {
      this.page = place.page;
      this.bytes[this.at++] = SWITCH_PAGE;
      this.bytes[this.at++] = place.page;
    }
    if (element.children.length === 0) {
      this.bytes[this.at++] = place.token;
      return;
    }
    this.bytes[this.at++] = place.token | CONTENT;
    for (const content of element.children) {
      if (typeof content === 'string') this.text(content);
      else if (isElement(content)) this.element(content, depth + 1);
      else this.opaque(content);
    }
    this.reserve(1);
    this.bytes[this.at++] = END;
  }

  private text(text: string): void {
    this.countNode();
    this.reserve(encodedLength(text) + CONTENT_OVERHEAD);
    this.bytes[this.at++] = STR_I;
    this.at = encodeText(text, this.bytes, this.at);
    this.bytes[this.at++] = 0;
  }

  /** OPAQUE and its length in septets, most significant first (WBXML 1.3, 5.1). */
  private opaque(content: Buffer): void {
    const { length } = content;
    if (length > MAX_LENGTH) throw beyond('opaque data too long');
    this.countNode();
    this.reserve(length + CONTENT_OVERHEAD);
    this.bytes[this.at++] = OPAQUE;
    for (let shift = 21; shift > 0; shift -= 7) {
      if (length >>> shift > 0) this.bytes[this.at++] = ((length >>> shift) & 0x7f) | 0x80;
    }
    this.bytes[this.at++] = length & 0x7f;
    this.bytes.set(content, this.at);
    this.at += length;
  }

  private countNode(): void {
    if (++this.nodes > this.limits.maxNodes) throw beyond('too many nodes');
  }

  /** Grows the buffer, bounded by the limits. */
  private reserve(more: number): void {
    const needed = this.at + more;
    if (needed <= this.bytes.length) return;
    if (needed > this.limits.maxBytes + SLACK) throw beyond(`more than ${this.limits.maxBytes} bytes`);
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }
}

function beyond(why: string): WbxmlError {
  return new WbxmlError('EASGATE_WBXML_LIMIT', why);
}
