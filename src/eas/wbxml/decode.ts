// Owns the decoder of whole documents to a small tree; the token rules are those of reader.ts. Pure.
import type { WbxmlContent, WbxmlElement } from './element.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { WbxmlLimits } from './limits.ts';
import { WbxmlReader } from './reader.ts';

/** Decodes a whole document; opaque contents are copies. @throws WbxmlError */
export function decodeWbxml(bytes: Uint8Array, limits: WbxmlLimits = DEFAULT_LIMITS): WbxmlElement {
  const reader = new WbxmlReader(limits);
  reader.push(bytes);
  const document: WbxmlContent[] = [];
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
  reader.end();
  return document[0] as WbxmlElement;
}
