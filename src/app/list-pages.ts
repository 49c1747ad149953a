// Owns the order and the pages of all lists: fields to sort by, and cursors that name the next page.
import type { PageCursor } from '../directory/read-model/model-page.ts';
import { ProgramError } from '../errors/program-errors.ts';

/** Most rows of one page. */
export const MAX_PAGE = 1_000;

/** One field of an order. */
export interface SortKey {
  readonly field: string;
  readonly descending: boolean;
}

/** A field that a list has. */
export interface FieldOrder<Field extends string> {
  readonly field: Field;
  readonly descending: boolean;
}

/** Which page of a list, in which order. */
export interface PageRequest {
  /** The first is the most significant; none = the list's own order. */
  readonly sort: readonly SortKey[];
  /** Most rows; a page has {@link MAX_PAGE} at most. */
  readonly limit: number;
  /** `next` of the page before; null = the first page. It goes with the order that it came from. */
  readonly after: string | null;
}

/** A page of a list. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** For `after` of the next page; null = this is the last one. */
  readonly next: string | null;
}

/** Parses `-lastSeen,user`: fields, each with an optional `-` for descending order. */
export function parseSort(text: string): SortKey[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .map((part) => ({ field: part.replace(/^[-+]/, ''), descending: part.startsWith('-') }));
}

/** Reads one page of a list whose fields are the keys of `fields`; `own` is its own order. @throws ProgramError */
export function pageOf<Row, Field extends string>(
  { sort, limit, after }: PageRequest,
  fields: Readonly<Record<Field, string>>,
  own: readonly FieldOrder<Field>[],
  read: (
    order: readonly FieldOrder<Field>[],
    limit: number,
    after: PageCursor | null,
  ) => { readonly rows: readonly Row[]; readonly next: PageCursor | null },
): Page<Row> {
  const order = sort.length === 0 ? own : sort.map((key) => fieldOf(key, fields));
  const from = after === null ? null : readCursor(after, order);
  const { rows, next } = read(order, Math.min(limit, MAX_PAGE), from);
  return { rows, next: next === null ? null : cursorText(next, order) };
}

function fieldOf<Field extends string>(
  { field, descending }: SortKey,
  fields: Readonly<Record<Field, string>>,
): FieldOrder<Field> {
  if (!Object.hasOwn(fields, field))
    throw new ProgramError(
      'EASGATE_FILTER',
      `cannot sort by ${field}; possible fields: ${Object.keys(fields).join(', ')}`,
    );
  return { field: field as Field, descending };
}

function orderName(order: readonly SortKey[]): string {
  return order.map(({ field, descending }) => `${descending ? '-' : ''}${field}`).join(',');
}

/** The cursor as a text for `after`. */
export function cursorText({ values, id }: PageCursor, order: readonly SortKey[]): string {
  return Buffer.from(JSON.stringify([orderName(order), values, id])).toString('base64url');
}

/** Reads a cursor. @throws ProgramError for a text that is none, or of another order */
export function readCursor(text: string, order: readonly SortKey[]): PageCursor {
  let stored: unknown = null;
  try {
    stored = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    // Said below.
  }
  const [of, values, id] = Array.isArray(stored) ? (stored as unknown[]) : [];
  if (
    of === orderName(order) &&
    Array.isArray(values) &&
    values.length === order.length &&
    values.every(isValue) &&
    (typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id)))
  )
    return { values, id };
  throw new ProgramError(
    'EASGATE_FILTER',
    'the cursor is not one of this list and order: begin at the first page',
  );
}

function isValue(value: unknown): value is string | number | null {
  return value === null || typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value));
}
