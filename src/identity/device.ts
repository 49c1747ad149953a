// Owns the device key and its other spellings (eas-protocol facts, 10.5). Pure.
import type { DeviceKey } from './keys.ts';

/**
 * The key of a canonical device id as the query parser yields it. A hex id that spells letters and digits is the hex of
 * their lower case: `ApplX` and `applx` are one phone, so their hex spellings must be one key too, or a decision on one
 * of them would not be found under the other.
 */
export function deviceKey(id: string): DeviceKey {
  const key = id.toLowerCase();
  const text = textOfHex(key);
  return text === null ? (key as DeviceKey) : hexOfText(text);
}

/**
 * The other spellings under which servers may know the same phone: hex of the text (base64 queries are hex-encoded by all
 * servers), and the text that a hex id spells. The key itself is not among them.
 */
export function deviceAliases(key: DeviceKey): DeviceKey[] {
  const aliases: DeviceKey[] = [hexOfText(key)];
  const text = textOfHex(key);
  if (text !== null && text !== key) aliases.push(text);
  return aliases;
}

function hexOfText(text: string): DeviceKey {
  return Buffer.from(text, 'latin1').toString('hex') as DeviceKey;
}

function textOfHex(key: string): DeviceKey | null {
  if (key.length === 0 || key.length % 2 !== 0 || !/^[0-9a-f]{2,64}$/.test(key)) return null;
  const text = Buffer.from(key, 'hex').toString('latin1');
  return /^[A-Za-z0-9]{1,32}$/.test(text) ? (text.toLowerCase() as DeviceKey) : null;
}
