// Owns the list of manual decisions, with their states.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ManualDecision } from '../model/decision.ts';
import { isOpenWipe, isStandingWipe, isWipe } from '../model/wipe.ts';
import { everyDecision } from './entries.ts';
import { order } from './listing.ts';
import type { Listing, ListOrder, SortFields } from './listing.ts';
import { parseDevice, parseUser } from './names.ts';
import { among, containing, matching } from './text-filter.ts';

/** `active` or `expired`; for a wipe its progress (`suspended`: the directory was restored after the order). */
export type DecisionState = 'active' | 'expired' | 'pending' | 'failed' | 'suspended' | 'acknowledged';

/** All of {@link DecisionState}. */
export const DECISION_STATES: readonly DecisionState[] = [
  'active',
  'expired',
  'pending',
  'failed',
  'suspended',
  'acknowledged',
];
/** Every action of a decision. */
export const DECISION_ACTIONS: readonly ManualDecision['action'][] = [
  'allow',
  'block',
  'quarantine',
  'wipe',
  'accountWipe',
];

/** One decision and its state; `user` null = every user of the device. */
export interface DecisionRow {
  /** Null = every device of the user. */
  readonly device: DeviceKey | null;
  readonly user: UserKey | null;
  readonly state: DecisionState;
  readonly decision: ManualDecision;
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
  /** Who decided. */
  readonly by?: string | undefined;
  /** Decided at or after this time, milliseconds since the epoch. */
  readonly decidedSince?: number | undefined;
  /** Ends before this time, milliseconds since the epoch. */
  readonly endsBefore?: number | undefined;
  /** Part of the reason, or of any name. */
  readonly search?: string | undefined;
}

/** Fields by which decisions can be sorted. */
export const DECISION_FIELDS: SortFields<DecisionRow> = {
  device: ({ device }) => device,
  user: ({ user }) => user,
  action: ({ decision }) => decision.action,
  state: ({ state }) => state,
  by: ({ decision }) => decision.owner,
  decidedAt: ({ decision }) => decision.decidedAt,
  expiresAt: ({ decision }) => decision.expiresAt,
};

/** Decisions in the order of device and user. `now`: milliseconds since the epoch. @throws ProgramError */
export async function listDecisions(
  store: DirectoryStore,
  filter: DecisionFilter,
  listOrder: ListOrder,
  now: number,
): Promise<Listing<DecisionRow>> {
  const keeps = compileFilter(store, filter);
  const rows = (await everyDecision(store))
    .map((stored): DecisionRow => ({ ...stored, state: decisionState(stored.decision, now) }))
    .filter(keeps)
    .sort((a, b) => compare(a.device ?? '', b.device ?? '') || compare(a.user ?? '', b.user ?? ''));
  return order(rows, DECISION_FIELDS, listOrder);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The state of a decision. */
export function decisionState(decision: ManualDecision, now: number): DecisionState {
  if (isWipe(decision))
    return isOpenWipe(decision) && !isStandingWipe(decision) ? 'suspended' : decision.wipe.state;
  return decision.expiresAt !== null && decision.expiresAt <= now ? 'expired' : 'active';
}

function compileFilter(store: DirectoryStore, filter: DecisionFilter): (row: DecisionRow) => boolean {
  const conditions: ((row: DecisionRow) => boolean)[] = [];
  const { decidedSince, endsBefore } = filter;
  if (filter.device !== undefined) {
    const matches = matching(filter.device, (text) => parseDevice(text));
    conditions.push(({ device }) => device !== null && matches(device));
  }
  if (filter.user !== undefined) {
    const wanted = parseUser(filter.user);
    conditions.push(({ user }) => user !== null && store.names.meets(user, wanted));
  }
  if (filter.actions !== undefined) {
    const matches = among(filter.actions, DECISION_ACTIONS);
    conditions.push(({ decision }) => matches(decision.action));
  }
  if (filter.states !== undefined) {
    const matches = among(filter.states, DECISION_STATES);
    conditions.push(({ state }) => matches(state));
  }
  if (filter.by !== undefined) {
    const matches = matching(filter.by);
    conditions.push(({ decision }) => matches(decision.owner));
  }
  if (decidedSince !== undefined) conditions.push(({ decision }) => decision.decidedAt >= decidedSince);
  if (endsBefore !== undefined)
    conditions.push(({ decision }) => decision.expiresAt !== null && decision.expiresAt < endsBefore);
  if (filter.search !== undefined) {
    const contains = containing(filter.search);
    conditions.push(({ device, user, decision }) =>
      contains([device, user, decision.owner, decision.reason]),
    );
  }
  return (row) => conditions.every((keeps) => keeps(row));
}
