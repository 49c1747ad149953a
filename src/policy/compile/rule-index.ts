// Owns the index of rows (a map of conditions each): which rows can match by device type, platform, protocol version and group,
// as bit sets. The bit set of a value is computed at its first occurrence, and kept in bounded tables.
import { someValue } from '../document/value.ts';
import type { Value } from '../document/value.ts';
import type { Text } from '../engine/facts.ts';
import { INDEXED_FIELDS } from './conditions.ts';
import type { Condition, IndexedField } from './conditions.ts';
import { textsMatch } from './matcher.ts';
import type { Match } from './matcher.ts';
import type { Scene } from './scene.ts';

/** One row: conditions that must all hold. */
export interface IndexRow {
  readonly conditions: readonly Condition[];
  /** Groups it is deployed to, without `not`; unknown groups count as any of them. Null = no restriction. */
  readonly groups: Value | null;
}

/** Most values kept per dimension; limited because phones choose the values. */
const MAX_VALUES = 512;
const MAX_GROUPS = 4_096;

/** A set of rows, one bit each. */
type Bits = Uint32Array;

/** Rows that can match. */
export class RuleIndex {
  readonly #words: number;
  readonly #rest: readonly (readonly Condition[])[];
  readonly #scalars: readonly ScalarDimension[];
  readonly #groups: readonly GroupDimension[];
  readonly #all: Bits;
  /** Reused by every call: evaluation is synchronous and never starts within another one. */
  readonly #bits: Bits;
  readonly #union: Bits;

