// Owns the hints for a list that is empty because a value of its filter can match nothing: there is no such reason, model, user …
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DeviceKey } from '../identity/keys.ts';
import { wordsOf } from '../directory/read-model/model-decisions.ts';
import { foldedLocalPart } from '../identity/folded-name.ts';
import { localPart } from '../identity/user-names.ts';
import { isGlob } from '../policy/compile/glob.ts';
import type { DecisionFilter } from './decision-list.ts';
import { parseDevice, parseUser } from './names.ts';
import type { DeviceFilter } from './device-list.ts';
import { matching, nearText } from './text-filter.ts';
import type { UserFilter } from './users.ts';

/** Most names that are compared with a misspelt one. */
const MAX_KNOWN = 10_000;
/** Letters of an id or a name that similar ones begin with. */
const BEGINNING = 3;
/** Most known words that a hint lists. */
const MAX_LISTED = 12;

/** Values of these filters that nothing in the model can match, in words. */
export function hintsFor(
  reader: ModelReader,
  { user, group, ...filter }: DeviceFilter & DecisionFilter & UserFilter,
): string[] {
  const hints: string[] = [];
  for (const kind of ['type', 'model', 'os'] as const) {
    const wanted = filter[kind];
    if (wanted !== undefined) hints.push(...wordHint(kind, wanted, reader.source.words(kind)));
  }
  for (const reason of filter.reasons ?? [])
    hints.push(...wordHint('reason', reason, reader.source.words('reason')));
  if (filter.by !== undefined) hints.push(...wordHint('author', filter.by, wordsOf(reader, 'owner')));
  if (filter.source !== undefined && filter.source !== null)
    hints.push(...wordHint('source', filter.source, wordsOf(reader, 'source')));
  if (filter.device !== undefined && !isGlob(filter.device)) hints.push(...deviceHint(reader, filter.device));
  if (user !== undefined && !isGlob(user)) hints.push(...userHint(reader, user));
  if (group !== undefined) hints.push(...groupHint(reader, group));
  return hints;
}

function wordHint(what: string, wanted: string, known: readonly string[]): string[] {
  if (known.some(matching(wanted))) return [];
  const names = new Set(known);
  const near = nearText(wanted, wanted, names);
  const listed =
    near === '' && known.length > 0 && known.length <= MAX_LISTED ? `; there are ${known.join(', ')}` : near;
  return [`no ${what} here is ${wanted}${listed}`];
}

function deviceHint(reader: ModelReader, id: string): string[] {
  const key = parseDevice(id);
  if (has(reader, 'SELECT 1 FROM phones WHERE device = ?', [key])) return [];
  if (has(reader, 'SELECT 1 FROM decisions WHERE device = ?', [key])) return [];
  return [`no device ${key} is known${nearText(key, key.slice(0, BEGINNING), alike(reader, 'device', key))}`];
}

function userHint(reader: ModelReader, name: string): string[] {
  const key = parseUser(name);
  const values = [foldedLocalPart(key), key];
  for (const table of ['phones', 'users', 'decisions'])
    if (has(reader, `SELECT 1 FROM ${table} WHERE local = ? AND may_be_same(user, ?) LIMIT 1`, values))
      return [];
  const beginning = localPart(key).slice(0, BEGINNING);
  return [`no user ${key} is known${nearText(key, beginning, alike(reader, 'user', beginning))}`];
}

function groupHint(reader: ModelReader, group: string): string[] {
  const rows = reader.all(
    `SELECT DISTINCT one.value AS name FROM users, json_each(user_groups) AS one WHERE user_groups IS NOT NULL LIMIT ?`,
    [MAX_KNOWN],
  );
  return wordHint(
    'group',
    group,
    rows.map((row) => String(row['name'])),
  );
}

function has(reader: ModelReader, sql: string, values: readonly string[]): boolean {
  return reader.all(sql, values).length > 0;
}

/** Names that begin alike. */
function alike(reader: ModelReader, column: 'device' | 'user', text: string): ReadonlySet<DeviceKey> {
  const beginning = text.slice(0, BEGINNING).replaceAll(/[[*?]/g, '[$&]');
  const rows = reader.all(
    `SELECT DISTINCT ${column} AS name FROM phones WHERE ${column} GLOB ? LIMIT ${MAX_KNOWN}`,
    [`${beginning}*`],
  );
  return new Set(rows.map((row) => String(row['name']) as DeviceKey));
}
