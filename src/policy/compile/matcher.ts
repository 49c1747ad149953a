// Owns matching a fact against a condition's value, with the results yes, no and unknown.
import type { Operand, Operator, Value } from '../document/value.ts';
import type { Attribute, Text, VersionText } from '../engine/facts.ts';
import { compileGlob, isGlob } from './glob.ts';
import { compileRanges } from './network.ts';
import type { Address, AddressRange } from '../../ip-address.ts';
import { compareVersions } from './version.ts';

/** 1 = yes, 0 = no, -1 = the fact is unknown or not comparable. */
export type Answer = 1 | 0 | -1;

/** The evaluation's clock, which also records when an age passes a limit. */
export interface Clock {
  readonly now: number;
  /** The result may change at this time, in milliseconds since the epoch. */
  note(time: number): void;
}

/** Matches a fact; null = unknown. */
export type Match<Fact> = (fact: Fact | null, clock: Clock) => Answer;

type Leaf<Fact> = (value: Value) => Match<Fact>;

/**
 * Adds lists and `not` to the comparisons of a kind. `unknownMatchesNot`: an unknown fact matches `{ not: … }`, which is
 * the case where a match counts against the phone.
 */
function combine<Fact>(value: Value, unknownMatchesNot: boolean, leaf: Leaf<Fact>): Match<Fact> {
  switch (value.type) {
    case 'unknown': {
      const text = leaf({ type: 'text', text: 'unknown' });
      return (fact, clock) => (fact === null ? 1 : text(fact, clock));
    }
    case 'not':
      return negate(combine(value.value, unknownMatchesNot, leaf), unknownMatchesNot);
    case 'any': {
      const parts = value.values.map((part) => combine(part, unknownMatchesNot, leaf));
      if (parts.length === 1) return parts[0] as Match<Fact>;
      return (fact, clock) => {
        let answer: Answer = fact === null ? -1 : 0;
        for (let index = 0; index < parts.length; index++) {
          const one = (parts[index] as Match<Fact>)(fact, clock);
          if (one === 1) return 1;
          if (one === -1) answer = -1;
        }
        return answer;
      };
    }
    default:
      return leaf(value);
  }
}

function negate<Fact>(inner: Match<Fact>, unknownMatchesNot: boolean): Match<Fact> {
  const onUnknown = unknownMatchesNot ? 1 : 0;
  return (fact, clock) => {
    const answer = inner(fact, clock);
    return answer === -1 ? onUnknown : answer === 1 ? 0 : 1;
  };
}

/** Joins the exact texts of a list into one set, so that a long list costs one look-up. */
function joinTexts(value: Value): { readonly texts: ReadonlySet<string>; readonly rest: Value } | null {
  if (value.type !== 'any' || value.values.length < 5) return null;
  const texts = new Set<string>();
  const rest: Value[] = [];
  for (const part of flatten(value.values)) {
    if (part.type === 'text' && !isGlob(part.text)) texts.add(part.text);
    else rest.push(part);
  }
  return texts.size < 5 ? null : { texts, rest: { type: 'any', values: rest } };
}

function flatten(values: readonly Value[]): Value[] {
  return values.flatMap((value) => (value.type === 'any' ? flatten(value.values) : [value]));
}

/** Prepares a value for {@link combine}, with sets for long lists. */
function withSets<Fact>(
  value: Value,
  unknownMatchesNot: boolean,
  leaf: Leaf<Fact>,
  has: (fact: Fact, texts: ReadonlySet<string>) => boolean,
): Match<Fact> {
  if (value.type === 'not')
    return negate(withSets(value.value, unknownMatchesNot, leaf, has), unknownMatchesNot);
  const joined = joinTexts(value);
  if (joined === null) return combine(value, unknownMatchesNot, leaf);
  const { texts } = joined;
  const rest = combine(joined.rest, unknownMatchesNot, leaf);
  return (fact, clock) => (fact !== null && has(fact, texts) ? 1 : rest(fact, clock));
}

/** Matches texts, without regard to case. */
export function textMatch(value: Value, unknownMatchesNot: boolean): Match<Text> {
  return withSets<Text>(value, unknownMatchesNot, textLeaf, (fact, texts) => texts.has(fact.lower));
}

/** Matches several texts at once: one of them must match; `{ not: … }` means that none does. */
export function textsMatch(value: Value, unknownMatchesNot: boolean): Match<readonly Text[]> {
  return withSets<readonly Text[]>(value, unknownMatchesNot, textsLeaf, (facts, texts) => {
    for (const { lower } of facts) if (texts.has(lower)) return true;
    return false;
  });
}

function textsLeaf(value: Value): Match<readonly Text[]> {
  const one = textLeaf(value);
  return (facts, clock) => {
    if (facts === null) return -1;
    for (const fact of facts) if (one(fact, clock) === 1) return 1;
    return 0;
  };
}

function textLeaf(value: Value): Match<Text> {
  if (value.type !== 'text') return never;
  const { text } = value;
  if (!isGlob(text)) return (fact) => (fact === null ? -1 : fact.lower === text ? 1 : 0);
  const glob = compileGlob(text);
  return (fact) => (fact === null ? -1 : glob(fact.lower) ? 1 : 0);
}

