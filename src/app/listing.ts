// Owns the order and limit of all lists. Pure.
import { ProgramError } from '../errors.ts';

/** A value to sort by; null = unknown, at the end in both directions. */
export type SortValue = string | number | null;

/** The fields by which a list can be sorted, and functions that read them. */
export type SortFields<Row> = Readonly<Record<string, (row: Row) => SortValue>>;

/** One field of an order. */
export interface SortKey {
  readonly field: string;
  readonly descending: boolean;
}

/** Order and limit of a list. */
export interface ListOrder {
  /** The first is the most significant; none = the list's own order. */
  readonly sort: readonly SortKey[];
  /** Maximum number of rows; null = all. */
  readonly limit: number | null;
}

/** Rows of a list, and their number without the limit. */
export interface Listing<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

/** All rows, in their own order. */
export const UNORDERED: ListOrder = { sort: [], limit: null };

/** Sorts and limits. @throws ProgramError for an unknown field */
export function order<Row>(
  rows: readonly Row[],
  fields: SortFields<Row>,
  { sort, limit }: ListOrder,
): Listing<Row> {
  const keys = sort.map(({ field, descending }) => ({ read: fieldOf(fields, field), descending }));
  const sorted = keys.length === 0 ? rows : rows.toSorted((a, b) => compareRows(a, b, keys));
  return { rows: limit === null ? sorted : sorted.slice(0, limit), total: rows.length };
}

function fieldOf<Row>(fields: SortFields<Row>, name: string): (row: Row) => SortValue {
  const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (read === undefined)
    throw new ProgramError(
      'EASGATE_FILTER',
      `cannot sort by ${name}; possible fields: ${Object.keys(fields).join(', ')}`,
    );
  return read;
}

function compareRows<Row>(
  a: Row,
  b: Row,
  keys: readonly { readonly read: (row: Row) => SortValue; readonly descending: boolean }[],
): number {
  for (const { read, descending } of keys) {
    const [left, right] = [read(a), read(b)];
    if (left === right) continue;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right === descending ? 1 : -1;
  }
  return 0;
}

/** Parses `-lastSeen,user`: fields, each with an optional `-` for descending order. */
export function parseSort(text: string): SortKey[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .map((part) => ({ field: part.replace(/^[-+]/, ''), descending: part.startsWith('-') }));
}
