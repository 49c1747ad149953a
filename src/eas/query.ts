// Owns the strict parser of EAS queries in both forms, plain and base64 (MS-ASHTTP 2.2.1.1.1). Pure; hot path.
// Threat: mail servers read odd queries in different ways (first or last duplicate, case of names, encoded names).
// Rule: only the spelling that all of them read alike is accepted; everything else is an error.
import { commandByCode, commandByName } from './commands.ts';
import type { CommandInfo } from './commands.ts';
import { decodePercent, decodeText } from './percent.ts';

/** Why a query was refused. */
export type QueryErrorCode =
  | 'EASGATE_QUERY_TOO_LONG'
  | 'EASGATE_QUERY_MALFORMED'
  | 'EASGATE_QUERY_NAME'
  | 'EASGATE_QUERY_DUPLICATE'
  | 'EASGATE_QUERY_COMMAND'
  | 'EASGATE_QUERY_DEVICE_ID'
  | 'EASGATE_QUERY_DEVICE_TYPE'
  | 'EASGATE_QUERY_VALUE'
  | 'EASGATE_QUERY_BASE64';

/** Longest accepted query, in octets. */
export const MAX_QUERY = 2048;
const MAX_DEVICE_TYPE = 64;

/** A query that was fully understood. */
export class EasQuery {
  readonly form: 'plain' | 'base64';
  readonly command: CommandInfo | null;
  /** Canonical device id: lower-case text, or lower-case hex of 16 raw bytes; null only for OPTIONS without one. */
  readonly device: string | null;
  readonly deviceType: string;
  /** First byte of a base64 query; 0 in plain form. */
  readonly versionByte: number;
  /** Policy key of a base64 query; null when it has none, and in plain form. */
  readonly policyKey: number | null;
  /** LCID of a base64 query; 0 in plain form. */
  readonly locale: number;
  /** The decoded `User`, with `+` read as a plus; a claim, not an identity. */
  readonly userClaim: string | null;
  /** The decoded `User` with `+` read as a space, as in form encoding; null when the value has no unencoded `+`. */
  readonly formClaim: string | null;
  /** The query to send upstream. */
  readonly canonical: string;
  /** Number of parameters left out of {@link canonical}: unknown names, unassigned tags, and `Cmd` of OPTIONS. */
  readonly dropped: number;

  constructor(
    form: 'plain' | 'base64',
    command: CommandInfo | null,
    device: string | null,
    deviceType: string,
    versionByte: number,
    policyKey: number | null,
    locale: number,
    userClaim: string | null,
    formClaim: string | null,
    canonical: string,
    dropped: number,
  ) {
    this.form = form;
    this.command = command;
    this.device = device;
    this.deviceType = deviceType;
    this.versionByte = versionByte;
    this.policyKey = policyKey;
    this.locale = locale;
    this.userClaim = userClaim;
    this.formClaim = formClaim;
    this.canonical = canonical;
    this.dropped = dropped;
  }
}

const CMD = 1;
/** Known names of the plain form, each with a bit that detects a repeat. */
const PLAIN_NAMES: readonly (readonly [name: string, bit: number])[] = [
  ['Cmd', CMD],
  ['User', 2],
  ['DeviceId', 4],
  ['DeviceType', 8],
  ['AttachmentName', 16],
  ['CollectionId', 32],
  ['ItemId', 64],
  ['LongId', 128],
  ['Occurrence', 256],
  ['SaveInSent', 512],
];
const FOLDED_NAMES: ReadonlySet<string> = new Set(PLAIN_NAMES.map(([name]) => name.toLowerCase()));

const EQUALS = 0x3d;
const AMPERSAND = 0x26;

/** The bit of the known name at `start..end`, 0 = unknown. Compares in place and allocates no string. */
function knownName(query: string, start: number, end: number): number {
  const length = end - start;
  for (let index = 0; index < PLAIN_NAMES.length; index++) {
    const [name, bit] = PLAIN_NAMES[index] as readonly [string, number];
    if (name.length === length && query.startsWith(name, start)) return bit;
  }
  return 0;
}

/** Parses the text after `?`. `options` = the method is OPTIONS: command and device may be missing. */
export function parseEasQuery(query: string, options: boolean): EasQuery | QueryErrorCode {
  if (query.length > MAX_QUERY) return 'EASGATE_QUERY_TOO_LONG';
  return looksLikeBase64(query) ? parseBase64(query, options) : parsePlain(query, options);
}

