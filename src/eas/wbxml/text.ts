// Owns the text of WBXML: strict UTF-8 in both directions, fast for short ASCII, which most contents are. Pure.
import { isUtf8 } from 'node:buffer';
import { WbxmlError } from './element.ts';

/** Up to this length, reading characters one by one is faster than a call into native code. */
const SHORT = 16;

/** Bytes `start` to `end` as text. @throws TypeError when they are not UTF-8 */
export function decodeText(bytes: Buffer, start: number, end: number): string {
  if (end - start <= SHORT) {
    let text = '';
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) return text;
  }
  if (!isUtf8(bytes.subarray(start, end))) throw new TypeError('not UTF-8');
  return bytes.toString('utf8', start, end);
}

/** A decoder for text in pieces; keeps the octets of one unfinished character. Throws like {@link decodeText}. */
export function newTextStream(): TextDecoder {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
}

/** Bytes that {@link encodeText} may need; for short text an upper bound. */
export function encodedLength(text: string): number {
  // A UTF-16 unit makes at most three octets (two surrogates make four).
  return text.length <= SHORT ? text.length * 3 : Buffer.byteLength(text, 'utf8');
}

/** Writes text at `at` and returns where it ends. @throws WbxmlError for NUL and lone surrogates */
export function encodeText(text: string, bytes: Buffer, at: number): number {
  if (text.length <= SHORT) {
    let index = 0;
    for (; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit === 0 || unit >= 0x80) break;
      bytes[at + index] = unit;
    }
    if (index === text.length) return at + index;
  }
  if (text.includes('\0')) throw new WbxmlError('EASGATE_WBXML_TEXT', 'text with NUL');
  if (!text.isWellFormed()) throw new WbxmlError('EASGATE_WBXML_TEXT', 'text with a lone surrogate');
  return at + bytes.write(text, at, 'utf8');
}
