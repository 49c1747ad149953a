// Owns the outcome of a run: what was written, what was not, and why.
import type { DeviceKey } from '../identity/keys.ts';
import type { RecordKind } from '../feeds/contract.ts';
import { limitOf } from './brakes.ts';

/** Records of a kind, by what the directory did with them. */
export interface WrittenCounts {
  /** They may change a verdict. */
  accepted: number;
  unchanged: number;
  /** The same source reported something newer before, or in the same run. */
  older: number;
  /** The source no longer has them. */
  removed: number;
}

/** A record, and what there is to say about it. */
export interface Refusal {
  readonly line: number;
  readonly reason: string;
}

/** A record that belongs to no device that is known. */
export interface NotJoined {
  readonly line: number;
  /** What the source calls the device. */
  readonly name: string;
  /** Devices that it could be: of the same owner, or with one of its names. */
  readonly near: readonly DeviceKey[];
}

/** Decisions of the source. */
export interface DecisionCounts {
  applied: number;
  /** Allows that took no effect: the source may not allow. */
  listed: number;
  /** The source no longer makes them. */
  removed: number;
}

/** What a run did, or would do. */
export interface ApplyOutcome {
  readonly source: string;
  readonly dryRun: boolean;
  /** Records that were read, by kind. */
  readonly read: Readonly<Record<'device' | 'user' | 'group' | 'decision' | 'refused', number>>;
  readonly devices: Readonly<WrittenCounts>;
  readonly users: Readonly<WrittenCounts>;
  readonly decisions: Readonly<DecisionCounts>;
  /** Records without an Exchange ActiveSync id that were joined by another name. */
  readonly joined: number;
  /** `possibleMatches`: how many of them could belong to a device that is known. */
  readonly notJoined: {
    readonly count: number;
    readonly possibleMatches: number;
    readonly first: readonly NotJoined[];
  };
  readonly refused: { readonly count: number; readonly first: readonly Refusal[] };
  /** Records of which a value was not understood, or an expression had none: it counts as unknown. */
  readonly withProblems: { readonly count: number; readonly first: readonly Refusal[] };
  /** Records of a device of which the run has another record: one of them counts. */
  readonly sameDevice: { readonly count: number; readonly first: readonly Refusal[] };
  /** Why nothing was written: one text for each brake. Empty = it was not held. */
  readonly held: readonly string[];
  /** Kinds of which nothing was removed, since the source counts differently or returned nothing, for people. */
  readonly notRemoved: readonly string[];
}

/** The part of refused records up to which the others count as the whole set. */
const UNREAD = 0.1;

/** Entries of a list in an outcome. */
export const MAX_LISTED = 100;

/** An empty count. */
export function noneWritten(): WrittenCounts {
  return { accepted: 0, unchanged: 0, older: 0, removed: 0 };
}

/** Why a full run of a kind removes nothing; null = it may. `refused`: records of any kind that were not understood. */
export function whyNotRemoved(
  kind: RecordKind,
  found: {
    readonly read: number;
    readonly refused: number;
    readonly before: number;
    readonly stated: number | undefined;
  },
): string | null {
  const { read, refused, before, stated } = found;
  if (before === 0) return null;
  if (stated !== undefined && (stated < read || stated > read + refused))
    return `the source says that it has ${stated} ${kind}s, and returned ${read}: none is removed`;
  if (read === 0) return `the source returned no ${kind}s: none is removed`;
  return refused > limitOf(before, UNREAD)
    ? `${refused} records were refused, and may be ${kind}s: none is removed`
    : null;
}
