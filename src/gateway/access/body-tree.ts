// Owns decoding of request bodies into trees: compressed or plain, complete or only the beginning.
import { constants, gunzipSync } from 'node:zlib';
import { codeOf } from '../../caught-error.ts';
import type { BodyContent } from '../../eas/body-gate.ts';
import { decodeBeginning, decodeWbxml } from '../../eas/wbxml/decode.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { DEFAULT_LIMITS } from '../../eas/wbxml/limits.ts';
import type { WbxmlLimits } from '../../eas/wbxml/limits.ts';

/** Largest decompressed body that is parsed. */
const MAX_DECODED_BYTES = 256 * 1024;
/**
 * A compressed body of 300 octets can contain 200,000 empty elements, which take a tenth of a second to parse. Real
 * bodies of 64 KB have about 10,000 elements and texts. Clients send tags that no specification lists: Outlook those of page 254
 * (WindowsLive). No answer depends on them, and none reaches the mail server from a quarantined phone (quarantine/passable.ts).
 */
const LIMITS: WbxmlLimits = {
  ...DEFAULT_LIMITS,
  maxBytes: MAX_DECODED_BYTES,
  maxNodes: 20_000,
  keepUnknown: true,
};

/** The tree of a complete body; null = empty, undefined = malformed. */
export function treeOf(bytes: Buffer | null, content: BodyContent): WbxmlElement | null | undefined {
  if (bytes === null || bytes.length === 0) return null;
  try {
    const plain =
      content === 'gzip-wbxml' ? gunzipSync(bytes, { maxOutputLength: MAX_DECODED_BYTES }) : bytes;
    return decodeWbxml(plain, LIMITS);
  } catch {
    return undefined;
  }
}

/** Largest decompressed body of an allowed phone that is scanned. */
const MAX_SCANNED_BYTES = 1024 * 1024;

/** The decompressed octets received so far, or the reason why they cannot be scanned. */
export function plainBytes(
  bytes: Buffer,
  content: BodyContent,
): Buffer | 'EASGATE_BODY_TOO_LARGE' | 'EASGATE_BODY_GZIP' {
  if (content !== 'gzip-wbxml') return bytes;
  try {
    // The end of the input may be missing.
    const options = { maxOutputLength: MAX_SCANNED_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
    return gunzipSync(bytes, options);
  } catch (error) {
    const long = codeOf(error, null) === 'ERR_BUFFER_TOO_LARGE';
    return long ? 'EASGATE_BODY_TOO_LARGE' : 'EASGATE_BODY_GZIP';
  }
}

/** The available part of a document; null = not even the root. */
export function beginningOf(plain: Buffer): WbxmlElement | null {
  return decodeBeginning(plain.subarray(0, MAX_DECODED_BYTES), LIMITS);
}
