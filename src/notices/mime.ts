// Owns the wire format of the message: RFC 5322 header fields, RFC 2047 encoded-words, RFC 2045/2046 multipart bodies.

/** Longest line of an encoded body, and of a header with an encoded-word (RFC 2045 6.7, RFC 2047 2). */
const MAX_LINE = 76;

/**
 * UTF-8 bytes in one encoded-word: 39 bytes are 52 base64 characters, with `=?UTF-8?B?` and `?=` 64, which
 * keeps the word below its 75 (RFC 2047 2) and leaves room for a field name on a line of 76.
 */
const WORD_BYTES = 39;

/** A mailbox: an optional display name, and an addr-spec that {@link isAddress} accepts. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

/** The parts of a message. Header texts are one line each, without control characters. */
export interface MessageParts {
  /** Milliseconds since the epoch. */
  readonly date: number;
  readonly from: Mailbox;
  readonly to: Mailbox;
  readonly subject: string;
  /** Unique per message; letters and digits. Message-ID and boundary contain it. */
  readonly id: string;
  /** Right side of the Message-ID: a dot-atom. */
  readonly idDomain: string;
  /** BCP 47 tag. */
  readonly language: string;
  /** CRLF line ends. */
  readonly text: string;
  /** CRLF line ends. */
  readonly html: string;
}

/** Composes the message. Deterministic: no random values, no clock. */
export function composeMessage(parts: MessageParts): Buffer {
  // "=_" occurs in no quoted-printable or base64 body (RFC 2045 6.7, rule 1), so the boundary needs no search.
  const boundary = `=_${parts.id}`;
  const lines = [
    `Date: ${new Date(parts.date).toUTCString().replace(/GMT$/, '+0000')}`,
    mailboxField('From', parts.from),
    mailboxField('To', parts.to),
    `Subject: ${unstructured(parts.subject)}`,
    `Message-ID: <${parts.id}@${parts.idDomain}>`,
    // RFC 3834 5: prevents answers of vacation responders.
    'Auto-Submitted: auto-generated',
    `Content-Language: ${parts.language}`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/alternative;',
    ` boundary="${boundary}"`,
    '',
    // RFC 2046 5.1.4: the plainest part first, the richest last.
    `--${boundary}`,
    ...bodyPart('text/plain', parts.text),
    `--${boundary}`,
    ...bodyPart('text/html', parts.html),
    `--${boundary}--`,
    '',
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

function bodyPart(type: string, body: string): string[] {
  const readable = quotedPrintable(body);
  const dense = base64Lines(body);
  // Quoted-printable keeps Latin texts readable; for other scripts it would triple the size.
  const [encoding, encoded] =
    readable.length <= dense.length ? ['quoted-printable', readable] : ['base64', dense];
  return [`Content-Type: ${type}; charset=utf-8`, `Content-Transfer-Encoding: ${encoding}`, '', encoded];
}

/** RFC 2045 6.8. */
function base64Lines(text: string): string {
  return (
    Buffer.from(text, 'utf8')
      .toString('base64')
      .match(/.{1,76}/g)
      ?.join('\r\n') ?? ''
  );
}

/** RFC 2045 6.7. The octets of one character stay on one line. */
function quotedPrintable(text: string): string {
  return text.split('\r\n').map(quotedLine).join('\r\n');
}

function quotedLine(line: string): string {
  const done: string[] = [];
  let current = '';
  const characters = Array.from(line);
  for (const [index, character] of characters.entries()) {
    const last = index === characters.length - 1;
    const unit = quotedCharacter(character, last);
    // One column is kept for the "=" of a soft line break.
    if (current.length + unit.length > (last ? MAX_LINE : MAX_LINE - 1)) {
      done.push(`${current}=`);
      current = '';
    }
    current += unit;
  }
  return [...done, current].join('\r\n');
}

function quotedCharacter(character: string, last: boolean): string {
  const blank = character === ' ' || character === '\t';
  // Rule 3: relays strip blanks at the end of a line, so the last one is encoded.
  if (blank ? !last : /^[!-<>-~]$/.test(character)) return character;
  let octets = '';
  for (const octet of Buffer.from(character, 'utf8')) {
    octets += `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return octets;
}

function unstructured(text: string): string {
  return isPlainAscii(text) && text.length <= MAX_LINE - 'Subject: '.length ? text : encodedWords(text);
}

/** RFC 5322 3.4: `name <address>`; the address is folded to its own line when both do not fit. */
function mailboxField(field: string, { name, address }: Mailbox): string {
  if (name === '') return `${field}: ${address}`;
  const quoted = `"${name.replace(/["\\]/g, '\\$&')}"`;
  const phrase =
    isPlainAscii(name) && field.length + 2 + quoted.length <= MAX_LINE ? quoted : encodedWords(name);
  const lastLine = phrase.includes('\r\n')
    ? phrase.slice(phrase.lastIndexOf('\n') + 1)
    : `${field}: ${phrase}`;
  const separator = lastLine.length + address.length + 3 <= MAX_LINE ? ' ' : '\r\n ';
  return `${field}: ${phrase}${separator}<${address}>`;
}

/** Text that needs no encoding and that no reader can take for an encoded-word. */
function isPlainAscii(text: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.includes('=?');
}

/** RFC 2047 2 and 5: one word per line; white space between two words is not part of the text. */
function encodedWords(text: string): string {
  const words: string[] = [];
  let chunk = '';
  let bytes = 0;
  const flush = (): void => {
    words.push(`=?UTF-8?B?${Buffer.from(chunk, 'utf8').toString('base64')}?=`);
    chunk = '';
    bytes = 0;
  };
  // By code point: a word never ends inside a character (RFC 2047 5).
  for (const character of text) {
    const size = Buffer.byteLength(character, 'utf8');
    if (bytes + size > WORD_BYTES) flush();
    chunk += character;
    bytes += size;
  }
  if (bytes > 0) flush();
  return words.join('\r\n ');
}

/**
 * Whether `text` is valid in a header as an addr-spec: a dot-atom at a host name (RFC 5322 3.4.1), ASCII, and
 * short enough for one line.
 */
export function isAddress(text: string): boolean {
  if (text.length > MAX_LINE - 'From: '.length) return false;
  const parts = text.split('@');
  const [local, domain] = parts;
  if (parts.length !== 2 || local === undefined || domain === undefined) return false;
  return (
    local.split('.').every((atom) => /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+$/.test(atom)) &&
    domain.split('.').every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(label))
  );
}
