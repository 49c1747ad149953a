// Owns the life of a wipe an operator asked for: pending until the device answers, what its answer makes of it. Pure.
import type { ManualDecision, WipeDecision, WipeProgress } from './model.ts';

/** What a device said after it got the order to wipe. */
export interface WipeOutcome {
  /** `requestedAt` of the wipe that the device was told of: the answer to one wipe never settles another. */
  readonly requestedAt: number;
  /** 1 = wiped, 2 = failed (MS-ASPROV 2.2.2.54.3). */
  readonly status: 1 | 2;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

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

/**
 * The decision after the device's answer. Null = the answer changes nothing: the wipe was cancelled, replaced or
 * acknowledged already.
 */
export function settleWipe(decision: ManualDecision | null, outcome: WipeOutcome): WipeDecision | null {
  if (!isOpenWipe(decision) || decision.wipe.requestedAt !== outcome.requestedAt) return null;
  const state = outcome.status === 1 ? 'acknowledged' : 'failed';
  const wipe = { ...decision.wipe, state, acknowledgedAt: outcome.at, deviceStatus: outcome.status } as const;
  return { ...decision, wipe };
}

/** The progress in words for an operator, e.g. `pending since 2026-01-01T00:00:00.000Z`. */
export function describeWipe(progress: WipeProgress): string {
  const { requestedAt, state, acknowledgedAt, deviceStatus } = progress;
  if (progress.suspended === true)
    return `suspended (requested ${iso(requestedAt)}): the directory was restored since; order it again`;
  if (state === 'pending') return `pending since ${iso(requestedAt)}`;
  const answered = acknowledgedAt === null ? 'at an unknown time' : iso(acknowledgedAt);
  const said = deviceStatus === null ? '' : `, status ${deviceStatus}`;
  return state === 'acknowledged'
    ? `acknowledged ${answered} (requested ${iso(requestedAt)})`
    : `failed ${answered}${said}; asked again (requested ${iso(requestedAt)})`;
}

/** Furthest time a Date can hold (ECMA-262 21.4.1.1). */
const MAX_TIME = 8.64e15;

function iso(time: number): string {
  return Math.abs(time) <= MAX_TIME ? new Date(time).toISOString() : String(time);
}
