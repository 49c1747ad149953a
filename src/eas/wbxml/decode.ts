// Owns the decoder from WBXML, or the beginning of a document, to a small tree. The token rules are in reader.ts. Pure.
import { WbxmlError } from './element.ts';
import type { WbxmlContent, WbxmlElement } from './element.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { WbxmlLimits } from './limits.ts';
import { WbxmlReader } from './reader.ts';

/** Decodes a whole document; opaque contents are copies. @throws WbxmlError */
export function decodeWbxml(bytes: Uint8Array, limits: WbxmlLimits = DEFAULT_LIMITS): WbxmlElement {
  const reader = new WbxmlReader(limits);
  const document: WbxmlContent[] = [];
  read(reader, bytes, document);
  reader.end();
  return document[0] as WbxmlElement;
}

/** Decodes a document up to its end, the first error or the limit; null when not even the root was read. */
export function decodeBeginning(bytes: Uint8Array, limits: WbxmlLimits): WbxmlElement | null {
  const document: WbxmlContent[] = [];
  try {
    read(new WbxmlReader(limits), bytes, document);
  } catch (error) {
    if (!(error instanceof WbxmlError)) throw error;
  }
  return (document[0] as WbxmlElement | undefined) ?? null;
}

function read(reader: WbxmlReader, bytes: Uint8Array, document: WbxmlContent[]): void {
  reader.push(bytes);
  const outer: WbxmlContent[][] = [];
  let children = document;
  for (let event = reader.next(); event !== null; event = reader.next()) {
    if (event === 'open') {
      const inner: WbxmlContent[] = [];
      children.push({ namespace: reader.namespace, name: reader.name, children: inner });
      outer.push(children);
      children = inner;
    } else if (event === 'text') {
      children.push(reader.text);
    } else if (event === 'opaque') {
      children.push(Buffer.from(reader.opaque));
    } else {
      children = outer.pop() as WbxmlContent[];
    }
  }
}