/**
 * Whether a text is base64: only that alphabet, at most two `=` at the end, and no known name. Such a text is never
 * read as plain.
 */
function looksLikeBase64(query: string): boolean {
  const length = query.length;
  if (length === 0 || length % 4 !== 0) return false;
  let end = length;
  if (query.charCodeAt(end - 1) === 0x3d) end--;
  if (query.charCodeAt(end - 1) === 0x3d) end--;
  for (let index = 0; index < end; index++) {
    const code = query.charCodeAt(index);
    if (!isAlphanumeric(code) && code !== 0x2b && code !== 0x2f) return false;
  }
  return true;
}

/**
 * Classes of query characters. `VALUE`: VCHAR without the characters that delimit a value or are read in different
 * ways.
 */
const ALPHANUMERIC = 1;
const VALUE = 2;
const PERCENT = 4;
const PLUS = 8;
const CLASSES = buildClasses();

function buildClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  for (let code = 0x21; code < 0x7f; code++) {
    const character = String.fromCharCode(code);
    // One `=` per pair, no second `?` (SOGo starts at the last one), no fragment.
    let bits = '&=?#'.includes(character) ? 0 : VALUE;
    if (/[A-Za-z0-9]/.test(character)) bits |= ALPHANUMERIC;
    if (character === '%') bits |= PERCENT;
    if (character === '+') bits |= PLUS;
    classes[code] = bits;
  }
  return classes;
}

/** Characters beyond Latin-1 cannot occur in a request; they have no class. */
function classOf(code: number): number {
  return code < 256 ? (CLASSES[code] as number) : 0;
}

function isAlphanumeric(code: number): boolean {
  return (classOf(code) & ALPHANUMERIC) !== 0;
}

// ------------------------------------------------------------------------------------------------------ plain form

function parsePlain(text: string, options: boolean): EasQuery | QueryErrorCode {
  // PocketPC ends its query in `&`, which every server ignores. An empty pair anywhere else is an error.
  const query = text.charCodeAt(text.length - 1) === AMPERSAND ? text.slice(0, -1) : text;
  let seen = 0;
  let command: CommandInfo | null = null;
  let device: string | null = null;
  let deviceType = '';
  let userClaim: string | null = null;
  let formClaim: string | null = null;
  let canonical = '';
  let dropped = 0;
  /** Start of the stretch that is copied unchanged. */
  let runStart = 0;
  let at = 0;
  const length = query.length;
  if (length === 0)
    return options
      ? new EasQuery('plain', null, null, '', 0, null, 0, null, null, '', 0)
      : 'EASGATE_QUERY_MALFORMED';
  while (at <= length) {
    const start = at;
    while (at < length && isAlphanumeric(query.charCodeAt(at))) at++;
    if (at === start || at === length || query.charCodeAt(at) !== EQUALS) return 'EASGATE_QUERY_NAME';
    const nameEnd = at;
    const valueStart = ++at;
    let classes = 0;
    let code = 0;
    while (at < length) {
      code = query.charCodeAt(at);
      const bits = classOf(code);
      if ((bits & VALUE) === 0) break;
      classes |= bits;
      at++;
    }
    if (at < length && code !== AMPERSAND) return 'EASGATE_QUERY_MALFORMED';
    const value = query.slice(valueStart, at);
    const bit = knownName(query, start, nameEnd);
    if (bit === 0 && FOLDED_NAMES.has(query.slice(start, nameEnd).toLowerCase())) return 'EASGATE_QUERY_NAME';
    if ((seen & bit) !== 0) return 'EASGATE_QUERY_DUPLICATE';
    seen |= bit;
    // Unknown names are dropped: one real client appends PolicyKey=. OPTIONS has no command (MS-ASHTTP 2.2.3), but
    // Outlook writes Cmd=Options and AOSP Cmd=OPTIONS.
    if (bit === 0 || (options && bit === CMD)) {
      dropped++;
      canonical = append(canonical, query.slice(runStart, Math.max(runStart, start - 1)));
      runStart = at + 1;
      at++;
      continue;
    }
    const decoded = (classes & PERCENT) === 0 ? value : decodePercent(value);
    if (decoded === null) return 'EASGATE_QUERY_VALUE';
    if (bit === CMD) {
      command = commandByName(value) ?? null;
      if (command === null) return 'EASGATE_QUERY_COMMAND';
    } else if (bit === 4) {
      if (!isDeviceId(value)) return 'EASGATE_QUERY_DEVICE_ID';
      device = value.toLowerCase();
    } else if (bit === 8) {
      if (decoded.length === 0 || decoded.length > MAX_DEVICE_TYPE) return 'EASGATE_QUERY_DEVICE_TYPE';
      deviceType = decoded;
    } else if (bit === 2) {
      if (decoded.length === 0) return 'EASGATE_QUERY_VALUE';
      userClaim = decoded;
      // The value was decoded above without error, so this one has none either.
      if ((classes & PLUS) !== 0) formClaim = decodePercent(value.replaceAll('+', ' '));
    } else if (bit === 512 && value !== 'T' && value !== 'F') {
      return 'EASGATE_QUERY_VALUE';
    }
    if ((classes & PLUS) !== 0 && (bit === 2 || bit === 8)) {
      // PHP reads `+` as a space, SOGo as a plus. `%2B` is a plus for all.
      canonical = append(canonical, query.slice(runStart, valueStart) + value.replaceAll('+', '%2B'));
      runStart = at + 1;
    }
    at++;
  }
  canonical = append(canonical, query.slice(runStart));
  if (!options && (command === null || device === null || (seen & 8) === 0)) {
    if (command === null) return 'EASGATE_QUERY_COMMAND';
    return device === null ? 'EASGATE_QUERY_DEVICE_ID' : 'EASGATE_QUERY_DEVICE_TYPE';
  }
  return new EasQuery(
    'plain',
    command,
    device,
    deviceType,
    0,
    null,
    0,
    userClaim,
    formClaim,
    canonical,
    dropped,
  );
}

