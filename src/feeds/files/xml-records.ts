// Owns the reading of XML of Jamf's Classic API and of Workspace ONE, which answer in XML unless JSON is asked for: each `mobile_device`, and each
// `Devices` or `Device`, is a record. Read by a streaming parser. Pure.
// @see https://developer.jamf.com/jamf-pro/reference/findmobiledevices
// @see https://developer.omnissa.com/ws1-uem-apis/ (DeviceSearchResult: one `Devices` element for each device, or one around all)
import sax from 'sax';
import { names } from '../word-lists.ts';
import type { ClixmlRecord } from './clixml.ts';
import { XmlDeclarations } from './xml-declarations.ts';

/** Elements that are records. */
const RECORDS: ReadonlySet<string> = new Set(names('mobile_device computer Devices Device'));
/** Workspace ONE uses `Devices` for one device, or for the list: if it contains `Device`, it is the list. */
const LIST = 'Devices';
const IN_LIST = 'Device';
const MAX_DEPTH = 16;
const MAX_ELEMENTS = 20_000;
const MAX_TEXT = 65_536;
const MAX_RECORD = 1_048_576;

interface Node {
  [name: string]: string | Node | string[];
}

interface Open {
  readonly name: string;
  readonly members: Node;
  hasMembers: boolean;
  text: string;
}

/** The namespace of the answers of Workspace ONE. */
const WORKSPACE_ONE = '="http://www.air-watch.com/';

/** Whether a text is such XML. */
export function hasXmlRecords(start: string): boolean {
  return /<(?:mobile_device|computer)s?[\s>]/.test(start) || start.slice(0, 2_000).includes(WORKSPACE_ONE);
}

/** Splits XML into records. Of elements of one name in one place the first counts; two texts that differ are a list, which is no state. */
export async function* xmlRecords(text: AsyncIterable<string>): AsyncGenerator<ClixmlRecord> {
  const reader = new XmlReader();
  for await (const piece of text) {
    reader.push(piece);
    yield* reader.found.splice(0);
  }
  reader.end();
  yield* reader.found.splice(0);
}

/** A name without the prefix of its namespace. */
function local(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

class XmlReader {
  readonly found: ClixmlRecord[] = [];
  private readonly parser = sax.parser(true, { position: true });
  private readonly declarations = new XmlDeclarations();
  /** The elements of the record that is being read, from its own. */
  private readonly open: Open[] = [];
  private line = 1;
  private elements = 0;
  /** Characters of the record. */
  private size = 0;
  private isBroken = false;

  constructor() {
    Object.assign(this.parser, {
      onerror: (error: Error): void => {
        if (!this.isBroken)
          this.fail(`not XML: ${error.message.split('\n')[0] ?? ''} (is the file cut off?)`);
      },
      ontext: (piece: string): void => this.addText(piece),
      oncdata: (piece: string): void => this.addText(piece),
      onopentag: ({ name }: { readonly name: string }): void => this.openTag(local(name)),
      onclosetag: (name: string): void => this.closeTag(local(name)),
    });
  }

  push(piece: string): void {
    if (this.isBroken) return;
    if (this.declarations.isUnknownIn(piece)) this.fail('not XML: it has a declaration that no export has');
    else this.parser.write(piece);
  }

  end(): void {
    if (!this.isBroken) this.parser.close();
  }

  private addText(piece: string): void {
    const element = this.open.at(-1);
    if (element === undefined || element.text.length >= MAX_TEXT || this.isBroken) return;
    element.text += piece;
    this.size += piece.length;
    if (this.size > MAX_RECORD) this.fail('the record is too large');
  }

  private openTag(name: string): void {
    if (this.isBroken || (this.open.length === 0 && !RECORDS.has(name))) return;
    const [around] = this.open;
    if (name === IN_LIST && around?.name === LIST && this.open.length === 1 && !around.hasMembers)
      this.open.pop();
    if (this.open.length === 0) {
      this.line = this.parser.line + 1;
      this.elements = 0;
      this.size = 0;
    }
    const outer = this.open.at(-1);
    if (outer !== undefined) outer.hasMembers = true;
    this.open.push({ name, members: Object.create(null) as Node, hasMembers: false, text: '' });
    if (this.open.length > MAX_DEPTH || ++this.elements > MAX_ELEMENTS) this.fail('the record is too large');
  }

  private closeTag(name: string): void {
    const element = this.open.at(-1);
    if (this.isBroken || element?.name !== name) return;
    this.open.pop();
    const outer = this.open.at(-1);
    if (outer === undefined) this.found.push({ line: this.line, record: element.members });
    else this.put(outer.members, name, element.hasMembers ? element.members : element.text.trim());
  }

  private put(members: Node, name: string, value: string | Node): void {
    const before = members[name];
    if (before === undefined) members[name] = value;
    else if (typeof before === 'string' && typeof value === 'string' && before !== value)
      members[name] = [before, value];
  }

  private fail(reason: string): void {
    this.isBroken = true;
    this.found.push({
      line: this.open.length > 0 ? this.line : this.parser.line + 1,
      reason,
      isCutOff: true,
    });
  }
}
