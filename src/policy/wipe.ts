// Owns the state of a wipe: pending until the device answers, then acknowledged or failed. Pure.
import { isOpenWipe } from '../model/wipe.ts';
import type { ManualDecision, WipeDecision, WipeProgress } from '../model/decision.ts';
import type { Verdict } from '../model/verdict.ts';

/** The wipe order is about to be sent to a partnership. */
export interface WipeNotice {
  /** `requestedAt` of the wipe. */
  readonly requestedAt: number;
  /** User of the partnership, as named in the order. */
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A device's answer to a wipe order. */
export interface WipeOutcome {
  /** `requestedAt` of the ordered wipe: an answer applies to that wipe only. */
  readonly requestedAt: number;
  /** User of the partnership that answered, as named in the order. */
  readonly user: string;
  /** 1 = wiped, 2 = failed (MS-ASPROV 2.2.2.54.3). */
  readonly status: 1 | 2;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * The verdict under one spelling of the device id: a wipe is carried out only under the spellings it names. Allocates
 * nothing.
 */
export function underSpelling(verdict: Verdict, spelling: string): Verdict {
  const { wipe } = verdict;
  return wipe === undefined || wipe.spellings.includes(spelling) ? verdict : wipe.elsewhere;
}

/** The decision after the order was sent. Null = the wipe is no longer pending, or does not name the partnership. */
export function noteTold(decision: ManualDecision | null, notice: WipeNotice): WipeDecision | null {
  if (!isOpenWipe(decision) || decision.wipe.requestedAt !== notice.requestedAt) return null;
  const { partnerships } = decision.wipe;
  const named = partnerships.find(({ user }) => user === notice.user);
  if (named === undefined) return null;
  if (named.toldAt !== null) return decision;
  const told = partnerships.map((entry) => (entry === named ? { ...entry, toldAt: notice.at } : entry));
  return { ...decision, wipe: { ...decision.wipe, partnerships: told } };
}

/**
 * The decision after the device's answer. Null = no change: the wipe was cancelled, replaced or acknowledged, or the
 * order was never sent to this partnership (MS-ASPROV 3.2.5.1.2: an answer follows an order).
 */
export function settleWipe(decision: ManualDecision | null, outcome: WipeOutcome): WipeDecision | null {
  if (!isOpenWipe(decision) || decision.wipe.requestedAt !== outcome.requestedAt) return null;
  const named = decision.wipe.partnerships.find(({ user }) => user === outcome.user);
  if (named === undefined || named.toldAt === null) return null;
  const state = outcome.status === 1 ? 'acknowledged' : 'failed';
  const answer = { acknowledgedAt: outcome.at, deviceStatus: outcome.status, acknowledgedBy: outcome.user };
  return { ...decision, wipe: { ...decision.wipe, state, ...answer } };
}

/** The progress in words for an operator, e.g. `pending since 2026-01-01T00:00:00.000Z`. */
export function describeWipe(progress: WipeProgress): string {
  const { requestedAt, state, acknowledgedAt, deviceStatus, acknowledgedBy } = progress;
  if (progress.suspended === true)
    return `suspended (requested ${iso(requestedAt)}): the directory was restored since; order it again`;
  if (state === 'pending') return `pending since ${iso(requestedAt)}`;
  const answered = acknowledgedAt === null ? 'at an unknown time' : iso(acknowledgedAt);
  const said = deviceStatus === null ? '' : `, status ${deviceStatus}`;
  const order = `(requested ${iso(requestedAt)}${acknowledgedBy === null ? '' : `, answered by ${acknowledgedBy}`})`;
  return state === 'acknowledged'
    ? `acknowledged ${answered} ${order}`
    : `failed ${answered}${said}; asked again ${order}`;
}

/** Latest time of a Date (ECMA-262 21.4.1.1). */
const MAX_TIME = 8.64e15;

function iso(time: number): string {
  return Math.abs(time) <= MAX_TIME ? new Date(time).toISOString() : String(time);
}
