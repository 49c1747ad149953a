// Owns what all lists share: order and limit. Pure.
import { ProgramError } from '../errors.ts';

/** What rows are ordered by; null = not known, at the end either way. */
export type SortValue = string | number | null;

/** The fields a list can be ordered by, and where a row has them. */
export type SortFields<Row> = Readonly<Record<string, (row: Row) => SortValue>>;

/** One field of an order. */
export interface SortKey {
  readonly field: string;
  readonly descending: boolean;
}

/** Order and limit of a list. */
export interface ListOrder {
  /** The first counts most; none = the order of the list itself. */
  readonly sort: readonly SortKey[];
  /** Rows at most; null = all. */
  readonly limit: number | null;
}

/** Rows of a list, and how many there are without the limit. */
export interface Listing<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

/** Everything, in its own order. */
export const UNORDERED: ListOrder = { sort: [], limit: null };

/** Orders and cuts. @throws ProgramError for a field that there is not */
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
      `${name}: no field to sort by; there are ${Object.keys(fields).join(', ')}`,
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

/** `-lastSeen,user`: fields, each with `-` in front of it for the largest first. */
export function parseSort(text: string): SortKey[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .map((part) => ({ field: part.replace(/^[-+]/, ''), descending: part.startsWith('-') }));
}
