// Owns the decision taken by hand on a device or a partnership, and the progress of a wipe.
import { CorruptRecordError } from './corrupt-record.ts';
import { parse, text, texts, time } from './read-json.ts';
import type { Json } from './read-json.ts';

interface DecisionBase {
  readonly owner: string;
  readonly reason: string | null;
  /** Milliseconds since the epoch. */
  readonly decidedAt: number;
}

/** An operator lets a device or a partnership pass, or keeps it out. */
export interface AccessDecision extends DecisionBase {
  readonly action: 'allow' | 'block' | 'quarantine';
  /** Milliseconds since the epoch; `null` = until cleared. An expired decision is no decision. */
  readonly expiresAt: number | null;
}

/** A partnership that a wipe names: it was known before the order. */
export interface WipePartnership {
  readonly user: string;
  /** The spellings of the device id under which it had been seen by then. */
  readonly spellings: readonly string[];
  /** When the order was first sent to it, milliseconds since the epoch; `null` = not yet. */
  readonly toldAt: number | null;
}

/** How far a wipe has come. */
export interface WipeProgress {
  /** Milliseconds since the epoch; names this one wipe. */
  readonly requestedAt: number;
  /** Who is told; whoever else comes with the device id is kept out. */
  readonly partnerships: readonly WipePartnership[];
  /** `failed`: the device said it could not; it is told again. */
  readonly state: 'pending' | 'acknowledged' | 'failed';
  /** When the device last answered, with success or failure, milliseconds since the epoch; `null` = not yet. */
  readonly acknowledgedAt: number | null;
  /** What it answered: 1 = wiped, 2 = failed (MS-ASPROV 2.2.2.54.3); `null` = nothing yet. */
  readonly deviceStatus: number | null;
  /** Whose partnership answered; `null` = none yet. */
  readonly acknowledgedBy: string | null;
  /**
   * The store was restored or replaced since the wipe was ordered: nobody knows whether it was taken back. The device is
   * kept out, and not told, until an operator orders the wipe again. The store says so; it is not kept.
   */
  readonly suspended?: true;
}

/** An operator has the device erased (`wipe`), or only what it holds of the account (`accountWipe`). */
export interface WipeDecision extends DecisionBase {
  readonly action: 'wipe' | 'accountWipe';
  /** A wipe is taken back by hand or carried out; it never lapses by itself. */
  readonly expiresAt: null;
  readonly wipe: WipeProgress;
}

/** A decision an operator took by hand on a device or a partnership (user + device). */
export type ManualDecision = AccessDecision | WipeDecision;

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

/** A decision as it is stored: a wipe with the epoch of the store that orders it. */
export function decisionText(decision: ManualDecision, epoch: number): string {
  if (!isWipe(decision)) return JSON.stringify(decision);
  const { suspended, ...wipe } = decision.wipe;
  return JSON.stringify({ ...decision, wipe: { ...wipe, epoch: suspended === true ? 0 : epoch } });
}

/** Reads a stored decision; a wipe of another epoch than the store's is suspended. @throws CorruptRecordError */
export function readDecision(stored: string, what: string, epoch: number): ManualDecision {
  const json = parse(stored, what);
  const { action } = json;
  const base = {
    owner: text(json, 'owner', what) ?? 'unknown',
    reason: text(json, 'reason', what),
    decidedAt: time(json, 'decidedAt', what) ?? 0,
  };
  const expiresAt = time(json, 'expiresAt', what);
  if (action === 'allow' || action === 'block' || action === 'quarantine')
    return { action, ...base, expiresAt };
  if ((action !== 'wipe' && action !== 'accountWipe') || expiresAt !== null)
    throw new CorruptRecordError(what);
  return { action, ...base, expiresAt, wipe: readWipe(json['wipe'], `${what}.wipe`, epoch) };
}

/** Nothing is filled in here: what was not written clearly must erase no device. */
function readWipe(value: unknown, what: string, epoch: number): WipeProgress {
  if (typeof value !== 'object' || value === null) throw new CorruptRecordError(what);
  const json = value as Json;
  const { state } = json;
  const requestedAt = time(json, 'requestedAt', what);
  if (requestedAt === null || (state !== 'pending' && state !== 'acknowledged' && state !== 'failed'))
    throw new CorruptRecordError(what);
  const progress: WipeProgress = {
    requestedAt,
    partnerships: readWipePartnerships(json['partnerships'] ?? [], `${what}.partnerships`),
    state,
    acknowledgedAt: time(json, 'acknowledgedAt', what),
    deviceStatus: time(json, 'deviceStatus', what),
    acknowledgedBy: text(json, 'acknowledgedBy', what),
  };
  const isOpen = state !== 'acknowledged';
  return isOpen && time(json, 'epoch', what) !== epoch ? { ...progress, suspended: true } : progress;
}

/** None named = nobody is told, everybody is kept out. */
function readWipePartnerships(value: unknown, what: string): WipePartnership[] {
  if (!Array.isArray(value)) throw new CorruptRecordError(what);
  return value.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) throw new CorruptRecordError(what);
    const json = entry as Json;
    const user = text(json, 'user', what);
    if (user === null) throw new CorruptRecordError(`${what}.user`);
    return { user, spellings: texts(json, 'spellings', what), toldAt: time(json, 'toldAt', what) };
  });
}
