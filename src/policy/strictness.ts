// Owns the order of actions by strictness, and the comparison of two decisions by it. Pure.
import type { ManualDecision } from '../model/decision.ts';
import { isOpenWipe, isWipe } from '../model/wipe.ts';

/** The higher, the stricter; a warning of a compliance policy lets the phone pass. */
export const STRICTNESS = { allow: 0, warn: 0, quarantine: 1, block: 2, accountWipe: 3, wipe: 4 } as const;

/** Wipe, block, quarantine, allow; an expired decision counts as none. */
function rank(decision: ManualDecision | null, now: number): number {
  if (decision === null || (decision.expiresAt !== null && decision.expiresAt <= now)) return 0;
  if (isWipe(decision)) return isOpenWipe(decision) ? 5 : 4;
  return { block: 3, quarantine: 2, allow: 1 }[decision.action];
}

/**
 * The stricter decision; of equal ones the one that lasts longer, then the later one. `now`: milliseconds since the
 * epoch.
 */
export function stricter<T extends ManualDecision | null>(a: T, b: T, now: number): T {
  if (a === null || b === null) return a ?? b;
  const byRank = rank(a, now) - rank(b, now);
  if (byRank !== 0) return byRank > 0 ? a : b;
  const [endA, endB] = [a.expiresAt ?? Infinity, b.expiresAt ?? Infinity];
  if (endA !== endB) return endA > endB ? a : b;
  return a.decidedAt >= b.decidedAt ? a : b;
}
