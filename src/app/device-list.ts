// Owns the lists of devices and partnerships, from the read model: filters, order, pages, counts.
import { MODEL_FIELDS } from '../directory/read-model/model-fields.ts';
import type { ModelFilter } from '../directory/read-model/model-filter.ts';
import type { PageCursor } from '../directory/read-model/model-page.ts';
import type {
  ModelOrder,
  ModelReader,
  NamedCount,
  SeenCounts,
} from '../directory/read-model/model-reader.ts';
import type { ModelRow } from '../directory/read-model/model-row.ts';
import { ACCESS_STATES, STATES_OF_ACTIONS } from '../model/access-state.ts';
import { isGlob } from '../policy/compile/glob.ts';
import { DECISION_FILTERS } from './decision-words.ts';
import { MAX_PAGE, pageOf } from './list-pages.ts';
import type { Page, PageRequest } from './list-pages.ts';
import { parseDevice, parseUser } from './names.ts';
import { among, matching } from './text-filter.ts';

/** A filter; all given conditions must hold. Texts compare without case and may have `*` and `?`. */
export interface DeviceFilter extends Pick<
  ModelFilter,
  | 'seenSince'
  | 'unseenSince'
  | 'group'
  | 'reported'
  | 'managed'
  | 'compliant'
  | 'decisions'
  | 'openWipe'
  | 'exceptionsAt'
  | 'search'
  | 'onlyPartnerships'
> {
  /** Every name that may be this user. */
  readonly user?: string | undefined;
  readonly device?: string | undefined;
  /** Any of them. */
  readonly states?: readonly string[] | undefined;
  /** Reason of the last verdict: any of these. */
  readonly reasons?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly model?: string | undefined;
  readonly os?: string | undefined;
}

/** Texts that options of commands, queries of the API and filters have under the same names. */
export type FilterTexts = Pick<
  DeviceFilter,
  'user' | 'device' | 'type' | 'model' | 'os' | 'group' | 'search'
>;

/** These texts alone. */
export function filterTexts({ user, device, type, model, os, group, search }: FilterTexts): FilterTexts {
  return { user, device, type, model, os, group, search };
}

const BY_DEVICE: readonly ModelOrder[] = [{ field: 'device', descending: false }];

/** Devices with their users, and devices that nobody was seen with. @throws ProgramError */
export function listDevices(reader: ModelReader, filter: DeviceFilter, request: PageRequest): Page<ModelRow> {
  return pageOfRows(reader, deviceModelFilter(filter), request);
}

/** Users on devices. @throws ProgramError */
export function listPartnerships(
  reader: ModelReader,
  filter: DeviceFilter,
  request: PageRequest,
): Page<ModelRow> {
  return pageOfRows(reader, deviceModelFilter({ ...filter, onlyPartnerships: true }), request);
}

function pageOfRows(reader: ModelReader, filter: ModelFilter, request: PageRequest): Page<ModelRow> {
  return pageOf(request, MODEL_FIELDS, BY_DEVICE, (order, limit, after) =>
    reader.page(filter, order, limit, after),
  );
}

/** How many match, by how lately they were seen. `now`: milliseconds since the epoch. @throws ProgramError */
export function countDevices(reader: ModelReader, filter: DeviceFilter, now: number): SeenCounts {
  return reader.count(deviceModelFilter(filter), now);
}

/** How many match by reason, model or group, the most first; 100 at most. @throws ProgramError */
export function countBy(
  reader: ModelReader,
  kind: 'reason' | 'model' | 'groups',
  filter: DeviceFilter,
  now: number,
): readonly NamedCount[] {
  return reader.countBy(kind, deviceModelFilter(filter), now);
}

/** Every row, page by page. */
export function* everyPhone(reader: ModelReader, filter: ModelFilter, order: ModelOrder): Iterable<ModelRow> {
  let cursor: PageCursor | null = null;
  do {
    const page = reader.page(filter, [order], MAX_PAGE, cursor);
    yield* page.rows;
    cursor = page.next;
  } while (cursor !== null);
}

/** The filter for the read model. @throws ProgramError for words that are not known */
export function deviceModelFilter(filter: DeviceFilter): ModelFilter {
  const { user, device, states, reasons, type, model, os, decisions } = filter;
  const patterns = reasons?.map((reason) => matching(reason));
  return {
    user: user === undefined ? undefined : parseUser(user),
    device: device === undefined ? undefined : devicePattern(device),
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
    reported: filter.reported,
    managed: filter.managed,
    compliant: filter.compliant,
    decisions:
      decisions === undefined ? undefined : DECISION_FILTERS.filter(among(decisions, DECISION_FILTERS)),
    openWipe: filter.openWipe,
    exceptionsAt: filter.exceptionsAt,
    group: filter.group,
    search: filter.search,
    onlyPartnerships: filter.onlyPartnerships,
  };
}

/** The key of an id, or a pattern of keys. @throws ProgramError */
export function devicePattern(device: string): string {
  return isGlob(device) ? device.toLowerCase() : parseDevice(device);
}
