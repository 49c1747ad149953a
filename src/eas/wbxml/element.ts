// Owns the small tree that WBXML documents are decoded to and encoded from, and the errors of both.
import type { Namespace, TagName } from './code-pages.ts';

/** Text, or bytes of an OPAQUE. */
export type WbxmlContent = WbxmlElement | string | Buffer;

/** One element; names as in MS-ASWBXML, e.g. namespace `AirSync`, name `Sync`. */
export interface WbxmlElement {
  readonly namespace: string;
  readonly name: string;
  readonly children: readonly WbxmlContent[];
}

/** Why a document was refused. */
export type WbxmlErrorCode =
  | 'EASGATE_WBXML_HEADER'
  | 'EASGATE_WBXML_TOKEN'
  | 'EASGATE_WBXML_UNKNOWN_TAG'
  | 'EASGATE_WBXML_TRUNCATED'
  | 'EASGATE_WBXML_TRAILING'
  | 'EASGATE_WBXML_TEXT'
  | 'EASGATE_WBXML_LIMIT'
  | 'EASGATE_WBXML_XML';

/** A document cannot be decoded or encoded. */
export class WbxmlError extends Error {
  readonly code: WbxmlErrorCode;
  constructor(code: WbxmlErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Builds an element that a code page lists. */
export function element<N extends Namespace>(
  namespace: N,
  name: TagName<N>,
  ...children: WbxmlContent[]
): WbxmlElement {
  return { namespace, name, children };
}

/** Whether a content is an element. */
export function isElement(content: WbxmlContent): content is WbxmlElement {
  return typeof content !== 'string' && !Buffer.isBuffer(content);
}

/** The first child element of this name, in any namespace. */
export function child(parent: WbxmlElement | undefined, name: string): WbxmlElement | undefined {
  for (const content of parent?.children ?? [])
    if (isElement(content) && content.name === name) return content;
  return undefined;
}

/** All child elements of this name. */
export function childrenNamed(parent: WbxmlElement | undefined, name: string): WbxmlElement[] {
  return (parent?.children ?? []).filter(
    (content): content is WbxmlElement => isElement(content) && content.name === name,
  );
}

/** The text of an element; bytes are read as UTF-8. Undefined when there is no such element. */
export function textOf(parent: WbxmlElement | undefined): string | undefined {
  if (parent === undefined) return undefined;
  return parent.children.map((content) => (isElement(content) ? '' : content.toString())).join('');
}