/** Matches versions by their numbers, or their text by a pattern. */
export function versionMatch(value: Value, unknownMatchesNot: boolean): Match<VersionText> {
  return combine<VersionText>(value, unknownMatchesNot, (leaf) => {
    if (leaf.type === 'text') return textLeaf(leaf);
    if (leaf.type === 'version') {
      const { version } = leaf;
      return (fact) => (fact === null ? -1 : compareVersions(fact.version, version) === 0 ? 1 : 0);
    }
    if (leaf.type !== 'compare' || leaf.operand.type !== 'version') return never;
    const { version } = leaf.operand;
    const holds = HOLDS[leaf.operator];
    return (fact) => (fact === null ? -1 : holds(compareVersions(fact.version, version), 0) ? 1 : 0);
  });
}

/** Matches numbers. */
export function numberMatch(value: Value, unknownMatchesNot: boolean): Match<number> {
  return combine<number>(value, unknownMatchesNot, (leaf) => {
    if (leaf.type === 'number') {
      const { number } = leaf;
      return (fact) => (fact === null ? -1 : fact === number ? 1 : 0);
    }
    if (leaf.type !== 'compare' || leaf.operand.type !== 'number') return never;
    const { number } = leaf.operand;
    const holds = HOLDS[leaf.operator];
    return (fact) => (fact === null ? -1 : holds(fact, number) ? 1 : 0);
  });
}

/** Matches booleans. */
export function booleanMatch(value: Value, unknownMatchesNot: boolean): Match<boolean> {
  return combine<boolean>(value, unknownMatchesNot, (leaf) => {
    if (leaf.type !== 'boolean') return never;
    const { boolean } = leaf;
    return (fact) => (fact === null ? -1 : fact === boolean ? 1 : 0);
  });
}

/** Matches how long ago a time is. */
export function ageMatch(value: Value, unknownMatchesNot: boolean): Match<number> {
  return combine<number>(value, unknownMatchesNot, (leaf) => {
    if (leaf.type !== 'compare') return never;
    const compare = timeComparison(leaf.operator, leaf.operand);
    return compare === null ? never : (fact, clock) => (fact === null ? -1 : compare(fact, clock) ? 1 : 0);
  });
}

/** Matches addresses; the blocks of a list are joined into tables. */
export function networkMatch(value: Value, unknownMatchesNot: boolean): Match<Address> {
  if (value.type === 'not') return negate(networkMatch(value.value, unknownMatchesNot), unknownMatchesNot);
  if (value.type !== 'any') return combine(value, unknownMatchesNot, blockLeaf);
  const blocks: AddressRange[] = [];
  const others: Value[] = [];
  for (const part of flatten(value.values)) {
    if (part.type === 'block') blocks.push(part.block);
    else others.push(part);
  }
  const contains = compileRanges(blocks);
  const rest = combine<Address>({ type: 'any', values: others }, unknownMatchesNot, blockLeaf);
  return (fact, clock) => (fact !== null && contains(fact) ? 1 : rest(fact, clock));
}

function blockLeaf(value: Value): Match<Address> {
  if (value.type !== 'block') return never;
  const contains = compileRanges([value.block]);
  return (fact) => (fact === null ? -1 : contains(fact) ? 1 : 0);
}

/** Matches attributes, by the kind of the value they are compared with. */
export function attributeMatch(value: Value, unknownMatchesNot: boolean): Match<Attribute> {
  return withSets<Attribute>(value, unknownMatchesNot, attributeLeaf, (fact, texts) => texts.has(fact.text));
}

function attributeLeaf(value: Value): Match<Attribute> {
  switch (value.type) {
    case 'text': {
      const { text } = value;
      const matches = isGlob(text) ? compileGlob(text) : (fact: string): boolean => fact === text;
      return (fact) => (fact === null ? -1 : matches(fact.text) ? 1 : 0);
    }
    case 'number': {
      const { number } = value;
      return (fact) => (fact === null ? -1 : fact.number === number ? 1 : 0);
    }
    case 'boolean': {
      const text = String(value.boolean);
      return (fact) => (fact === null ? -1 : fact.text === text ? 1 : 0);
    }
    case 'compare':
      return attributeComparison(value.operator, value.operand);
    default:
      return never;
  }
}

function attributeComparison(operator: Operator, operand: Operand): Match<Attribute> {
  const holds = HOLDS[operator];
  if (operand.type === 'number' || operand.type === 'version') {
    const number = operand.type === 'number' ? operand.number : Number.NaN;
    const { version } = operand;
    return (fact) => {
      if (fact === null) return -1;
      if (!Number.isNaN(fact.number) && !Number.isNaN(number)) return holds(fact.number, number) ? 1 : 0;
      if (fact.version === null || version === null) return -1;
      return holds(compareVersions(fact.version, version), 0) ? 1 : 0;
    };
  }
  const compare = timeComparison(operator, operand);
  if (compare === null) return never;
  return (fact, clock) => {
    if (fact === null || Number.isNaN(fact.time)) return -1;
    return compare(fact.time, clock) ? 1 : 0;
  };
}

/** Compares a time with a date, or its age with a length of time; null for other operands. */
function timeComparison(
  operator: Operator,
  operand: Operand,
): ((time: number, clock: Clock) => boolean) | null {
  const holds = HOLDS[operator];
  if (operand.type === 'time') return (time) => holds(time, operand.time);
  if (operand.type !== 'age') return null;
  const { length } = operand;
  // An age reaches the length at one millisecond and exceeds it at the next.
  const exclusive = operator === '<=' || operator === '>' ? 1 : 0;
  return (time, clock) => {
    clock.note(time + length + exclusive);
    return holds(clock.now - time, length);
  };
}

const HOLDS: Readonly<Record<Operator, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function never(fact: unknown): Answer {
  return fact === null ? -1 : 0;
}
