// Owns the recognition of a query of Exchange ActiveSync on the lane for other paths. Pure.
// Threat: a mail server serves Exchange ActiveSync under more paths than `upstream.path` (Z-Push at `/z-push/index.php` beside its alias,
// Horde's rpc.php at `/autodiscover/autodiscover.json`). It takes the command and the device from the query, so no such query passes.
import { commandByCode } from '../../eas/commands.ts';

const MAX_DECODINGS = 3;
/** The names of the plain form that every command needs (MS-ASHTTP 2.2.1.1.1.2). Servers compare, trim, cut and split in many ways. */
const PLAIN = [/cmd[^&;=]{0,16}=/i, /deviceid[^&;=]{0,16}=/i];

/** Whether a server may read the query of a target as one of Exchange ActiveSync, plain or in base64, even encoded. */
export function asksForEas(target: string): boolean {
  const question = target.indexOf('?');
  if (question === -1) return false;
  let query = target.slice(question + 1);
  for (let round = 0; round <= MAX_DECODINGS; round++) {
    if (PLAIN.every((name) => name.test(query)) || isBase64Form(query)) return true;
    const decoded = query.replaceAll(/%([0-9a-f]{2})/gi, (_escape, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded === query) return false;
    query = decoded;
  }
  return false;
}

/** Version, command, locale; the device id, the policy key and the device type, each behind its length (MS-ASHTTP 2.2.1.1.1.1). */
function isBase64Form(query: string): boolean {
  if (!/^[A-Za-z0-9+/_-]+={0,2}&?$/.test(query)) return false;
  const bytes = Buffer.from(query.replace(/&$/, ''), 'base64');
  const [, command = -1, , , idLength = 0] = bytes;
  const keyAt = 5 + idLength;
  const keyLength = bytes[keyAt];
  if (commandByCode(command) === undefined || idLength === 0) return false;
  if (keyLength !== 0 && keyLength !== 4) return false;
  const typeAt = keyAt + 1 + keyLength;
  return typeAt < bytes.length && typeAt + 1 + (bytes[typeAt] ?? 0) <= bytes.length;
}
