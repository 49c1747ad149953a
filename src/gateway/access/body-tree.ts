// Owns turning the bytes of a request body into a tree: coded or not, whole or only its beginning.
import { constants, gunzipSync } from 'node:zlib';
import type { BodyContent } from '../../eas/body-gate.ts';
import { decodeBeginning, decodeWbxml } from '../../eas/wbxml/decode.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { DEFAULT_LIMITS } from '../../eas/wbxml/limits.ts';
import type { WbxmlLimits } from '../../eas/wbxml/limits.ts';

/** A body as sent expands to this at most before it is read. */
const MAX_DECODED_BYTES = 256 * 1024;
/**
 * A coded body of 300 octets can have 200,000 empty elements, and reading them takes a tenth of a second. What a phone sends
 * in 64 KB has some 10,000 elements and texts.
 */
const LIMITS: WbxmlLimits = { ...DEFAULT_LIMITS, maxBytes: MAX_DECODED_BYTES, maxNodes: 20_000 };

/** The tree of a whole body; null = it is empty, undefined = it is not understood. */
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

/** A coded body of an allowed phone expands to this at most before it is looked through. */
const MAX_SCANNED_BYTES = 1024 * 1024;

/** The octets that a body stands for, as far as it has come; else why it cannot be looked through. */
export function plainBytes(
  bytes: Buffer,
  content: BodyContent,
): Buffer | 'EASGATE_BODY_TOO_LARGE' | 'EASGATE_BODY_GZIP' {
  if (content !== 'gzip-wbxml') return bytes;
  try {
    // The end of what was sent may be missing.
    const options = { maxOutputLength: MAX_SCANNED_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
    return gunzipSync(bytes, options);
  } catch (error) {
    const long = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    return long ? 'EASGATE_BODY_TOO_LARGE' : 'EASGATE_BODY_GZIP';
  }
}

/** What there is of a document; null = not even its root. */
export function beginningOf(plain: Buffer): WbxmlElement | null {
  return decodeBeginning(plain.subarray(0, MAX_DECODED_BYTES), LIMITS);
}
