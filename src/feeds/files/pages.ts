// Owns what of a JSON document is a record: elements of lists, pages of APIs, objects in wrappers. Pure.
import { denies } from '../denials.ts';
import { isOfProduct, isOwn } from '../formats.ts';
import { EAS_IDS } from '../usual-names.ts';
import { fieldName } from '../row.ts';
import { names } from '../word-lists.ts';

/** Names under which APIs put their list of records. */
export const LIST_NAMES: ReadonlySet<string> = new Set(
  names(`
  value values results devices device mobiledevices computers users items data records rows entries
  searchresults tables alldevices manageddevices events responses d
`),
);
/** Names of objects around a list or a record. */
export const WRAPPER_NAMES: ReadonlySet<string> = new Set(
  names(`
  value result response body data mobiledevices devices mobiledevice computer device advancedmobiledevicesearch
  mobiledevicegroup payload d embedded properties
`),
);

/** An object that is a record, with the values of the document around it; or null: an element that is none, and why. */
export interface Found {
  readonly record: object | null;
  readonly reason?: string;
  readonly context: Readonly<Record<string, unknown>>;
}

const MAX_DEPTH = 6;
/** Lists in lists, deeper than any page: a line of brackets must not fill the stack. */
const MAX_LISTS = 16;
/** An object around a record has little else: pages, counts, errors. */
const MAX_AROUND = 8;

/** The records in a document. */
export function* recordsIn(
  value: unknown,
  context: Readonly<Record<string, unknown>> = {},
  depth = 0,
): Generator<Found> {
  if (Array.isArray(value) && depth < MAX_LISTS) {
    for (const element of value as unknown[]) yield* recordsIn(element, context, depth + 1);
    return;
  }
  if (Array.isArray(value) || typeof value !== 'object' || value === null) {
    yield { record: null, reason: 'not an object', context };
    return;
  }
  const table = tableIn(value);
  if (table !== null) {
    for (const found of recordsOf(table)) yield { ...found, context };
    return;
  }
  const inner = depth < MAX_DEPTH ? listIn(value) : null;
  if (inner === null) {
    const records = depth === 0 ? recordsById(value) : null;
    for (const record of records ?? [value]) if (isObject(record)) yield { record, context };
    return;
  }
  const within: unknown = Reflect.get(value, inner);
  yield* recordsIn(
    isObject(within) ? withDenials(within, value, inner) : within,
    { ...context, ...aroundList(value, inner) },
    depth + 1,
  );
}

/**
 * The object within another one, with what that says against it.
 * Threat: `{"status": "Wiped", "properties": {"managed": true}}`, whose device stays managed. What speaks for it may be about something else.
 */
function withDenials(within: object, around: object, inner: string): object {
  const denials = Object.entries(around).filter(([key, value]) => key !== inner && denies(key, value));
  if (denials.length === 0) return within;
  const entries = Object.entries(within);
  const names = apart([...entries, ...denials].map(([key]) => key));
  return Object.fromEntries([...entries, ...denials].map(([, value], at) => [names[at] ?? '', value]));
}

/**
 * Tables as JSON: the cached reports of Intune have `Schema` and `Values`, the answers of Azure Monitor `columns` and `rows`.
 * @see https://learn.microsoft.com/graph/api/intune-reporting-devicemanagementreports-getcachedreport
 * @see https://learn.microsoft.com/rest/api/loganalytics/query/get
 */
function tableIn(object: object): Table | null {
  const columns: unknown = first(object, ['Schema', 'schema', 'columns']);
  const rows: unknown = first(object, ['Values', 'values', 'rows']);
  if (!Array.isArray(columns) || !Array.isArray(rows) || !rows.every(Array.isArray)) return null;
  return { columns, rows };
}

function first(object: object, keys: readonly string[]): unknown {
  return keys.map((key): unknown => Reflect.get(object, key)).find((value) => value !== undefined);
}

interface Table {
  readonly columns: readonly unknown[];
  readonly rows: readonly (readonly unknown[])[];
}

/** A record has no more fields (row.ts). */
const MAX_COLUMNS = 2_000;

/** An object for each row. A row with more or fewer cells has its values under other names, and is none. */
function* recordsOf({ columns, rows }: Table): Generator<Pick<Found, 'record' | 'reason'>> {
  const named = columns.map((column) =>
    typeof column === 'object' && column !== null
      ? String(first(column, ['Column', 'column', 'name']))
      : String(column),
  );
  const keys = apart(named);
  for (const row of rows)
    yield row.length === columns.length
      ? { record: Object.fromEntries(keys.map((key, place) => [key, row[place]])) }
      : { record: null, reason: `the row has ${row.length} cells, and there are ${columns.length} columns` };
}

