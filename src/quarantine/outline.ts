// Owns streaming reads of large Sync requests of a quarantined phone. It keeps keys and commands and skips the items
// that the phone uploads, which the mailbox ignores. Pure; bounded memory.
import type { WbxmlContent, WbxmlElement } from '../eas/wbxml/element.ts';
import { DEFAULT_LIMITS } from '../eas/wbxml/limits.ts';
import { WbxmlReader } from '../eas/wbxml/reader.ts';

/** The content of an item (MS-ASCMD 2.2.3.11), which is skipped. */
const ITEM = 'ApplicationData';
/** Most elements and contents outside of items; no answer has room for more. */
const MAX_KEPT_NODES = 20_000;
/** Octets or UTF-16 units of all contents outside of items together. */
const MAX_KEPT_CONTENT = 64 * 1024;

/** Reads one document in pieces. Unusable after an error. */
export class OutlineReader {
  private readonly reader = new WbxmlReader({ ...DEFAULT_LIMITS, keepUnknown: true });
  private readonly document: WbxmlContent[] = [];
  private readonly outer: WbxmlContent[][] = [];
  private children = this.document;
  /** Depth of the item that is being skipped; 0 = none. */
  private itemDepth = 0;
  /** The last kept content continues in the next piece. */
  private goesOn = false;
  private nodes = 0;
  private content = 0;

  /** Reads the next piece. False when the outline exceeds its bounds. @throws WbxmlError */
  push(piece: Uint8Array): boolean {
    const { reader } = this;
    reader.push(piece);
    for (let event = reader.next(); event !== null; event = reader.next()) {
      if (event === 'close') this.close();
      else if (this.itemDepth > 0) continue;
      else if (event === 'open') this.open();
      else this.keep(event === 'text' ? reader.text : reader.opaque);
      if (this.nodes > MAX_KEPT_NODES || this.content > MAX_KEPT_CONTENT) return false;
    }
    return true;
  }

  /** The outline of a complete document. @throws WbxmlError when it is incomplete */
  end(): WbxmlElement {
    this.reader.end();
    return this.document[0] as WbxmlElement;
  }

  private open(): void {
    const { namespace, name, depth } = this.reader;
    const inner: WbxmlContent[] = [];
    this.nodes++;
    this.children.push({ namespace, name, children: inner });
    this.outer.push(this.children);
    this.children = inner;
    if (name === ITEM) this.itemDepth = depth;
  }

  private close(): void {
    const { depth } = this.reader;
    if (this.itemDepth > 0 && depth >= this.itemDepth) return;
    this.itemDepth = 0;
    this.children = this.outer.pop() ?? this.document;
  }

  private keep(piece: string | Buffer): void {
    this.nodes++;
    this.content += piece.length;
    const before = this.children.at(-1);
    // The end of a piece may split a character.
    const joins = this.goesOn && Buffer.isBuffer(piece) && Buffer.isBuffer(before);
    if (joins) this.children[this.children.length - 1] = Buffer.concat([before, piece]);
    else this.children.push(Buffer.isBuffer(piece) ? Buffer.from(piece) : piece);
    this.goesOn = !this.reader.last;
  }
}
