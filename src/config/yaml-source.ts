// Owns reading YAML with positions: the value, and the line and column of any part of it.
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { Node } from 'yaml';

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

/** A parsed YAML text. */
export interface YamlSource {
  readonly value: unknown;
  readonly errors: readonly YamlError[];
  /** The position of a value; of its nearest existing parent when it is missing. Null = an empty document. */
  readonly placeOf: (path: readonly PropertyKey[], options?: PlaceOptions) => Place | null;
}

/** Reads a YAML (or JSON) text; never throws. */
export function readYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: true, merge: true, lineCounter: lines });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const errors: YamlError[] = document.errors.map((error) => ({
    message: (error.message.split('\n')[0] ?? error.message).replace(/ at line \d+, column \d+:?$/, ''),
    place: at(error.pos[0]),
  }));
  let value: unknown;
  if (errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      errors.push({ message: error instanceof Error ? error.message : String(error), place: null });
    }
  }
  return {
    value,
    errors,
    placeOf: (path, { atKey = false, offset } = {}) => {
      for (let length = path.length; length >= 0; length--) {
        const whole = length === path.length;
        const key = whole && atKey ? keyAt(document.getIn(path.slice(0, -1), true), path.at(-1)) : undefined;
        const found: unknown = key ?? document.getIn(path.slice(0, length), true);
        const start = isNode(found) ? found.range?.[0] : undefined;
        if (start === undefined) continue;
        return at(whole && offset !== undefined ? inside(text, found as Node, start, offset) : start);
      }
      return null;
    },
  };
}

function keyAt(map: unknown, name: PropertyKey | undefined): unknown {
  if (!isMap(map)) return undefined;
  return map.items.find(({ key }) => isScalar(key) && String(key.value) === String(name))?.key;
}

/** The position inside a scalar when the source contains its text unchanged; else the start of the scalar. */
function inside(text: string, node: Node, start: number, offset: number): number {
  const value = isScalar(node) ? node.value : null;
  if (typeof value !== 'string') return start;
  const end = node.range?.[1] ?? start;
  const found = text.slice(start, end).indexOf(value);
  return found === -1 ? start : start + found + offset;
}
