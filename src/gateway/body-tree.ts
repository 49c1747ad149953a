// Owns turning the bytes of a request body into a tree: coded or not, whole or only its beginning.
import { constants, gunzipSync } from 'node:zlib';
import type { BodyContent } from '../eas/body-gate.ts';
import { mayCarryIssued } from '../eas/mailbox/keys.ts';
import { decodeBeginning, decodeWbxml } from '../eas/wbxml/decode.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { DEFAULT_LIMITS } from '../eas/wbxml/limits.ts';
import type { WbxmlLimits } from '../eas/wbxml/limits.ts';

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

/**
 * What there is of a body in which something issued by the quarantine mailbox may stand; null = there is nothing, or it is
 * not understood. Most bodies cost one search.
 */
export function treeWithIssued(bytes: Buffer, content: BodyContent): WbxmlElement | null {
  if (content !== 'gzip-wbxml') return mayCarryIssued(bytes) ? decodeBeginning(bytes, LIMITS) : null;
  try {
    // The end of what was sent may be missing.
    const options = { maxOutputLength: MAX_DECODED_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
    const plain = gunzipSync(bytes, options);
    return mayCarryIssued(plain) ? decodeBeginning(plain, LIMITS) : null;
  } catch {
    return null;
  }
}
