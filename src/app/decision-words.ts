// Owns the words for states and actions of decisions, for the definitions of commands too: it loads nothing.
import type { ManualDecision } from '../model/decision.ts';

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

/** Words of filters of devices by their decision; `none` = there is none. */
export const DECISION_FILTERS: readonly string[] = [...DECISION_ACTIONS, 'none'];
