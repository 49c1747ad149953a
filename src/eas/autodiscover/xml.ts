// Owns parsing of small XML documents into a tree: no document type, no custom entities, bounded size and depth. Pure.
import sax from 'sax';
import type { QualifiedTag, SAXOptions, SAXParser } from 'sax';

/** An element with its namespace; attributes are ignored. */
export interface XmlElement {
  readonly namespace: string;
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** All character data directly below it. */
  readonly text: string;
}

interface OpenElement extends XmlElement {
  readonly children: OpenElement[];
  text: string;
}

const MAX_DEPTH = 16;
const MAX_ELEMENTS = 256;
/** Only the five predefined entities of XML. The types of sax lack this option. */
const OPTIONS = { xmlns: true, position: false, strictEntities: true } as SAXOptions;

/** Encodings in which text without characters beyond ASCII is the same bytes as in UTF-8. */
const SAME_AS_ASCII: ReadonlySet<string> = new Set([
  'us-ascii',
  'ascii',
  'iso-8859-1',
  'windows-1252',
  'utf8',
]);

function isAscii(text: string): boolean {
  // Every character beyond ASCII takes more than one byte in UTF-8.
  return Buffer.byteLength(text) === text.length;
}

/** The root element; null when the bytes are not well-formed XML in UTF-8, or exceed the bounds. */
export function readXml(bytes: Uint8Array): XmlElement | null {
  const text = decode(bytes);
  return text === null || DECLARATION.test(text) ? null : parse(text);
}

/**
 * `<!` that begins neither a comment nor a CDATA section. Declarations are refused; and the parser looks at all of an unknown one again with each of
 * its letters, so that 16 KB took it four seconds.
 */
const DECLARATION = /<!(?!--|\[CDATA\[)/;

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function parse(text: string): XmlElement | null {
  const reader = sax.parser(true, OPTIONS);
  const open: OpenElement[] = [];
  let root: XmlElement | null = null;
  let elements = 0;
  const addText = (characters: string): void => {
    const element = open.at(-1);
    if (element !== undefined) element.text += characters;
  };
  const handlers: Handlers = {
    onerror: refuse,
    ondoctype: refuse,
    onsgmldeclaration: refuse,
    onprocessinginstruction: ({ name, body }) => {
      // Checks that the XML declaration names the encoding that was used.
      const encoding = /\bencoding\s*=\s*["']([^"']*)["']/.exec(body.slice(0, 200))?.[1];
      if (name !== 'xml') refuse();
      const declared = encoding?.toLowerCase() ?? 'utf-8';
      if (declared !== 'utf-8' && !(SAME_AS_ASCII.has(declared) && isAscii(text))) refuse();
    },
    onopentag: (tag) => {
      if (++elements > MAX_ELEMENTS || open.length >= MAX_DEPTH) refuse();
      const { uri, local } = tag as QualifiedTag;
      const element: OpenElement = { namespace: uri, name: local, children: [], text: '' };
      open.at(-1)?.children.push(element);
      open.push(element);
    },
    ontext: addText,
    oncdata: addText,
    onclosetag: () => {
      const closed = open.pop();
      if (open.length === 0) root = closed ?? null;
    },
  };
  Object.assign(reader, handlers);
  try {
    reader.write(text).close();
  } catch {
    return null;
  }
  return root;
}

type Handlers = Partial<
  Pick<
    SAXParser,
    | 'onerror'
    | 'ondoctype'
    | 'onsgmldeclaration'
    | 'onprocessinginstruction'
    | 'onopentag'
    | 'ontext'
    | 'oncdata'
    | 'onclosetag'
  >
>;

class Refused extends Error {}

function refuse(): never {
  throw new Refused();
}

/** The first child of this name in this namespace. */
export function childOf(
  element: XmlElement | undefined,
  namespace: string,
  name: string,
): XmlElement | undefined {
  return element?.children.find((one) => one.name === name && one.namespace === namespace);
}

/** Escapes text for an element in any encoding; characters that XML 1.0 does not allow become a question mark. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