function append(canonical: string, part: string): string {
  if (part === '') return canonical;
  return canonical === '' ? part : canonical + '&' + part;
}

/**
 * MS-ASHTTP 2.2.1.1.1.2.3 allows 32 characters. A recorded client (go-activesync with SOGo) sends 33, and every server
 * accepts them (docs/decisions/0005-device-id-33.md).
 */
const MAX_PLAIN_DEVICE_ID = 33;

function isDeviceId(value: string): boolean {
  if (value.length === 0 || value.length > MAX_PLAIN_DEVICE_ID) return false;
  for (let index = 0; index < value.length; index++)
    if (!isAlphanumeric(value.charCodeAt(index))) return false;
  return true;
}

// ----------------------------------------------------------------------------------------------------- base64 form

/** Parameter tags (MS-ASHTTP 2.2.1.1.1.1.3); 2 and 5 are unassigned. */
const TAG_NAMES: readonly (string | null)[] = [
  'AttachmentName',
  'CollectionId',
  null,
  'ItemId',
  'LongId',
  null,
  'Occurrence',
  'Options',
  'User',
];
const TAG_OPTIONS = 7;
const TAG_USER = 8;
const OPTION_SAVE_IN_SENT = 1;
const OPTION_ACCEPT_MULTIPART = 2;

