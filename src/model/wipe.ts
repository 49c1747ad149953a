// Owns the questions about wipes among decisions. Loads no schema: short commands ask them too.
import type { ManualDecision, WipeDecision } from './decision.ts';

/** Whether a decision asks, or asked, for a wipe. */
export function isWipe(decision: ManualDecision | null): decision is WipeDecision {
  return decision !== null && (decision.action === 'wipe' || decision.action === 'accountWipe');
}

/** Whether the device is still to be told: nothing came back yet, or it said that it failed. */
export function isOpenWipe(decision: ManualDecision | null): decision is WipeDecision {
  return isWipe(decision) && decision.wipe.state !== 'acknowledged';
}

/** Whether the device is to be told now: open, and ordered in the store as it is. */
export function isStandingWipe(decision: WipeDecision): boolean {
  return isOpenWipe(decision) && decision.wipe.suspended !== true;
}

/** The stored form of a decision; a wipe carries the epoch of the store. */
export function decisionText(decision: ManualDecision, epoch: number): string {
  if (!isWipe(decision)) return JSON.stringify(decision);
  const { suspended, ...wipe } = decision.wipe;
  return JSON.stringify({ ...decision, wipe: { ...wipe, epoch: suspended === true ? 0 : epoch } });
}
