// Owns the XML notation of WBXML documents for people, in both directions and one spelling. Pure.
// Namespaces are the page names with a colon, written where they change. Bytes that are not plain text become a
// processing instruction, <?opaque BASE64?>, so that nothing is lost.
import { WbxmlError, isElement } from './element.ts';
import type { WbxmlContent, WbxmlElement } from './element.ts';

/** Tags whose content EAS sends as OPAQUE (MS-ASWBXML 2.1.2.1); their text is encoded as bytes again. */
const OPAQUE_TAGS: ReadonlySet<string> = new Set([
  'ComposeMail:Mime',
  'Email2:ConversationId',
  'Email2:ConversationIndex',
  'ItemOperations:ConversationId',
  'Search:ConversationId',
]);

const MAX_DEPTH = 64;

/** The document as XML without white space between elements. */
export function toXml(root: WbxmlElement): string {
  return write(root, '');
}

function write(node: WbxmlElement, namespace: string): string {
  const attribute = node.namespace === namespace ? '' : ` xmlns="${node.namespace}:"`;
  if (node.children.length === 0) return `<${node.name}${attribute}/>`;
  const inner = node.children.map((content) => writeContent(content, node)).join('');
  return `<${node.name}${attribute}>${inner}</${node.name}>`;
}

function writeContent(content: WbxmlContent, parent: WbxmlElement): string {
  if (isElement(content)) return write(content, parent.namespace);
  if (typeof content === 'string') return escape(content);
  const text = content.toString('utf8');
  const plain = isPlain(text) && Buffer.from(text, 'utf8').equals(content);
  return plain ? escape(text) : `<?opaque ${content.toString('base64')}?>`;
}

/** Whether a text has no control characters other than tab, line feed and carriage return, which XML 1.0 cannot represent. */
function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return false;
    if (code === 0xfffe || code === 0xffff) return false;
  }
  return true;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;');
}

/** Reads what {@link toXml} writes, with white space between elements allowed. @throws WbxmlError */
export function fromXml(text: string): WbxmlElement {
  const reader = new Reader(text.trim().replace(/^<\?xml[^?]{0,200}\?>\s*/, ''));
  const root = reader.element('', 0);
  if (!reader.atEnd()) throw bad('text behind the root element');
  return root;
}

class Reader {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  atEnd(): boolean {
    return this.at >= this.text.length;
  }

  element(outer: string, depth: number): WbxmlElement {
    if (depth > MAX_DEPTH) throw bad('elements nested too deeply');
    const end = this.text.indexOf('>', this.at);
    if (this.text[this.at] !== '<' || end === -1) throw bad(`an element expected at ${this.at}`);
    const tag = /^<([A-Za-z0-9]+)(?:\s+xmlns=(?:"([A-Za-z0-9]+):?"|'([A-Za-z0-9]+):?'))?\s*(\/?)>$/.exec(
      this.text.slice(this.at, end + 1),
    );
    if (tag === null)
      throw bad(`not a tag that EAS has: ${this.text.slice(this.at, Math.min(end + 1, this.at + 60))}`);
    const [, name = '', double, single, empty] = tag;
    const namespace = double ?? single ?? outer;
    this.at = end + 1;
    if (empty === '/') return { namespace, name, children: [] };
    const children: WbxmlContent[] = [];
    for (;;) {
      const next = this.text.indexOf('<', this.at);
      if (next === -1) throw bad(`<${name}> does not end`);
      this.content(children, this.text.slice(this.at, next), `${namespace}:${name}`);
      this.at = next;
      if (this.text.startsWith('</', next)) {
        const close = `</${name}>`;
        if (!this.text.startsWith(close, next)) throw bad(`<${name}> is not closed by ${close}`);
        this.at += close.length;
        return { namespace, name, children: withoutLayout(children) };
      }
      if (this.text.startsWith('<?opaque ', next)) children.push(this.opaque());
      else children.push(this.element(namespace, depth + 1));
    }
  }

  private content(children: WbxmlContent[], raw: string, path: string): void {
    if (raw === '') return;
    const text = unescape(raw);
    children.push(OPAQUE_TAGS.has(path) ? Buffer.from(text, 'utf8') : text);
  }

  private opaque(): Buffer {
    const end = this.text.indexOf('?>', this.at);
    if (end === -1) throw bad('<?opaque does not end');
    const encoded = this.text.slice(this.at + '<?opaque '.length, end);
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.toString('base64') !== encoded) throw bad('<?opaque holds no base64');
    this.at = end + 2;
    return bytes;
  }
}

/** Removes white space between elements; white space without elements beside it is text. */
function withoutLayout(children: WbxmlContent[]): WbxmlContent[] {
  if (!children.some(isElement)) return children;
  return children.filter((content) => isElement(content) || content.toString().trim() !== '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replace(/&([^;&]{0,12});?/g, (whole, name: string) => {
    const known = ENTITIES[name];
    if (known !== undefined && whole.endsWith(';')) return known;
    const code = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    const value =
      code === null ? Number.NaN : Number.parseInt(code[1] ?? code[2] ?? '', code[1] === undefined ? 10 : 16);
    if (!whole.endsWith(';') || !(value > 0 && value <= 0x10ffff)) throw bad(`not an entity: ${whole}`);
    return String.fromCodePoint(value);
  });
}

function bad(message: string): WbxmlError {
  return new WbxmlError('EASGATE_WBXML_XML', message);
}
