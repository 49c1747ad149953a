// Owns the list of decisions, by hand and of feeds, with their states: from the read model.
import { countDecisions as countRows, decisionPage } from '../directory/read-model/model-decisions.ts';
import type { ModelDecisionFilter, ModelDecisionRow } from '../directory/read-model/model-decisions.ts';
import { DECISION_FIELDS } from '../directory/read-model/model-fields.ts';
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import { DECISION_ACTIONS, DECISION_STATES } from './decision-words.ts';
import type { DecisionState } from './decision-words.ts';
import { pageOf } from './list-pages.ts';
import type { Page, PageRequest } from './list-pages.ts';
import { parseUser } from './names.ts';
import { devicePattern } from './device-list.ts';
import { among, matching } from './text-filter.ts';

/**
 * One decision and its state. `device` null = every device of the user, `user` null = every user of the device, `source` null =
 * an operator made it.
 */
export interface DecisionRow extends ModelDecisionRow {
  readonly state: DecisionState;
}

/** A filter; all given conditions must hold. Texts compare without case and may have `*` and `?`. */
export interface DecisionFilter {
  readonly device?: string | undefined;
  /** Every name that may be this user. */
  readonly user?: string | undefined;
  /** Any of them. */
  readonly actions?: readonly string[] | undefined;
  /** Any of them. */
  readonly states?: readonly string[] | undefined;
  /** Feed that imported it; null = an operator made it. */
  readonly source?: string | null | undefined;
  /** Who decided. */
  readonly by?: string | undefined;
  /** Decided at or after this time, milliseconds since the epoch. */
  readonly decidedSince?: number | undefined;
  /** Ends before this time, milliseconds since the epoch. */
  readonly endsBefore?: number | undefined;
  /** Ends after this time, milliseconds since the epoch. */
  readonly endsAfter?: number | undefined;
  /** Part of the reason, or of any name. */
  readonly search?: string | undefined;
}

const BY_SUBJECT = [
  { field: 'device', descending: false },
  { field: 'user', descending: false },
] as const;

/** Manual decisions and those of feeds. `now`: milliseconds since the epoch. @throws ProgramError */
export function listDecisions(
  reader: ModelReader,
  filter: DecisionFilter,
  request: PageRequest,
  now: number,
): Page<DecisionRow> {
  const wanted = decisionModelFilter(filter);
  return pageOf(request, DECISION_FIELDS, BY_SUBJECT, (order, limit, after) => {
    const { rows, next } = decisionPage(reader, wanted, order, limit, after, now);
    return { rows: rows as readonly DecisionRow[], next };
  });
}

/** How many decisions match. @throws ProgramError */
export function countDecisions(reader: ModelReader, filter: DecisionFilter, now: number): number {
  return countRows(reader, decisionModelFilter(filter), now);
}

function decisionModelFilter(filter: DecisionFilter): ModelDecisionFilter {
  const { device, user, actions, states, source, by } = filter;
  return {
    device: device === undefined ? undefined : devicePattern(device),
    user: user === undefined ? undefined : parseUser(user),
    actions: actions === undefined ? undefined : DECISION_ACTIONS.filter(among(actions, DECISION_ACTIONS)),
    states: states === undefined ? undefined : DECISION_STATES.filter(among(states, DECISION_STATES)),
    source: source === undefined || source === null ? source : matching(source),
    owner: by === undefined ? undefined : matching(by),
    decidedSince: filter.decidedSince,
    endsBefore: filter.endsBefore,
    endsAfter: filter.endsAfter,
    search: filter.search,
  };
}