/** Columns of one name in spellings of their own, so that a record (row.ts) sees whether they contradict each other. */
function apart(named: readonly string[]): string[] {
  const times = new Map<string, number>();
  return named.slice(0, MAX_COLUMNS).map((name) => {
    const before = times.get(name) ?? 0;
    times.set(name, before + 1);
    return name + ' '.repeat(before);
  });
}

/** Names of a document that its records are given. */
const MAX_CONTEXT = 100;

/** What a document has beside its list of records: each record is given it, so it must not be long. */
export function aroundList(document: object, list: string | undefined): Record<string, unknown> {
  const around = Object.entries(document).filter(([key]) => key !== list);
  return Object.fromEntries(around.slice(0, MAX_CONTEXT));
}

/** Whether a document may have another name beside its list. */
export function hasRoom(context: object): boolean {
  return Object.keys(context).length < MAX_CONTEXT;
}

/** The key of the list of records in an object, or of an object around it; null = the object is a record. */
function listIn(object: object): string | null {
  const key = keyOfList(object);
  // A record may have lists of its own: `users` of a device of Intune, `applications`, `groups`.
  return key === null || isRecord(object, Reflect.get(object, key)) ? null : key;
}

/** What only a device has, so that no object around a list has it. */
const OF_DEVICES = [...names('serialnumber udid imei'), ...EAS_IDS];

/** `inner`: what seems to be its list. */
function isRecord(object: object, inner: unknown): boolean {
  if (isOfProduct(new Set(Object.keys(object).map(fieldName)))) return true;
  const plain = Object.entries(object).filter(([, value]) => typeof value !== 'object' || value === null);
  const written = new Set(plain.map(([key]) => fieldName(key)));
  // An empty page has no id. A device may have an empty list of users, and must not be lost with it.
  if (Array.isArray(inner) && inner.length === 0 && written.has('id')) return true;
  return isOwn(written) || OF_DEVICES.some((name) => written.has(name));
}

function keyOfList(object: object): string | null {
  const entries = Object.entries(object);
  for (const [key, value] of entries)
    if (LIST_NAMES.has(fieldName(key)) && isListOfObjects(value, entries.length <= MAX_AROUND)) return key;
  if (entries.length > MAX_AROUND) return null;
  const lists = entries.filter(([, value]) => isListOfRecords(value));
  if (lists.length === 1 && lists[0] !== undefined) return lists[0][0];
  for (const [key, value] of entries)
    if (WRAPPER_NAMES.has(fieldName(key)) && typeof value === 'object' && value !== null) return key;
  return null;
}

/** The keys that lead to the list of records in a document; null = it has none. */
export function pathToList(value: unknown): string[] | null {
  const path: string[] = [];
  let inner = value;
  while (!Array.isArray(inner)) {
    if (typeof inner === 'object' && inner !== null && tableIn(inner) !== null) return null;
    const key = typeof inner === 'object' && inner !== null && path.length < MAX_DEPTH ? listIn(inner) : null;
    if (key === null) return null;
    path.push(key);
    inner = Reflect.get(inner as object, key);
  }
  return path;
}

/** How many elements are looked at: a list may begin with nulls. */
const LOOKED_AT = 20;

/** Whether a value is a list of what is certainly a record, whatever its name: a script chose it. */
function isListOfRecords(value: unknown): boolean {
  return Array.isArray(value) && isCertain((value as unknown[]).find((one) => typeof one === 'object'));
}

function isCertain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const written = new Set(Object.keys(value).map(fieldName));
  return isOfProduct(written) || isOwn(written);
}

/** The records of an object that has each of them under its own id; null = it is none. */
function recordsById(object: object): unknown[] | null {
  const entries: [string, unknown][] = Object.entries(object);
  // Most records begin with a text.
  if (!isObject(entries[0]?.[1])) return null;
  const areRecords = entries.every(([key, value]) => isObject(value) && Object.values(value).includes(key));
  return areRecords && isCertain(entries[0]?.[1]) ? entries.map(([, value]) => value) : null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `mayBeEmpty`: an empty list is one too, a page without records. Beside much else it is a field of a record. */
function isListOfObjects(value: unknown, mayBeEmpty: boolean): boolean {
  if (!Array.isArray(value)) return false;
  const first = (value as unknown[]).slice(0, LOOKED_AT);
  return first.length === 0
    ? mayBeEmpty
    : first.some((element) => typeof element === 'object' && element !== null);
}
