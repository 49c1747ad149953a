// Owns the reading of CliXml, what PowerShell's Export-Clixml writes: each top object is a record. Read by a streaming parser. Pure.
// @see [MS-PSRP] 2.2.5 (serialization of objects: Obj, MS, Props, LST, S, B, DT, Nil, Ref)
import sax from 'sax';
import { names } from '../word-lists.ts';
import { XmlDeclarations } from './xml-declarations.ts';

/** A record, or why an object is none; `isCutOff`: what is behind it was not read. */
export type ClixmlRecord =
  | { readonly line: number; readonly record: object }
  | { readonly line: number; readonly reason: string; readonly isCutOff: boolean };

const MAX_DEPTH = 24;
const MAX_MEMBERS = 1_000;
const MAX_TEXT = 65_536;
const MAX_RECORD = 1_048_576;
/** Objects that may be referred to: the newest ones, and short ones. */
const MAX_REFERENCES = 5_000;
const MAX_REFERRED = 4_096;
/** In place of a value that an object refers to and that is not known any more: the name of a type, as Export-Csv writes it. */
const LOST = 'System.Object';

type Value = string | boolean | null | Value[] | { [name: string]: Value };

interface Frame {
  readonly name: string | null;
  readonly members: { [name: string]: Value };
  readonly list: Value[];
  isList: boolean;
  count: number;
  /** The text form; enumerations have it beside their number. */
  shown: string | null;
  /** By which later objects refer to it; null = none. */
  readonly reference: string | null;
  readonly line: number;
}

const SCALARS = new Set(
  names('S B I16 I32 I64 U16 U32 U64 By SB Db Sg D DT TS G URI Version C XD SBK BA SS'),
);
const LISTS = new Set(['LST', 'IE', 'QUE', 'STK']);

/** Splits CliXml into records. */
export async function* clixmlRecords(text: AsyncIterable<string>): AsyncGenerator<ClixmlRecord> {
  const reader = new ClixmlReader();
  for await (const piece of text) {
    reader.push(piece);
    yield* reader.found.splice(0);
  }
  reader.end();
  yield* reader.found.splice(0);
}

class ClixmlReader {
  readonly found: ClixmlRecord[] = [];
  private readonly parser = sax.parser(true, { position: true });
  private readonly declarations = new XmlDeclarations();
  private readonly frames: Frame[] = [];
  private text = '';
  /** Characters of the record so far. */
  private size = 0;
  private name: string | null = null;
  private reference: string | null = null;
  private readonly referred = new Map<string, Value>();
  private isBroken = false;

  constructor() {
    Object.assign(this.parser, {
      onerror: (error: Error): void => {
        if (!this.isBroken)
          this.fail(`not CliXml: ${error.message.split('\n')[0] ?? ''} (is the file cut off?)`);
      },
      ontext: (piece: string): void => {
        if (this.text.length >= MAX_TEXT || this.isBroken) return;
        this.text += piece;
        this.size += piece.length;
        if (this.size > MAX_RECORD) this.fail('the record is too large');
      },
      onopentag: (tag: sax.Tag): void => this.open(tag.name, tag.attributes),
      onclosetag: (name: string): void => this.close(name),
    });
  }

  push(piece: string): void {
    if (this.isBroken) return;
    if (this.declarations.isUnknownIn(piece))
      this.fail('not CliXml: it has a declaration that no export has');
    else this.parser.write(piece);
  }

  end(): void {
    if (!this.isBroken) this.parser.close();
  }

  private open(tag: string, attributes: Record<string, string>): void {
    this.text = '';
    this.name = attributes['N'] === undefined ? null : unescaped(attributes['N']);
    this.reference = attributes['RefId'] ?? null;
    if (tag === 'Obj') {
      const line = this.parser.line + 1;
      this.frames.push({
        name: this.name,
        members: Object.create(null) as Frame['members'],
        list: [],
        isList: false,
        count: 0,
        shown: null,
        reference: this.reference,
        line,
      });
      if (this.frames.length > MAX_DEPTH) this.fail('objects are nested too deep');
    } else if (LISTS.has(tag)) {
      const frame = this.frames.at(-1);
      if (frame !== undefined) frame.isList = true;
    }
  }

  private close(tag: string): void {
    if (this.isBroken) return;
    const frame = this.frames.at(-1);
    if (tag === 'ToString') {
      if (frame !== undefined) frame.shown = unescaped(this.text);
    } else if (tag === 'Nil') this.put(this.name, null);
    // An object that stood before: a list that several mailboxes share.
    else if (tag === 'Ref') this.put(this.name, this.referred.get(this.reference ?? '') ?? LOST);
    else if (SCALARS.has(tag)) this.put(this.name, tag === 'B' ? this.text === 'true' : unescaped(this.text));
    else if (tag === 'Obj' && frame !== undefined) this.closeObject(frame);
    this.text = '';
    this.name = null;
  }

  private closeObject(frame: Frame): void {
    this.frames.pop();
    // A record of its own, or one of a list at the top.
    if (this.frames.length === 0 || (this.frames.length === 1 && this.frames[0]?.isList === true))
      this.size = 0;
    if (this.frames.length === 0) {
      if (frame.isList) for (const one of frame.list) this.add(frame.line, one);
      else this.add(frame.line, frame.members);
      return;
    }
    const [outer] = this.frames;
    if (this.frames.length === 1 && outer?.isList === true) {
      this.add(frame.line, frame.members);
      return;
    }
    const value = valueOf(frame);
    this.put(frame.name, value);
    if (frame.reference !== null && isShort(value)) this.keep(frame.reference, value);
  }

  private keep(reference: string, value: Value): void {
    this.referred.set(reference, value);
    if (this.referred.size <= MAX_REFERENCES) return;
    const [oldest = ''] = this.referred.keys();
    this.referred.delete(oldest);
  }

  private put(name: string | null, value: Value): void {
    const frame = this.frames.at(-1);
    if (frame === undefined || frame.count >= MAX_MEMBERS) return;
    if (frame.isList) {
      frame.list.push(value);
      frame.count++;
    } else if (name !== null) {
      frame.members[name] = value;
      frame.count++;
    }
  }

  private add(line: number, value: Value): void {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      this.found.push({ line, record: value });
    else this.found.push({ line, reason: 'not an object', isCutOff: false });
  }

  /** Nothing behind it is read. */
  private fail(reason: string): void {
    this.isBroken = true;
    this.found.push({ line: this.frames[0]?.line ?? this.parser.line + 1, reason, isCutOff: true });
  }
}

/** A text, or a list of texts, that is kept for later references. */
function isShort(value: Value): boolean {
  if (typeof value === 'string') return value.length <= MAX_REFERRED;
  if (!Array.isArray(value)) return value === null || typeof value === 'boolean';
  let length = 0;
  for (const one of value) length += typeof one === 'string' ? one.length + 1 : MAX_REFERRED;
  return length <= MAX_REFERRED;
}

function valueOf({ isList, list, count, shown, members }: Frame): Value {
  if (isList) return list;
  if (count === 0) return shown;
  // An address or an identity: its text is what Export-Csv would write.
  return shown === null ? members : { ...members, value: shown };
}

/** `_x000A_` is a character that XML cannot have. */
function unescaped(text: string): string {
  return text.replaceAll(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
