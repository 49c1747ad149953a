// Owns how partnerships are joined: a record with what was seen before, and the records under several names of one user. Pure.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { MAX_AGENT_CHANGES, joinSpellings } from '../model/partnership.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import { MANY_DEVICES, OFTEN } from '../model/signal.ts';
import type { PartnershipSignal } from '../model/signal.ts';
import type { UserNames } from '../identity/user-names.ts';
import { later } from './user-devices.ts';

/** A partnership after it was seen again. */
export interface Seen {
  readonly record: PartnershipRecord;
  /** What is noticed about a partnership that was known. */
  readonly signals: readonly PartnershipSignal[];
}

const DAY_MS = 86_400_000;

/** What to store after a partnership was seen `now`; `before` null = it was not known. */
export function joinSeen(before: PartnershipRecord | null, now: PartnershipRecord): Seen {
  if (before === null) return { record: now, signals: [] };
  const spellings = joinSpellings(before.spellings, now.spellings);
  const record: PartnershipRecord = {
    ...told(now, before),
    firstSeen: Math.min(before.firstSeen, now.firstSeen),
    spellings,
    // What is written last counts, not the later time: a gateway whose clock was ahead must not be right for ever.
    lastAllowed: now.lastAllowed ?? before.lastAllowed,
    agentChanges: agentChanges(before, now),
  };
  return { record, signals: signalsOf(before, record) };
}

function signalsOf(before: PartnershipRecord, after: PartnershipRecord): PartnershipSignal[] {
  const { user, device, spellings, userAgent } = after;
  const signals: PartnershipSignal[] = [];
  if (spellings.length > before.spellings.length)
    signals.push({ kind: 'device_respelled', user, device, spellings });
  const [was, is] = [verdictOf(before), verdictOf(after)];
  if (was.action !== '' && (was.action !== is.action || was.reason !== is.reason))
    signals.push({ kind: 'verdict_changed', user, device, before: was, after: is });
  if (after.agentChanges.at(-1) !== before.agentChanges.at(-1)) {
    const changes = after.agentChanges.filter((at) => at > after.lastSeen - DAY_MS).length;
    if (changes >= OFTEN) signals.push({ kind: 'agent_changed', user, device, changes, userAgent });
  }
  return signals;
}

function verdictOf({ lastVerdict, lastReason }: PartnershipRecord): {
  readonly action: string;
  readonly reason: string;
} {
  return { action: lastVerdict, reason: lastReason };
}

/** What is noticed about a partnership that was not known; `others`: the users that were seen with the device before. */
export function signalsOfNew(
  { user, device }: PartnershipRecord,
  others: readonly UserKey[],
  names: UserNames,
): PartnershipSignal[] {
  const isFurther = others.length > 0 && !others.some((other) => names.mayBeSame(other, user));
  return isFurther ? [{ kind: 'device_shared', user, device, users: others.length + 1 }] : [];
}

/** What is noticed about a user who came with a device that was new; `devices`: how many there are now. */
export function signalsOfDevices(user: UserKey, device: DeviceKey, devices: number): PartnershipSignal[] {
  return devices >= MANY_DEVICES ? [{ kind: 'many_devices', user, device, devices }] : [];
}

/** The partnership of a user who was seen under several names: the earliest first sight, the facts that were seen last. */
export function joinPartnerships(
  user: UserKey,
  records: readonly PartnershipRecord[],
): PartnershipRecord | null {
  const [only] = records;
  if (only === undefined) return null;
  if (records.length === 1 && only.user === user) return only;
  const [first = only, ...others] = records.toSorted((a, b) => a.firstSeen - b.firstSeen);
  let joined = first;
  for (const next of others) {
    const [last, earlier] = next.lastSeen >= joined.lastSeen ? [next, joined] : [joined, next];
    joined = {
      ...told(last, earlier),
      firstSeen: joined.firstSeen,
      spellings: joinSpellings(joined.spellings, next.spellings),
      lastAllowed: later(joined.lastAllowed, next.lastAllowed),
      agentChanges: latest([...joined.agentChanges, ...next.agentChanges]),
    };
  }
  return { ...joined, user };
}

/** The later record; what the device did not say again stays known. */
function told(last: PartnershipRecord, before: PartnershipRecord): PartnershipRecord {
  return {
    ...last,
    model: last.model ?? before.model,
    os: last.os ?? before.os,
    imei: last.imei ?? before.imei,
  };
}

function agentChanges(before: PartnershipRecord, now: PartnershipRecord): readonly number[] {
  const isChange = before.userAgent !== null && now.userAgent !== null && before.userAgent !== now.userAgent;
  if (!isChange && now.agentChanges.length === 0) return before.agentChanges;
  return latest([...before.agentChanges, ...now.agentChanges, ...(isChange ? [now.lastSeen] : [])]);
}

function latest(times: readonly number[]): readonly number[] {
  return [...new Set(times)].sort((a, b) => a - b).slice(-MAX_AGENT_CHANGES);
}