function parseBase64(query: string, options: boolean): EasQuery | QueryErrorCode {
  const bytes = Buffer.from(query, 'base64');
  // Unused trailing bits must be zero: one text per value.
  if (bytes.toString('base64') !== query) return 'EASGATE_QUERY_BASE64';
  if (bytes.length < 7) return 'EASGATE_QUERY_MALFORMED';
  const versionByte = bytes[0] as number;
  // The base64 form always names a command; OPTIONS ignores it.
  const command = options ? null : commandByCode(bytes[1] as number);
  if (command === undefined) return 'EASGATE_QUERY_COMMAND';
  const idLength = bytes[4] as number;
  let at = 5 + idLength;
  if (idLength === 0 || at >= bytes.length) return 'EASGATE_QUERY_DEVICE_ID';
  const device = deviceOfBytes(bytes, idLength);
  if (device === null) return 'EASGATE_QUERY_DEVICE_ID';
  const keyLength = bytes[at] as number;
  at++;
  if (keyLength !== 0 && keyLength !== 4) return 'EASGATE_QUERY_MALFORMED';
  if (at + keyLength >= bytes.length) return 'EASGATE_QUERY_MALFORMED';
  const policyKey = keyLength === 4 ? bytes.readUInt32LE(at) : null;
  at += keyLength;
  const typeLength = bytes[at] as number;
  at++;
  if (at + typeLength > bytes.length || typeLength > MAX_DEVICE_TYPE) return 'EASGATE_QUERY_DEVICE_TYPE';
  const deviceType = decodeText(bytes.subarray(at, at + typeLength));
  if (deviceType === null) return 'EASGATE_QUERY_DEVICE_TYPE';
  at += typeLength;
  let seen = 0;
  let userClaim: string | null = null;
  /** The pieces to send upstream, once a parameter was dropped. */
  let kept: Buffer[] | null = null;
  /** Start of the stretch that is copied unchanged. */
  let runStart = 0;
  let dropped = 0;
  while (at < bytes.length) {
    const tag = bytes[at] as number;
    const size = bytes[at + 1];
    if (size === undefined || at + 2 + size > bytes.length) return 'EASGATE_QUERY_MALFORMED';
    if ((TAG_NAMES[tag] ?? null) === null) {
      // Unassigned tags are dropped: Windows Mail sends tag 255, and sogod fails on it.
      dropped++;
      kept ??= [];
      kept.push(bytes.subarray(runStart, at));
      at += 2 + size;
      runStart = at;
      continue;
    }
    if ((seen & (1 << tag)) !== 0) return 'EASGATE_QUERY_DUPLICATE';
    seen |= 1 << tag;
    at += 2;
    if (tag === TAG_OPTIONS) {
      if (size !== 1 || (bytes[at] as number) > 3) return 'EASGATE_QUERY_VALUE';
    } else {
      const value = decodeText(bytes.subarray(at, at + size));
      if (value === null || (tag === TAG_USER && value === '')) return 'EASGATE_QUERY_VALUE';
      if (tag === TAG_USER) userClaim = value;
    }
    at += size;
  }
  const locale = bytes.readUInt16LE(2);
  let canonical = query;
  // The command cannot be removed from this form. OPTIONS needs no query (MS-ASHTTP 2.2.3.1.1), so it is sent without
  // one.
  if (options) canonical = '';
  else if (kept !== null) canonical = Buffer.concat([...kept, bytes.subarray(runStart)]).toString('base64');
  return new EasQuery(
    'base64',
    command,
    device,
    deviceType,
    versionByte,
    policyKey,
    locale,
    userClaim,
    null,
    canonical,
    dropped,
  );
}

/**
 * 16 bytes are a raw id, read as hex like every server does. Other lengths must be 1 to 32 letters and digits
 * (MS-ASHTTP 2.2.1.1.1.2.3): the id that the phone uses in the plain form.
 */
function deviceOfBytes(bytes: Buffer, length: number): string | null {
  if (length === 16) return bytes.toString('hex', 5, 21);
  if (length > 32) return null;
  for (let index = 5; index < 5 + length; index++) if (!isAlphanumeric(bytes[index] as number)) return null;
  return bytes.toString('latin1', 5, 5 + length).toLowerCase();
}

/** Whether a base64 query carries the id as text. Mail servers write such an id in hex, like 16 raw bytes. */
export function hasTextId({ form, canonical }: EasQuery): boolean {
  // The id's length is the fifth byte, after version, command and locale; eight base64 digits are six bytes.
  return form === 'base64' && Buffer.from(canonical.slice(0, 8), 'base64')[4] !== 16;
}

// ------------------------------------------------------------------------------------------------------ parameters

/** The parameters besides command and device, by name; for people and logs, not for the hot path. */
export function queryParameters(query: EasQuery): Record<string, string | number | boolean> {
  const parameters: Record<string, string | number | boolean> = {};
  if (query.form === 'base64') {
    const bytes = Buffer.from(query.canonical, 'base64');
    let at = 5 + (bytes[4] as number);
    at += 1 + (bytes[at] as number);
    at += 1 + (bytes[at] as number);
    while (at < bytes.length) {
      const tag = bytes[at] as number;
      const size = bytes[at + 1] as number;
      const value = bytes.subarray(at + 2, at + 2 + size);
      if (tag === TAG_OPTIONS) {
        const options = value[0] as number;
        parameters['Options'] = options;
        parameters['SaveInSent'] = (options & OPTION_SAVE_IN_SENT) !== 0;
        parameters['AcceptMultiPart'] = (options & OPTION_ACCEPT_MULTIPART) !== 0;
      } else {
        parameters[TAG_NAMES[tag] as string] = decodeText(value) ?? '';
      }
      at += 2 + size;
    }
    return parameters;
  }
  for (const pair of query.canonical === '' ? [] : query.canonical.split('&')) {
    const [name = '', value = ''] = pair.split('=');
    if (name === 'Cmd' || name === 'DeviceId' || name === 'DeviceType') continue;
    parameters[name] = name === 'SaveInSent' ? value === 'T' : (decodePercent(value) ?? '');
  }
  return parameters;
}
