// Owns how partnerships are joined: a record with what was seen before, and the records under several names of one user. Pure.
import type { UserKey } from '../identity/keys.ts';
import { MAX_AGENT_CHANGES, joinSpellings } from '../model/partnership.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import { later } from './user-devices.ts';

/** A partnership after it was seen again. */
export interface Seen {
  readonly record: PartnershipRecord;
  /** It was known, and used another spelling of its device id. */
  readonly hasNewSpelling: boolean;
}

/** What to store after a partnership was seen `now`; `before` null = it was not known. */
export function joinSeen(before: PartnershipRecord | null, now: PartnershipRecord): Seen {
  if (before === null) return { record: now, hasNewSpelling: false };
  const spellings = joinSpellings(before.spellings, now.spellings);
  const record: PartnershipRecord = {
    ...told(now, before),
    firstSeen: Math.min(before.firstSeen, now.firstSeen),
    spellings,
    // What is written last counts, not the later time: a gateway whose clock was ahead must not be right for ever.
    lastAllowed: now.lastAllowed ?? before.lastAllowed,
    agentChanges: agentChanges(before, now),
  };
  return { record, hasNewSpelling: spellings.length > before.spellings.length };
}

/** The partnership of a user who was seen under several names: the earliest first sight, the facts that were seen last. */
export function joinPartnerships(
  user: UserKey,
  records: readonly PartnershipRecord[],
): PartnershipRecord | null {
  const [first, ...others] = records.toSorted((a, b) => a.firstSeen - b.firstSeen);
  if (first === undefined) return null;
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
