// Owns merging records from before each device had one key: the strictest decision, the latest report and the earliest
// first sight win, so that no block is lost. A wipe names the partnerships that were known before it. Pure.
import { deviceKey } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ManualDecision } from '../model/decision.ts';
import { stricter } from '../policy/strictness.ts';
import { isWipe } from '../model/wipe.ts';
import { readDecision } from '../model/decision.ts';
import { decisionText } from '../model/wipe.ts';
import { joinSpellings, readPartnership } from '../model/partnership.ts';
import { readDevice, sameState } from '../model/device.ts';
import type { PartnershipRecord } from '../model/partnership.ts';

/** Stored text under one key of a device. `user` '' = the decision for every user. */
export interface StoredDevice {
  readonly key: DeviceKey;
  readonly record: string | null;
  readonly decisions: readonly { readonly user: string; readonly record: string }[];
  readonly partnerships: readonly { readonly user: string; readonly record: string }[];
}

/** Most partnerships of one wipe. */
export const MAX_WIPE_PARTNERSHIPS = 100;

/** Whether the records under these keys of one device must be merged. */
export function needsOneKey(stored: readonly StoredDevice[]): boolean {
  return stored.some(
    (one) => (one.key !== deviceKey(one.key) && holds(one)) || one.decisions.some(isWipeOfBefore),
  );
}

function holds({ record, decisions, partnerships }: StoredDevice): boolean {
  return record !== null || decisions.length > 0 || partnerships.length > 0;
}

function isWipeOfBefore({ record }: { readonly record: string }): boolean {
  return record.includes('"wipe"') && !record.includes('"partnerships"');
}

/** Merges everything stored under the keys of one device. `epoch`: of the store, for its wipes. */
export function underOneKey(stored: readonly StoredDevice[], now: number, epoch: number): StoredDevice {
  const [first] = stored;
  if (first === undefined) throw new Error('no records');
  const key = deviceKey(first.key);
  const decisions = new Map<string, string>();
  const partnerships = new Map<string, string>();
  let record: string | null = null;
  for (const one of stored) {
    record = laterReport(key, record, one.record);
    for (const decision of one.decisions) {
      const next = withPartnerships(one, decision, epoch);
      const before = decisions.get(decision.user);
      decisions.set(decision.user, before === undefined ? next : stricterText(before, next, now));
    }
    for (const { user, record: text } of one.partnerships) {
      const next = withSpelling(user, one.key, text);
      if (next === null) continue;
      const before = partnerships.get(user);
      partnerships.set(user, before === undefined ? next : joined(user, key, before, next));
    }
  }
  return { key, record, decisions: listed(decisions), partnerships: listed(partnerships) };
}

function listed(texts: ReadonlyMap<string, string>): { readonly user: string; readonly record: string }[] {
  return [...texts].map(([user, record]) => ({ user, record }));
}

/** An unreadable record makes the device's requests fail with 503; the merged record must keep doing so. */
function laterReport(key: DeviceKey, before: string | null, next: string | null): string | null {
  if (before === null || next === null) return before ?? next;
  const [a, b] = [understood(() => readDevice(key, before)), understood(() => readDevice(key, next))];
  if (a === null || b === null) return a === null ? before : next;
  const [later, earlier] = a.observedAt >= b.observedAt ? [a, b] : [b, a];
  const stateSince = sameState(a, b) ? Math.min(a.stateSince, b.stateSince) : later.stateSince;
  const model = later.model ?? earlier.model;
  return JSON.stringify({ ...later, key: undefined, model, os: later.os ?? earlier.os, stateSince });
}

function stricterText(a: string, b: string, now: number): string {
  const [one, other] = [decisionOf(a), decisionOf(b)];
  if (one === null || other === null) return one === null ? a : b;
  return stricter(one, other, now) === one ? a : b;
}

function decisionOf(text: string): ManualDecision | null {
  return understood(() => readDecision(text, 'decision', 0));
}

/** Names the partnerships of an older wipe: those that had been seen under this very spelling by then. */
function withPartnerships(
  { key, partnerships }: StoredDevice,
  stored: { readonly user: string; readonly record: string },
  epoch: number,
): string {
  if (!isWipeOfBefore(stored)) return stored.record;
  const decision = decisionOf(stored.record);
  if (!isWipe(decision)) return stored.record;
  const named = partnerships
    .flatMap(({ user, record }) => understood(() => readPartnership(user as UserKey, key, record)) ?? [])
    .filter(
      ({ user, firstSeen }) =>
        firstSeen < decision.wipe.requestedAt && (stored.user === '' || user === stored.user),
    )
    .sort((a, b) => a.firstSeen - b.firstSeen)
    .slice(0, MAX_WIPE_PARTNERSHIPS)
    .map(({ user, spellings }) => ({ user, spellings, toldAt: null }));
  // Ordered in this store before stores had epochs: it stays active.
  const { suspended: _none, ...wipe } = decision.wipe;
  return decisionText({ ...decision, wipe: { ...wipe, partnerships: named } }, epoch);
}

function withSpelling(user: string, key: DeviceKey, text: string): string | null {
  const read = understood(() => readPartnership(user as UserKey, key, text));
  return read === null ? null : textOf(read);
}

function joined(user: string, key: DeviceKey, a: string, b: string): string {
  const [one, other] = [readPartnership(user as UserKey, key, a), readPartnership(user as UserKey, key, b)];
  const [later, earlier] = one.lastSeen >= other.lastSeen ? [one, other] : [other, one];
  const [first, second] = one.firstSeen <= other.firstSeen ? [one, other] : [other, one];
  return textOf({
    ...later,
    firstSeen: first.firstSeen,
    model: later.model ?? earlier.model,
    os: later.os ?? earlier.os,
    imei: later.imei ?? earlier.imei,
    spellings: joinSpellings(first.spellings, second.spellings),
  });
}

function textOf(record: PartnershipRecord): string {
  return JSON.stringify({ ...record, user: undefined, device: undefined });
}

function understood<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
