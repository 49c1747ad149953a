// Owns a small strict MIME parser: it refuses everything that RFC 5322, 2045, 2046 and 2047 do not allow.

export interface ReadMessage {
  /** Unfolded, encoded-words still encoded, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly parts: readonly { readonly type: string; readonly body: string }[];
}

/** @throws when any line, field or body is malformed */
export function readMime(bytes: Buffer): ReadMessage {
  const lines = linesOf(bytes);
  const { fields, rest } = readFields(lines);
  const type = only(fields, 'Content-Type');
  const boundary = /^multipart\/alternative; boundary="([^"]{1,70})"$/.exec(type)?.[1];
  if (boundary === undefined) throw new Error(`no boundary in ${type}`);
  const parts: { type: string; body: string }[] = [];
  let current: string[] | null = null;
  let closed = false;
  for (const line of rest) {
    if (line === `--${boundary}` || line === `--${boundary}--`) {
      if (closed) throw new Error('a delimiter after the last one');
      if (current !== null) parts.push(readPart(current));
      current = [];
      closed = line.endsWith('--') && line !== `--${boundary}`;
    } else if (current === null || closed) {
      if (line !== '') throw new Error(`text outside the parts: ${line}`);
    } else {
      current.push(line);
    }
  }
  if (!closed) throw new Error('no closing delimiter');
  return { fields, parts };
}

/** The one field of that name. */
export function only(fields: ReadMessage['fields'], name: string): string {
  const found = fields.filter(([other]) => other.toLowerCase() === name.toLowerCase());
  const value = found[0]?.[1];
  if (found.length !== 1 || value === undefined) throw new Error(`${found.length} fields ${name}`);
  return value;
}

/** The encoded-words of an unfolded field value; each must be valid UTF-8 by itself (RFC 2047 5). */
export function encodedWordsOf(value: string): string[] {
  return value.match(/=\?[^?]*\?[^?]*\?[^?]*\?=/g) ?? [];
}

/** Decodes an unstructured value (RFC 2047 6.2). */
export function decodeWords(value: string): string {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return value
    .replace(/(\?=)\s+(?==\?)/g, '$1')
    .replace(/=\?UTF-8\?B\?([A-Za-z0-9+/=]+)\?=/g, (_, base64: string) =>
      strict.decode(Buffer.from(base64, 'base64')),
    );
}

function linesOf(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  if (!/^[\t\r\n\x20-\x7e]*$/.test(text)) throw new Error('octets that are not printable ASCII');
  if (!text.endsWith('\r\n')) throw new Error('the last line has no end');
  const lines = text.slice(0, -2).split('\r\n');
  for (const line of lines) {
    if (/[\r\n]/.test(line)) throw new Error('a bare CR or LF');
    if (line.length > 76) throw new Error(`a line of ${line.length} characters: ${line}`);
  }
  return lines;
}

function readFields(lines: readonly string[]): { fields: [string, string][]; rest: readonly string[] } {
  const end = lines.indexOf('');
  if (end === -1) throw new Error('no end of the header');
  const fields: [string, string][] = [];
  for (const line of lines.slice(0, end)) {
    for (const word of encodedWordsOf(line)) {
      if (word.length > 75) throw new Error(`an encoded-word of ${word.length} characters`);
    }
    const last = fields.at(-1);
    if (/^[ \t]+[^ \t]/.test(line) && last !== undefined) {
      last[1] += line;
      continue;
    }
    const [, name, value] = /^([A-Za-z-]+): ?(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a field: ${line}`);
    fields.push([name, value]);
  }
  return { fields, rest: lines.slice(end + 1) };
}

function readPart(lines: readonly string[]): { type: string; body: string } {
  const { fields, rest } = readFields(lines);
  const encoding = only(fields, 'Content-Transfer-Encoding');
  const decode = encoding === 'base64' ? base64 : quotedPrintable;
  if (encoding !== 'base64' && encoding !== 'quoted-printable') throw new Error(`encoding ${encoding}`);
  const octets = decode(rest);
  const body = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  return { type: only(fields, 'Content-Type'), body };
}

function base64(lines: readonly string[]): Buffer {
  const text = lines.join('');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new Error('not base64');
  return Buffer.from(text, 'base64');
}

function quotedPrintable(lines: readonly string[]): Buffer {
  let text = '';
  for (const [index, line] of lines.entries()) {
    if (/[ \t]$/.test(line)) throw new Error('a blank at the end of a quoted-printable line');
    const soft = line.endsWith('=');
    text += soft ? line.slice(0, -1) : line + (index === lines.length - 1 ? '' : '\r\n');
  }
  if (/=(?![0-9A-F]{2})/.test(text)) throw new Error('not quoted-printable');
  return Buffer.from(
    text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
