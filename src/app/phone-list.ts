// Owns lists of phones with pages, from the read model: the filters of the inventory, an order, a cursor.
import type { ModelFilter } from '../directory/read-model/model-filter.ts';
import { MODEL_FIELDS } from '../directory/read-model/model-reader.ts';
import type {
  ModelCursor,
  ModelField,
  ModelOrder,
  ModelReader,
} from '../directory/read-model/model-reader.ts';
import type { ModelRow } from '../directory/read-model/model-row.ts';
import { ProgramError } from '../errors.ts';
import { ACCESS_STATES, STATES_OF_ACTIONS } from '../model/access-state.ts';
import { isGlob } from '../policy/compile/glob.ts';
import { DECISION_WORDS } from './inventory.ts';
import type { InventoryFilter } from './inventory.ts';
import type { SortKey } from './listing.ts';
import { parseDevice, parseUser } from './names.ts';
import { among, matching } from './text-filter.ts';

/** Most rows of one page. */
export const MAX_PAGE = 1_000;

/** A page of phones. */
export interface PhonePage {
  readonly rows: readonly ModelRow[];
  /** Names the next page; null = this is the last one. */
  readonly cursor: string | null;
}

/** The order of lists that name none: seen last, first. */
export const SEEN_LAST: SortKey = { field: 'lastSeen', descending: true };

/** One page; `cursor` null = the first one. A cursor goes with the order that it came from. @throws ProgramError */
export function listPhones(
  reader: ModelReader,
  filter: InventoryFilter,
  sort: SortKey,
  limit: number,
  cursor: string | null,
): PhonePage {
  const order = orderOf(sort);
  const after = cursor === null ? null : readCursor(cursor, order);
  const { rows, next } = reader.page(modelFilter(filter), order, Math.min(limit, MAX_PAGE), after);
  return { rows, cursor: next === null ? null : cursorText(next, order) };
}

/** Every row, page by page. */
export function* everyPhone(reader: ModelReader, filter: ModelFilter, order: ModelOrder): Iterable<ModelRow> {
  let cursor: ModelCursor | null = null;
  do {
    const page = reader.page(filter, order, MAX_PAGE, cursor);
    yield* page.rows;
    cursor = page.next;
  } while (cursor !== null);
}

/** The filter of the inventory for the read model. @throws ProgramError for words that are not known */
export function modelFilter(filter: InventoryFilter): ModelFilter {
  const { user, device, states, reasons, type, model, os, decisions } = filter;
  const patterns = reasons?.map((reason) => matching(reason));
  return {
    user: user === undefined ? undefined : parseUser(user),
    device: device === undefined || isGlob(device) ? device?.toLowerCase() : parseDevice(device),
    states:
      states === undefined
        ? undefined
        : ACCESS_STATES.filter(among(states, ACCESS_STATES, STATES_OF_ACTIONS)),
    reason: patterns === undefined ? undefined : (word) => patterns.some((matches) => matches(word)),
    type: type === undefined ? undefined : matching(type),
    model: model === undefined ? undefined : matching(model),
    os: os === undefined ? undefined : matching(os),
    seenSince: filter.seenSince,
    unseenSince: filter.unseenSince,
    managed: filter.managed,
    compliant: filter.compliant,
    decisions: decisions === undefined ? undefined : DECISION_WORDS.filter(among(decisions, DECISION_WORDS)),
    search: filter.search,
  };
}

function orderOf({ field, descending }: SortKey): ModelOrder {
  if (!Object.hasOwn(MODEL_FIELDS, field))
    throw new ProgramError(
      'EASGATE_FILTER',
      `${field}: no field to sort by; there are ${Object.keys(MODEL_FIELDS).join(', ')}`,
    );
  return { field: field as ModelField, descending };
}

function cursorText({ value, id }: ModelCursor, { field, descending }: ModelOrder): string {
  return Buffer.from(JSON.stringify([field, descending, value, id])).toString('base64url');
}

/** @throws ProgramError for a text that is none, or of another order */
function readCursor(text: string, { field, descending }: ModelOrder): ModelCursor {
  let stored: unknown = null;
  try {
    stored = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    // Said below.
  }
  const [of, down, value, id] = Array.isArray(stored) ? (stored as unknown[]) : [];
  const isValue = value === null || typeof value === 'string' || typeof value === 'number';
  if (of === field && down === descending && isValue && typeof id === 'number' && Number.isSafeInteger(id))
    return { value, id };
  throw new ProgramError(
    'EASGATE_FILTER',
    'the cursor is not one of this list and order: begin at the first page',
  );
}
