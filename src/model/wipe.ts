// Owns predicates of wipes. Loads no schema, so that short commands start fast.
import type { ManualDecision, WipeDecision } from './decision.ts';

/** Whether a decision is a wipe, in any state. */
export function isWipe(decision: ManualDecision | null): decision is WipeDecision {
  return decision !== null && (decision.action === 'wipe' || decision.action === 'accountWipe');
}

/** Whether the order must still be sent: the device has not answered, or reported a failure. */
export function isOpenWipe(decision: ManualDecision | null): decision is WipeDecision {
  return isWipe(decision) && decision.wipe.state !== 'acknowledged';
}

/** Whether the order is in force: open, and not suspended. */
export function isStandingWipe(decision: WipeDecision): boolean {
  return isOpenWipe(decision) && decision.wipe.suspended !== true;
}

/** The stored form of a decision; a wipe carries the epoch of the store. */
export function decisionText(decision: ManualDecision, epoch: number): string {
  if (!isWipe(decision)) return JSON.stringify(decision);
  const { suspended, ...wipe } = decision.wipe;
  return JSON.stringify({ ...decision, wipe: { ...wipe, epoch: suspended === true ? 0 : epoch } });
}
