// Owns the device key and the spellings of a device id. Pure.
// Threat: one phone under two keys. Mail servers write the id of a base64 query in hex, and accept the same hex digits
// from a plain query. A rule for one spelling would not apply to the other.
import type { DeviceKey } from './keys.ts';

/**
 * The canonical key of a device id from the query parser, in lower case. An id whose hex digits spell letters and
 * digits is decoded, repeatedly, so that all spellings share one key.
 */
export function deviceKey(id: string): DeviceKey {
  let key = id.toLowerCase();
  for (let text = textOfHex(key); text !== null; text = textOfHex(key)) key = text;
  return key as DeviceKey;
}

/**
 * The spelling of a device id: the key, hex-encoded as often as the id is. Letter case is ignored, so a key has at most
 * seven spellings. `inHex` = the id was text in a base64 query; servers hex-encode it once more.
 */
export function deviceSpelling(id: string, inHex: boolean): string {
  const lower = id.toLowerCase();
  const text = textOfHex(lower);
  const spelled = text === null ? lower : hexOfText(deviceSpelling(text, false));
  return inHex ? hexOfText(spelled) : spelled;
}

/** Other spellings under which mail servers list the device; for people, not for look-ups. */
export function otherSpellings(key: DeviceKey): string[] {
  return [hexOfText(key)];
}

function hexOfText(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

function textOfHex(key: string): string | null {
  if (key.length % 2 !== 0 || !/^[0-9a-f]{2,64}$/.test(key)) return null;
  const text = Buffer.from(key, 'hex').toString('latin1');
  return /^[A-Za-z0-9]{1,32}$/.test(text) ? text.toLowerCase() : null;
}
