// Owns reading YAML with positions: the value, and where any part of it is in the text.
import {
  LineCounter,
  YAMLParseError,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml';
import type { Document } from 'yaml';
import { messageOf } from '../caught-error.ts';

/** A range of characters of the text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A place in a text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The text is not YAML, or not a plain value. */
export interface YamlError {
  readonly message: string;
  readonly place: Place | null;
}

/** Refines a position. */
export interface PlaceOptions {
  /** The position of the key, not of the value. */
  readonly atKey?: boolean;
  /** Number of characters into the text of the value. */
  readonly offset?: number;
}

/** A YAML (or JSON) text as a tree. */
export class YamlSource {
  readonly document: Document;
  readonly text: string;
  private readonly lines = new LineCounter();

  /** `merge`: a key `<<` adds the keys of another map. */
  constructor(text: string, merge = false) {
    this.text = text;
    this.document = parseDocument(text, {
      // The library compares each key with all before it: a map of many keys would take minutes.
      uniqueKeys: false,
      merge,
      lineCounter: this.lines,
      prettyErrors: false,
      // Values of !!binary, !!set and such are none that a later step knows.
      resolveKnownTags: false,
      // Warnings would be written to standard error, with words of the text.
      logLevel: 'error',
    });
    findRepeatedKeys(this.document);
    refuseTags(this.document, text);
  }

  /** The value, with bounded aliases. Throws when there are more. */
  toValue(): unknown {
    return this.document.toJS({ maxAliasCount: 100 });
  }

  /** The line and column of a character. */
  placeAt(offset: number): Place {
    const { line, col } = this.lines.linePos(offset);
    return { line, column: col };
  }

  /**
   * The position of a value, or with `atKey` of its key. A missing or empty value has the position of the last key of its
   * path that exists; null = none exists.
   */
  find(path: readonly PropertyKey[], atKey = false): Span | null {
    let node: unknown = this.document.contents;
    let name: Span | null = null;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.document);
      let next: unknown;
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
        next = pair?.value;
        if (pair === undefined) return name;
        name = spanOf(pair.key) ?? name;
      } else if (isSeq(node)) {
        next = node.items[Number(step)];
        name = spanOf(next) ?? name;
      }
      if (next === undefined || next === null) return name;
      node = next;
    }
    const empty = isScalar(node) && node.value === null;
    const value = path.length === 0 || empty ? null : spanOf(node);
    return atKey ? name : (value ?? name);
  }

  /** Like {@link find}; `offset`: so many characters into a text, if the source contains it unchanged. */
  findInside(path: readonly PropertyKey[], atKey: boolean, offset: number): Span | null {
    const span = this.find(path, atKey);
    if (span === null || offset === 0) return span;
    const from = this.inside(path, span, offset);
    return { from, to: Math.max(from + 1, span.to) };
  }

  /** The line and column for a problem: see {@link find}. Null = the document is empty. */
  placeOf(path: readonly PropertyKey[], { atKey = false, offset }: PlaceOptions = {}): Place | null {
    const span = this.find(path, atKey) ?? spanOf(this.document.contents);
    if (span === null) return null;
    return this.placeAt(offset === undefined ? span.from : this.inside(path, span, offset));
  }

  /** The position inside a scalar if the source contains its text unchanged; else the start of the scalar. */
  private inside(path: readonly PropertyKey[], { from, to }: Span, offset: number): number {
    const value: unknown = this.document.getIn(path);
    if (typeof value !== 'string') return from;
    const found = this.text.slice(from, to).indexOf(value);
    return found === -1 ? from : from + found + offset;
  }
}

/** Adds an error for each key that stands twice in one map (YAML 1.2.2 3.2.1.3). */
function findRepeatedKeys(document: Document): void {
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        // `5` and `"5"` become one name.
        const value = isScalar(key) ? String(key.value) : key;
        const at = spanOf(key)?.from ?? 0;
        if (seen.has(value))
          document.errors.push(new YAMLParseError([at, at + 1], 'DUPLICATE_KEY', 'Map keys must be unique'));
        seen.add(value);
      }
    },
  });
}

/** Longest part of a tag that a message shows. */
const MAX_TAG = 40;

/** Adds an error for each tag that was passed over (YAML 1.2.2 3.3.4): the value is another one than was written. */
function refuseTags({ errors, warnings }: Document, text: string): void {
  for (const { code, pos } of warnings) {
    if (code !== 'TAG_RESOLVE_FAILED') continue;
    const tag = text.slice(pos[0], Math.min(pos[1], pos[0] + MAX_TAG)).trim();
    errors.push(new YAMLParseError(pos, code, `no value can have the tag ${tag} here: leave it out`));
  }
}

/** A YAML text that was read. */
export interface ReadYaml {
  readonly value: unknown;
  readonly errors: readonly YamlError[];
  readonly source: YamlSource;
}

/** Nothing that is read here is deeper than twenty; the library takes seconds for a text of nothing but brackets. */
const MAX_DEPTH = 500;
const MAX_ERRORS = 200;

/** Counts brackets, also those within texts, and the marks of lists and keys at the beginning of a line. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let marks = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
    if (character === '\n') marks = 0;
    else if ('-?:'.includes(character) && ' \t'.includes(text[at + 1] ?? 'x')) marks++;
    if (depth > MAX_DEPTH || marks > MAX_DEPTH) return true;
  }
  return false;
}

/** Reads a text; never throws. */
export function readYaml(text: string): ReadYaml {
  if (isTooDeep(text)) {
    const message = `is nested deeper than ${MAX_DEPTH}`;
    return { value: undefined, errors: [{ message, place: null }], source: new YamlSource('') };
  }
  const source = new YamlSource(text, true);
  const errors: YamlError[] = source.document.errors.slice(0, MAX_ERRORS).map((error) => ({
    message: error.message.split('\n')[0] ?? error.message,
    place: source.placeAt(error.pos[0]),
  }));
  let value: unknown;
  if (errors.length === 0) {
    try {
      value = source.toValue();
    } catch (error) {
      errors.push({ message: messageOf(error), place: null });
    }
  }
  return { value, errors, source };
}

/** The characters of a node. */
export function spanOf(node: unknown): Span | null {
  const range = isNode(node) ? node.range : null;
  return range === undefined || range === null
    ? null
    : { from: range[0], to: Math.max(range[0] + 1, range[1]) };
}
