// Owns recording which user was seen with which device: merged, bounded, in the background.
import { LRUCache } from 'lru-cache';
import { monotonicNow } from '../clock.ts';
import { FlushTimer } from '../flush-timer.ts';
import { detached } from '../plain-text.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Verdict } from '../model/verdict.ts';
import { countedAs } from '../identity/user-names.ts';
import { MAX_SPELLINGS, joinSpellings } from '../model/partnership.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import type { PartnershipSignal } from '../model/signal.ts';
import type { DirectoryStore } from './store.ts';

/** What an accepted request shows about a partnership. */
export interface SeenFacts {
  readonly user: UserKey;
  readonly device: DeviceKey;
  /** The spelling of the device id in the request. */
  readonly spelling: string;
  readonly deviceType: string;
  readonly userAgent: string | null;
  readonly protocolVersion: string | null;
  readonly verdict: Verdict;
  /** The device's description in this request; null = none. */
  readonly information: Pick<PartnershipRecord, 'model' | 'os' | 'imei'> | null;
}

/** A record, and the monotonic time of its creation. */
interface Noted {
  readonly record: PartnershipRecord;
  readonly at: number;
}

const FLUSH_MS = 1_000;
/** Minimum interval between two writes of an unchanged partnership. */
const REFRESH_MS = 900_000;
/** Most partnerships that wait to be written, and that are remembered as written. */
const MAX_PENDING = 20_000;
const MAX_WRITTEN = 100_000;
const BATCH = 200;
/**
 * Most new devices of one user per hour and worker: a user can invent any number of ids, and the directory keeps each.
 * Nobody has that many real ones (Exchange allows 100 by default, EasMaxDevices).
 */
const MAX_NEW_DEVICES = 100;
const NEW_DEVICES_MS = 3_600_000;
const MAX_USERS = 20_000;

/** Collects {@link seen} calls and writes them about once a second. */
export class PartnershipRecorder {
  /**
   * Records lost because too many waited (for instance in a long outage), or because a user had too many new devices.
   */
  dropped = 0;
  private readonly store: DirectoryStore;
  private readonly onSignal: (signal: PartnershipSignal) => void;
  /** Monotonic, for limits. Records carry the wall clock's time. */
  private readonly now: () => number;
  private readonly wall: () => number;
  private readonly pending = new Map<string, Noted>();
  private readonly written = new Map<string, Noted>();
  /** Number of new devices per user, and the end of the counting period. */
  private readonly newDevices = new LRUCache<UserKey, { count: number; until: number }>({ max: MAX_USERS });
  private readonly timer = new FlushTimer(FLUSH_MS, () => void this.flush());
  private flushing: Promise<void> | null = null;

  /** `onSignal`: called outside the request path with what the directory notices about partnerships. */
  constructor(
    store: DirectoryStore,
    now: () => number = monotonicNow,
    wall: () => number = Date.now,
    onSignal: (signal: PartnershipSignal) => void = () => undefined,
  ) {
    this.store = store;
    this.onSignal = onSignal;
    this.now = now;
    this.wall = wall;
  }

  /** Synchronous and cheap. */
  seen(facts: SeenFacts): void {
    const key = `${facts.device}\0${facts.user}`;
    const now = this.now();
    const noted = this.pending.get(key) ?? this.written.get(key);
    const before = noted?.record;
    if (noted !== undefined && now - noted.at < REFRESH_MS && isSame(noted.record, facts)) return;
    const isFull = !this.pending.has(key) && this.pending.size >= MAX_PENDING;
    if (isFull || (before === undefined && !this.mayBeNew(facts.user, now))) {
      this.dropped++;
      return;
    }
    const { userAgent, protocolVersion, information } = facts;
    const seenAt = this.wall();
    const record: PartnershipRecord = {
      user: detached(facts.user),
      device: detached(facts.device),
      firstSeen: before?.firstSeen ?? seenAt,
      lastSeen: seenAt,
      deviceType: detached(facts.deviceType),
      userAgent: userAgent === null ? null : detached(userAgent),
      protocolVersion: protocolVersion === null ? null : detached(protocolVersion),
      lastVerdict: facts.verdict.action,
      lastReason: facts.verdict.reason,
      model: told(information?.model, before?.model),
      os: told(information?.os, before?.os),
      imei: told(information?.imei, before?.imei),
      lastAllowed: facts.verdict.action === 'allow' ? seenAt : (before?.lastAllowed ?? null),
      // The store keeps them: another gateway may have seen the phone before.
      agentChanges: [],
      spellings:
        before !== undefined && spelledBefore(before, facts.spelling)
          ? before.spellings
          : joinSpellings(before?.spellings ?? [], [detached(facts.spelling)]),
    };
    this.pending.set(key, { record, at: now });
    this.timer.start();
  }

  private mayBeNew(user: UserKey, now: number): boolean {
    // Most servers ignore a NetBIOS domain, AD accents: with made-up ones a user would have any number of devices.
    const name = countedAs(user);
    let counted = this.newDevices.get(name);
    if (counted === undefined || counted.until <= now) {
      counted = { count: 0, until: now + NEW_DEVICES_MS };
      this.newDevices.set(detached(name), counted);
    }
    return ++counted.count <= MAX_NEW_DEVICES;
  }

  /** Writes the waiting records; one flush at a time. Failed records wait for the next one. */
  async flush(): Promise<void> {
    this.flushing ??= this.writePending().finally(() => {
      this.flushing = null;
      if (this.pending.size > 0) this.timer.start();
    });
    await this.flushing;
  }

  async close(): Promise<void> {
    this.timer.close();
    // A write that is under way has not what was seen since it began.
    await this.flushing;
    await this.flush();
  }

  private async writePending(): Promise<void> {
    const waiting = [...this.pending];
    for (let at = 0; at < waiting.length; at += BATCH) {
      const batch = waiting.slice(at, at + BATCH);
      try {
        await this.store.recordSeen(
          batch.map(([, { record }]) => record),
          this.onSignal,
        );
      } catch {
        return;
      }
      for (const [key, noted] of batch) {
        if (this.pending.get(key) === noted) this.pending.delete(key);
        if (this.written.size >= MAX_WRITTEN) this.written.clear();
        this.written.set(key, noted);
      }
    }
  }
}

function told(now: string | null | undefined, before: string | null | undefined): string | null {
  return now === null || now === undefined ? (before ?? null) : detached(now);
}

/** A record keeps a limited number of spellings, so a full one is not written again for a new spelling. */
function spelledBefore(before: PartnershipRecord | undefined, spelling: string): boolean {
  return (
    before !== undefined && (before.spellings.includes(spelling) || before.spellings.length >= MAX_SPELLINGS)
  );
}

function isSame(before: PartnershipRecord, facts: SeenFacts): boolean {
  return (
    before.userAgent === facts.userAgent &&
    before.protocolVersion === facts.protocolVersion &&
    before.deviceType === facts.deviceType &&
    before.lastVerdict === facts.verdict.action &&
    before.lastReason === facts.verdict.reason &&
    spelledBefore(before, facts.spelling) &&
    tellsNothingNew(before, facts.information)
  );
}

function tellsNothingNew(before: PartnershipRecord, said: SeenFacts['information']): boolean {
  if (said === null) return true;
  return (
    (said.model ?? before.model) === before.model &&
    (said.os ?? before.os) === before.os &&
    (said.imei ?? before.imei) === before.imei
  );
}
