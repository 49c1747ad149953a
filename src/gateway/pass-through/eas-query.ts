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
/**
 * What stands in targets of Horde's rpc.php. It serves Exchange ActiveSync where one has `Microsoft-Server-ActiveSync` or
 * `autodiscover/autodiscover` anywhere; the script's own name counts too, since a server in front may have named that.
 */
const OF_HORDE = /activesync|autodiscover|horde|rpc\.php/i;

/** RFC 3986 2.1. */
const ESCAPE = /%([0-9a-f]{2})/gi;
/** ASP.NET has `%u0043` too. */
const ESCAPE_OF_ASP = /%(?:u00)?([0-9a-f]{2})/gi;

/** Whether a server may read the query of a request as one of Exchange ActiveSync, plain or in base64, even encoded. */
export function asksForEas(method: string, target: string): boolean {
  const question = target.indexOf('?');
  if (question === -1) return false;
  const query = target.slice(question + 1);
  const escapes = /%u/i.test(query) ? [ESCAPE, ESCAPE_OF_ASP] : [ESCAPE];
  const isPage = READING.includes(method);
  const isOfHorde =
    !isPage && escapes.some((escape) => decodings(target, escape).some((read) => OF_HORDE.test(read)));
  return escapes.some((escape) =>
    decodings(query, escape).some(
      (read) => hasPlainNames(read) || isBase64Form(read) || (!isPage && hasBase64Inside(read, isOfHorde)),
    ),
  );
}

/** The text, and what servers and those in front of them may make of it. */
function decodings(text: string, escape: RegExp): string[] {
  const read = [text];
  while (read.length <= MAX_DECODINGS) {
    const last = read.at(-1) ?? '';
    const next = decoded(last, escape);
    if (next === last) break;
    read.push(next);
  }
  return read;
}

function decoded(text: string, escape: RegExp): string {
  return text.replaceAll(escape, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** What ends a parameter: for most servers `&` alone. Behind a NUL, where a name ends for PHP, the others have no meaning. */
const SEPARATORS = [/&/, /[&;?]/];

/** Whether both names occur in names of parameters, however servers compare, trim, cut and split them. */
function hasPlainNames(query: string): boolean {
  const lower = query.toLowerCase();
  const names = SEPARATORS.flatMap((separator) => lower.split(separator))
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
 * Whether the query, without all characters that are not base64, begins like this form. PHP's base64_decode skips such characters, `-` and
 * `_` among them (Horde_ActiveSync_Utils, Syncroton_Server), and these servers need neither a key nor a type behind the device. Where
 * PHP has decoded the text before, a `+` was a space; older versions of Syncroton take the name of the only parameter. With several
 * parameters only Horde reads it so: other servers have pages with `SAMLRequest=` or `theme=`, which begin like commands too.
 */
function hasBase64Inside(query: string, isOfHorde: boolean): boolean {
  const names = query.split('&').map(nameOf);
  const distinct = new Set(names.map(asKey));
  distinct.delete('');
  if (distinct.size > 1 && !isOfHorde) return false;
  const texts = distinct.size === 1 ? [query, ...names] : [query];
  return texts.some((text) => beginsLikeBase64(text) || beginsLikeBase64(text.replaceAll('+', '')));
}

/** One text for names that are one for PHP; a name of an array does not count. */
function asKey(name: string): string {
  return isArray(name) ? '' : name.replaceAll(/[+ .]/g, '_');
}

/** Whether a bracket opens and closes. An expression for it would look at the rest of the name once for each `[`. */
function isArray(name: string): boolean {
  const opens = name.indexOf('[');
  return opens !== -1 && name.includes(']', opens);
}

/** The name of a parameter as PHP reads it: decoded, without spaces before it, up to a NUL. */
function nameOf(pair: string): string {
  const [encoded = ''] = pair.split('=', 1);
  const name = decoded(encoded, ESCAPE);
  const nul = name.indexOf('\0');
  return (nul === -1 ? name : name.slice(0, nul)).replace(/^[+ ]+/, '');
}

function beginsLikeBase64(text: string): boolean {
  return namesDevice(Buffer.from(text.replaceAll(/[^A-Za-z0-9+/]/g, ''), 'base64'));
}

/** Whether the bytes begin with a known command and a whole device id. */
function namesDevice(bytes: Buffer): boolean {
  const [, command = -1, , , idLength = 0] = bytes;
  return commandByCode(command) !== undefined && idLength > 0 && HEAD_BYTES + idLength <= bytes.length;
}
