// Owns the byte classes of HTTP/1.1 heads (RFC 9110 5.6.2, RFC 9112 2.2), and comparing and reading their bytes. Pure.

/** Bits of {@link BYTE_CLASS}. */
export const NAME_STRICT = 1;
export const NAME_TOKEN = 2;
export const VALUE = 4;
export const TARGET = 8;
export const DIGIT = 16;

/**
 * Class bits per byte. Request header names are letters, digits and `-` only: CGI and IIS map the other token
 * characters (above all `_`) onto those, so `Content_Length` could mean Content-Length behind the gateway.
 */
export const BYTE_CLASS = buildByteClasses();

function buildByteClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    let bits = 0;
    if (/^[A-Za-z0-9-]$/.test(character)) bits |= NAME_STRICT;
    if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/.test(character)) bits |= NAME_TOKEN;
    if (byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)) bits |= VALUE;
    if (byte > 0x20 && byte < 0x7f) bits |= TARGET;
    if (byte >= 0x30 && byte <= 0x39) bits |= DIGIT;
    classes[byte] = bits;
  }
  return classes;
}

/** Whether `text` equals the lower-case ASCII `lower` without regard to case. */
export function equalsIgnoreCase(text: string, lower: string): boolean {
  return text.length === lower.length && (text === lower || text.toLowerCase() === lower);
}

/** Decimal digits as a safe integer; -1 for anything else. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 15) return -1;
  let value = 0;
  for (let index = start; index < end; index++) {
    const byte = bytes[index] as number;
    if (((BYTE_CLASS[byte] as number) & DIGIT) === 0) return -1;
    value = value * 10 + byte - 0x30;
  }
  return value;
}