  constructor(rows: readonly IndexRow[]) {
    this.#words = Math.max(1, Math.ceil(rows.length / 32));
    this.#bits = new Uint32Array(this.#words);
    this.#union = new Uint32Array(this.#words);
    this.#all = new Uint32Array(this.#words);
    for (const row of rows.keys()) set(this.#all, row);
    const decided = new Set<Condition>();
    this.#scalars = Object.entries(INDEXED_FIELDS).flatMap(([field, key]) => {
      const conditions = rows.map((row) => row.conditions.find((one) => one.field === field) ?? null);
      const named = conditions.filter((one) => one !== null);
      for (const one of named) decided.add(one);
      return named.length === 0 ? [] : [new ScalarDimension(key, conditions, this.#words)];
    });
    const byGroup = rows.map(({ conditions }) => {
      const one = conditions.find(({ field }) => field === 'groups');
      if (one === undefined || !isOneWay(one.value)) return null;
      decided.add(one);
      const match = textsMatch(one.value, one.unknownMatchesNot);
      return { match, negative: one.value.type === 'not', onUnknown: match(null, TIMELESS) === 1 };
    });
    const deployed = rows.map(({ groups }) =>
      groups === null ? null : { match: textsMatch(groups, true), negative: false, onUnknown: true },
    );
    this.#groups = [byGroup, deployed]
      .filter((restrictions) => restrictions.some((one) => one !== null))
      .map((restrictions) => new GroupDimension(restrictions, this.#words));
    this.#rest = rows.map((row) => row.conditions.filter((one) => !decided.has(one)));
  }

  /** The first candidate row; {@link next} returns the others, until this method is called again. {@link NO_ROW} = there is none. */
  first(scene: Scene): number {
    const bits = this.#bits;
    bits.set(this.#all);
    for (const dimension of this.#scalars) dimension.restrict(bits, scene);
    for (const dimension of this.#groups) dimension.restrict(bits, scene, this.#union);
    return this.next(-1);
  }

  /** The first candidate row behind another one; {@link NO_ROW} = there is none. */
  next(after: number): number {
    const from = after + 1;
    for (let word = from >> 5; word < this.#words; word++) {
      const bits = at(this.#bits, word);
      const left = word === from >> 5 ? bits & (-1 << (from & 31)) : bits;
      if (left !== 0) return word * 32 + 31 - Math.clz32(left & -left);
    }
    return NO_ROW;
  }

  /** The conditions of a candidate row that the index has not decided: all of them must hold. */
  rest(row: number): readonly Condition[] {
    return this.#rest[row] ?? NO_CONDITIONS;
  }
}

/** There is no further row. */
export const NO_ROW = -1;
const NO_CONDITIONS: readonly Condition[] = [];

/** Rows by the value of one field; its conditions depend on nothing else. */
class ScalarDimension {
  readonly #key: IndexedField;
  readonly #conditions: readonly (Condition | null)[];
  readonly #words: number;
  readonly #kept = new Map<string | null, Bits>();

  constructor(key: IndexedField, conditions: readonly (Condition | null)[], words: number) {
    this.#key = key;
    this.#conditions = conditions;
    this.#words = words;
  }

  restrict(bits: Bits, scene: Scene): void {
    const key = this.#key(scene);
    const matching = this.#kept.get(key) ?? this.#add(key, scene);
    keep(bits, matching);
  }

  #add(key: string | null, scene: Scene): Bits {
    const bits = new Uint32Array(this.#words);
    for (const [row, condition] of this.#conditions.entries())
      if (condition === null || condition.holds(scene)) set(bits, row);
    if (this.#kept.size >= MAX_VALUES) this.#kept.clear();
    this.#kept.set(key, bits);
    return bits;
  }
}

interface GroupRestriction {
  readonly match: Match<readonly Text[]>;
  /** A `{ not: … }` condition: a group can only prevent the match of the row. */
  readonly negative: boolean;
  /** Whether the row is a candidate for a user whose groups are unknown. */
  readonly onUnknown: boolean;
}

/** Rows whose match one group allows, and rows whose match it prevents. */
interface GroupBits {
  readonly lets: Bits;
  readonly keeps: Bits;
}

/** Rows by the groups of the user. */
class GroupDimension {
  readonly #restrictions: readonly (GroupRestriction | null)[];
  readonly #words: number;
  /** Rows that match unless a group prevents it. */
  readonly #unless: Bits;
  readonly #unknown: Bits;
  /** Some group prevents the match of a row. */
  readonly #negative: boolean;
  readonly #kept = new Map<string, GroupBits>();

  constructor(restrictions: readonly (GroupRestriction | null)[], words: number) {
    this.#restrictions = restrictions;
    this.#words = words;
    this.#negative = restrictions.some((one) => one?.negative === true);
    this.#unless = new Uint32Array(words);
    this.#unknown = new Uint32Array(words);
    for (const [row, one] of restrictions.entries()) {
      if (one === null || one.negative) set(this.#unless, row);
      if (one === null || one.onUnknown) set(this.#unknown, row);
    }
  }

  restrict(bits: Bits, { facts }: Scene, union: Bits): void {
    const { groups } = facts.user;
    if (groups === null) {
      keep(bits, this.#unknown);
      return;
    }
    union.set(this.#unless);
    for (const group of groups) {
      const { lets } = this.#kept.get(group.lower) ?? this.#add(group);
      for (let word = 0; word < union.length; word++) union[word] = at(union, word) | at(lets, word);
    }
    keep(bits, union);
    if (!this.#negative) return;
    for (const group of groups) {
      const { keeps } = this.#kept.get(group.lower) ?? this.#add(group);
      for (let word = 0; word < bits.length; word++) bits[word] = at(bits, word) & ~at(keeps, word);
    }
  }

  #add(group: Text): GroupBits {
    const lets = new Uint32Array(this.#words);
    const keeps = new Uint32Array(this.#words);
    for (const [row, one] of this.#restrictions.entries()) {
      if (one === null) continue;
      if (one.match([group], TIMELESS) === 1) set(lets, row);
      else if (one.negative) set(keeps, row);
    }
    const bits = { lets, keeps };
    if (this.#kept.size >= MAX_GROUPS) this.#kept.clear();
    this.#kept.set(group.lower, bits);
    return bits;
  }
}

/** Groups do not depend on time. */
const TIMELESS = { now: 0, note: () => undefined };

/** Whether groups can only allow, or only prevent, the match of a row; all other rows are always candidates. */
function isOneWay(value: Value): boolean {
  const positive = value.type === 'not' ? value.value : value;
  return !someValue(positive, ({ type }) => type === 'not');
}

/** Intersects `bits` with `other`. */
function keep(bits: Bits, other: Bits): void {
  for (let word = 0; word < bits.length; word++) bits[word] = at(bits, word) & at(other, word);
}

function at(bits: Bits, word: number): number {
  return bits[word] as number;
}

function set(bits: Bits, row: number): void {
  bits[row >> 5] = at(bits, row >> 5) | (1 << (row & 31));
}
