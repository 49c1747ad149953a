// Owns the strict parser of the base64 form of a query (MS-ASHTTP 2.2.1.1.1.1). Pure; hot path.
import { commandByCode } from './commands.ts';
import { decodeClientText } from './percent.ts';
import { MAX_DEVICE_TYPE, isAlphanumeric } from './query.ts';
import type { EasQuery, QueryErrorCode } from './query.ts';

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

/** Parses a query of the base64 form. `options` = the method is OPTIONS: the command is ignored. */
export function parseBase64(query: string, options: boolean): EasQuery | QueryErrorCode {
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
  const deviceType = decodeClientText(bytes.subarray(at, at + typeLength));
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
      const value = decodeClientText(bytes.subarray(at, at + size));
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
  return {
    form: 'base64',
    command,
    device,
    deviceType,
    versionByte,
    policyKey,
    locale,
    userClaim,
    formClaim: null,
    canonical,
    dropped,
  };
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

/** The parameters besides command and device, by name. */
export function base64Parameters(canonical: string): Record<string, string | number | boolean> {
  const parameters: Record<string, string | number | boolean> = {};
  const bytes = Buffer.from(canonical, 'base64');
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
      parameters[TAG_NAMES[tag] as string] = decodeClientText(value) ?? '';
    }
    at += 2 + size;
  }
  return parameters;
}
