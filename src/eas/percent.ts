// Owns strict decoding of percent-encoded query values (RFC 3986 2.1), done once. Pure; hot path.

/**
 * Decodes the text; null when an escape is malformed or the result has a control character, DEL or NUL. `+` stays `+`.
 * Bytes above ASCII are read as UTF-8, or as Latin-1 where they are not valid UTF-8 (Outlook sends both).
 */
export function decodePercent(text: string): string | null {
  const first = text.indexOf('%');
  if (first === -1) return text;
  let decoded = text.slice(0, first);
  let wide = false;
  for (let index = first; index < text.length; index++) {
    let code = text.charCodeAt(index);
    if (code === 0x25) {
      const high = hexValue(text.charCodeAt(index + 1));
      const low = hexValue(text.charCodeAt(index + 2));
      if (high < 0 || low < 0) return null;
      code = high * 16 + low;
      if (code < 0x20 || code === 0x7f) return null;
      if (code > 0x7f) wide = true;
      index += 2;
    }
    decoded += String.fromCharCode(code);
  }
  return wide ? decodeClientText(Buffer.from(decoded, 'latin1')) : decoded;
}

/** Bytes as UTF-8, or as Latin-1 where they are not valid UTF-8; null when a control character is among them. */
export function decodeClientText(bytes: Buffer): string | null {
  for (const byte of bytes) if (byte < 0x20 || byte === 0x7f) return null;
  const text = bytes.toString('utf8');
  // A replacement character that was not in the input means invalid UTF-8.
  const valid = !text.includes('\ufffd') || Buffer.from(text, 'utf8').equals(bytes);
  const decoded = valid ? text : bytes.toString('latin1');
  for (let index = 0; index < decoded.length; index++) {
    const code = decoded.charCodeAt(index);
    if (code >= 0x80 && code < 0xa0) return null;
  }
  return decoded;
}

function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const folded = code | 0x20;
  return folded >= 0x61 && folded <= 0x66 ? folded - 0x57 : -1;
}
