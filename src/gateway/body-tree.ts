// Owns turning the bytes of a request body into a tree: coded or not, whole or only its beginning.
import { constants, gunzipSync } from 'node:zlib';
import type { BodyContent } from '../eas/body-gate.ts';
import { mayCarryIssued } from '../eas/mailbox/keys.ts';
import { decodeBeginning, decodeWbxml } from '../eas/wbxml/decode.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';

/** A body as sent expands to this at most before it is read. */
const MAX_DECODED_BYTES = 256 * 1024;

/** The tree of a whole body; null = it is empty, undefined = it is not understood. */
export function treeOf(bytes: Buffer | null, content: BodyContent): WbxmlElement | null | undefined {
  if (bytes === null || bytes.length === 0) return null;
  try {
    const plain =
      content === 'gzip-wbxml' ? gunzipSync(bytes, { maxOutputLength: MAX_DECODED_BYTES }) : bytes;
    return decodeWbxml(plain);
  } catch {
    return undefined;
  }
}

/**
 * What there is of a body in which something issued by the quarantine mailbox may stand; null = there is nothing, or it is
 * not understood. Most bodies cost one search.
 */
export function treeWithIssued(bytes: Buffer, content: BodyContent): WbxmlElement | null {
  if (content !== 'gzip-wbxml') return mayCarryIssued(bytes) ? decodeBeginning(bytes) : null;
  try {
    // The end of what was sent may be missing.
    const options = { maxOutputLength: MAX_DECODED_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
    const plain = gunzipSync(bytes, options);
    return mayCarryIssued(plain) ? decodeBeginning(plain) : null;
  } catch {
    return null;
  }
}
