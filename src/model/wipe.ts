// Owns the questions about wipes among decisions. Loads no schema: short commands ask them too.
import type {
  DecisionChange,
  DecisionOrigin,
  DecisionRecord,
  ManualDecision,
  WipeDecision,
} from './decision.ts';

/** Most changes that are kept of one decision. */
const MAX_HISTORY = 20;

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

/**
 * Which of the decisions on a partnership and its device a list shows: the one that decides, a wipe first, then a block, then the narrower
 * one. One that has ended decides nothing: it is shown where there is no other. `now`: milliseconds since the epoch.
 */
export function decisive(
  partnership: ManualDecision | null,
  device: ManualDecision | null,
  now: number,
): ManualDecision | null {
  const wipe = [device, partnership].find(isOpenWipe) ?? [device, partnership].find(isWipe);
  const inForce = [partnership, device].filter(
    (one) => one !== null && (one.expiresAt === null || one.expiresAt > now),
  );
  const block = inForce.find((one) => one?.action === 'block');
  return wipe ?? block ?? inForce[0] ?? partnership ?? device;
}

/** The stored form of a decision with its history; a wipe carries the epoch of the store. */
export function decisionRecordText({ decision, history }: DecisionRecord, epoch: number): string {
  return JSON.stringify([storedDecision(decision, epoch), ...history]);
}

function storedDecision(decision: ManualDecision | null, epoch: number): unknown {
  if (!isWipe(decision)) return decision;
  const { suspended, ...wipe } = decision.wipe;
  return { ...decision, wipe: { ...wipe, epoch: suspended === true ? 0 : epoch } };
}

/** The record after a change, with the change in its history. */
export function changedDecision(
  { decision: before, history }: DecisionRecord,
  decision: ManualDecision | null,
  { by, via, at }: DecisionOrigin,
): DecisionRecord {
  const change: DecisionChange = {
    at,
    by,
    via,
    before: before?.action ?? null,
    after: decision?.action ?? null,
    reason: decision?.reason ?? null,
    expiresAt: decision?.expiresAt ?? null,
  };
  return { decision, history: [...history, change].slice(-MAX_HISTORY) };
}
