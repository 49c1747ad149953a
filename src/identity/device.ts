// Owns the device key and the spellings of a device id. Pure.
// Threat: one phone under two keys. Mail servers write the id of a base64 query in hex, whatever its bytes are, and take
// the same digits from a plain query. A rule on one spelling would not hold for the other.
import type { DeviceKey } from './keys.ts';

/**
 * The key of a device id as the query parser yields it: one for all spellings. An id whose hex digits spell letters and
 * digits is the text it spells, until it spells none; lower case.
 */
export function deviceKey(id: string): DeviceKey {
  let key = id.toLowerCase();
  for (let text = textOfHex(key); text !== null; text = textOfHex(key)) key = text;
  return key as DeviceKey;
}

/**
 * The spelling of a device id: the key, in hex as often as the id is. Letter case makes no spelling of its own, so that a
 * key has seven at most. `inHex` = the id came as text in a base64 query, which servers write in hex once more.
 */
export function deviceSpelling(id: string, inHex: boolean): string {
  const lower = id.toLowerCase();
  const text = textOfHex(lower);
  const spelled = text === null ? lower : hexOfText(deviceSpelling(text, false));
  return inHex ? hexOfText(spelled) : spelled;
}

/** Other spellings by which mail servers know the device of this key; for people, not for look-ups. */
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
