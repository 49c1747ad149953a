// Owns the recognition of a query of Exchange ActiveSync on the lane for other paths. Pure.
// Threat: a mail server serves Exchange ActiveSync under more paths than `upstream.path` (Z-Push at `/z-push/index.php` beside its alias,
// Horde's rpc.php at `/autodiscover/autodiscover.json`). It takes the command and the device from the query, so no such query passes,
// however loosely servers read it.
import { commandByCode } from '../../eas/commands.ts';

const MAX_DECODINGS = 3;
/** The names of the plain form that every command needs (MS-ASHTTP 2.2.1.1.1.2), in lower case. */
const PLAIN = ['cmd', 'deviceid'];
/** The methods of pages. Every command is a POST (MS-ASHTTP 2.2.1.1.1); Z-Push takes PUT and PATCH for one. */
const READING = ['GET', 'HEAD', 'OPTIONS'];
const HEAD_BYTES = 5;

/** Whether a server may read the query of a request as one of Exchange ActiveSync, plain or in base64, even encoded. */
export function asksForEas(method: string, target: string): boolean {
  const question = target.indexOf('?');
  if (question === -1) return false;
  let query = target.slice(question + 1);
  for (let round = 0; round <= MAX_DECODINGS; round++) {
    if (hasPlainNames(query) || isBase64Form(query)) return true;
    if (!READING.includes(method) && hasBase64Inside(query)) return true;
    const decoded = query.replaceAll(/%(?:u00)?([0-9a-f]{2})/gi, (_escape, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded === query) return false;
    query = decoded;
  }
  return false;
}

/**
 * Whether both names occur in names of parameters. Servers compare, trim, cut and split in many ways: PHP ends a name at a NUL, and
 * ASP.NET decodes `%u0043`.
 */
function hasPlainNames(query: string): boolean {
  const names = query
    .toLowerCase()
    .split(/[&;?]/)
    .filter((pair) => pair.includes('='))
    .map((pair) => pair.slice(0, pair.indexOf('=')));
  return PLAIN.every((wanted) => names.some((name) => name.includes(wanted)));
}

/** Version, command, locale; the device id, the policy key and the device type, each behind its length (MS-ASHTTP 2.2.1.1.1.1). */
function isBase64Form(query: string): boolean {
  if (!/^[A-Za-z0-9+/_-]+={0,2}&?$/.test(query)) return false;
  const bytes = Buffer.from(query.replace(/&$/, ''), 'base64');
  if (!namesDevice(bytes)) return false;
  const keyAt = HEAD_BYTES + (bytes[HEAD_BYTES - 1] ?? 0);
  const keyLength = bytes[keyAt];
  if (keyLength !== 0 && keyLength !== 4) return false;
  const typeAt = keyAt + 1 + keyLength;
  return typeAt < bytes.length && typeAt + 1 + (bytes[typeAt] ?? 0) <= bytes.length;
}

/**
 * Whether the characters of base64 in the query, without all others, begin like this form. PHP's base64_decode skips the others, `-` and `_`
 * among them (Horde_ActiveSync_Utils, Syncroton_Server), and these servers need neither a key nor a type behind the device.
 */
function hasBase64Inside(query: string): boolean {
  return namesDevice(Buffer.from(query.replaceAll(/[^A-Za-z0-9+/]/g, ''), 'base64'));
}

/** Whether the bytes begin with a known command and a whole device id. */
function namesDevice(bytes: Buffer): boolean {
  const [, command = -1, , , idLength = 0] = bytes;
  return commandByCode(command) !== undefined && idLength > 0 && HEAD_BYTES + idLength <= bytes.length;
}
