// Owns the strict parser of the plain form of a query, `Cmd=Sync&User=…` (MS-ASHTTP 2.2.1.1.1.2). Pure; hot path.
import { commandByName } from './commands.ts';
import type { CommandInfo } from './commands.ts';
import { decodePercent } from './percent.ts';
import {
  EQUALS_SIGN,
  MAX_DEVICE_TYPE,
  PERCENT,
  PLUS,
  SEMICOLON,
  VALUE,
  classOf,
  isAlphanumeric,
} from './query.ts';
import type { EasQuery, QueryErrorCode } from './query.ts';

/** The query of an OPTIONS without parameters. */
export const EMPTY_QUERY: EasQuery = {
  form: 'plain',
  command: null,
  device: null,
  deviceType: '',
  versionByte: 0,
  policyKey: null,
  locale: 0,
  userClaim: null,
  formClaim: null,
  canonical: '',
  dropped: 0,
};

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
/**
 * The names of items and folders. AOSP writes them as the server handed them out, so base64 with its padding too
 * (EasSyncService: `GetAttachment&AttachmentName=` + the location). Every server ends the name at the first `=`.
 */
const ITEMS = 16 | 32 | 64 | 128;
/**
 * Servers that end a parameter at a semicolon too (HTML 4.01 B.2.2) would find another `Name=value` in a value with both. Without a `=`
 * they find a name without value, which says nothing.
 */
const SEPARATOR = EQUALS_SIGN | SEMICOLON;
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

/** Parses a query of the plain form. `options` = the method is OPTIONS: command and device may be missing. */
export function parsePlain(text: string, options: boolean): EasQuery | QueryErrorCode {
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
  if (length === 0) return options ? EMPTY_QUERY : 'EASGATE_QUERY_MALFORMED';
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
    if ((classes & EQUALS_SIGN) !== 0 && (bit & ITEMS) === 0) return 'EASGATE_QUERY_MALFORMED';
    if (bit !== 0 && (classes & SEPARATOR) === SEPARATOR) return 'EASGATE_QUERY_MALFORMED';
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
  return {
    form: 'plain',
    command,
    device,
    deviceType,
    versionByte: 0,
    policyKey: null,
    locale: 0,
    userClaim,
    formClaim,
    canonical,
    dropped,
  };
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

/** The parameters besides command and device, by name. */
export function plainParameters(canonical: string): Record<string, string | number | boolean> {
  const parameters: Record<string, string | number | boolean> = {};
  for (const pair of canonical === '' ? [] : canonical.split('&')) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    if (name === 'Cmd' || name === 'DeviceId' || name === 'DeviceType') continue;
    parameters[name] = name === 'SaveInSent' ? value === 'T' : (decodePercent(value) ?? '');
  }
  return parameters;
}
