// Owns the completion of the audit. A process may end, or the store of the audit be away, between a change of a decision or of the policy and
// its entry. The history of what was changed says who did it and when: the entry is written from it afterwards.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ChangeNote } from '../directory/change-notes.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { JournalFilter, JournalStore, QueryPage } from '../journal/journal-store.ts';
import { boundedText, isCut } from '../journal/stream-forms.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { DecisionChange, DecisionRecord, DecisionSubject } from '../model/decision.ts';
import type { AuditEntry, AuditOperation } from '../model/journal.ts';
import { OPERATION_MEANINGS } from '../model/operation-names.ts';
import type { PolicyState, PolicyStep } from '../model/policy-version.ts';
import { readPolicies } from './policy-versions.ts';

/** A younger change may be about to get its entry, milliseconds. */
export const SETTLED_MS = 120_000;
/** Changes of the policy that are looked at, milliseconds. */
const POLICY_MS = 7 * 86_400_000;
const AT_ONCE = 500;
/** Pages of the audit about one change, nearly all of them empty. */
const MOST_PAGES = 1_000;
/** Passes over the notes: beyond them the next look goes on. */
const MOST_PASSES = 20;
/** Failures in a row: a store is away, and the next look goes on. */
const MOST_FAILURES = 5;
/** `subject` of an entry that was written afterwards. */
export const AFTERWARDS = 'entry written afterwards, from the history';

const POLICY_OPERATIONS = Object.keys(OPERATION_MEANINGS).filter((name) => name.startsWith('policy_'));

/** What a look did. */
export interface Completed {
  /** Entries that were written. */
  readonly entries: number;
  /** The first failure; null = none. Its change is looked at again by a later look. */
  readonly failure: Error | null;
}

/** The state of the policy that was read last. */
interface SeenPolicies {
  readonly stored: string | null;
  /** Since when it is this one, as far as is known. */
  readonly since: number;
  /** Whether its changes have their entries. */
  isComplete: boolean;
}

/** Looks for changes without an entry. */
export class AuditCompletion {
  private readonly store: DirectoryStore;
  private readonly journal: JournalStore;
  private readonly maxAgeMs: number;
  /** The place of the last note that was looked at; null = the oldest is next. */
  private reached: string | null = null;
  private policies: SeenPolicies | null = null;

  /** `maxAgeMs`: how long the audit keeps its entries. Older changes are left alone: their entries may be gone. */
  constructor(store: DirectoryStore, journal: JournalStore, maxAgeMs: number) {
    this.store = store;
    this.journal = journal;
    this.maxAgeMs = maxAgeMs;
  }

  /**
   * Writes missing entries; `now`: milliseconds since the epoch. Ends before the next change once `isOver`. Never rejects: one change that
   * fails stops neither the others nor the policies.
   */
  async complete(now: number, isOver: () => boolean): Promise<Completed> {
    const look = new Look(isOver);
    await look.attempt(() => this.completeDecisions(look));
    look.failuresInARow = 0;
    await look.attempt(() => this.completePolicies(now, look));
    return look;
  }

  private async completeDecisions(look: Look): Promise<void> {
    for (let pass = 0; pass < MOST_PASSES; pass++) {
      const oldest = await this.store.notes.oldest(AT_ONCE, this.reached);
      const notes = oldest.filter(({ ageMs }) => Math.abs(ageMs) > SETTLED_MS);
      const done: string[] = [];
      for (const note of notes) {
        await nextTurn();
        if (look.isOver()) break;
        this.reached = note.place;
        if (await look.attempt(() => this.completeDecision(note, look))) done.push(note.place);
      }
      await this.store.notes.remove(done);
      if (look.isOver()) return;
      if (notes.length < AT_ONCE) {
        this.reached = null;
        return;
      }
    }
  }

  private async completeDecision(note: ChangeNote, look: Look): Promise<void> {
    if (note.ageMs > this.maxAgeMs) return;
    const filter = filterOf(note);
    if (filter === null || (await this.hasEntry(note, filter, null))) return;
    const change = await this.changeOf(note);
    // The entry may have been written meanwhile.
    if (change === null || (await this.hasEntry(note, filter, change))) return;
    await this.journal.appendAudit(decisionEntry(note, change));
    look.entries++;
  }

  private hasEntry(note: ChangeNote, filter: JournalFilter, change: DecisionChange | null): Promise<boolean> {
    return this.hasAny(note.at, filter, (entry) => isAbout(entry, note, change));
  }

  /** The change that a note announced; null = it was not made. */
  private async changeOf({ device, user, by, via, at }: ChangeNote): Promise<DecisionChange | null> {
    const record = await this.recordOf({ device, user });
    return (
      record?.history.findLast((change) => change.at === at && change.by === by && change.via === via) ?? null
    );
  }

  private async recordOf({ device, user }: DecisionSubject): Promise<DecisionRecord | null> {
    if (device === null) return user === null ? null : ((await this.store.getUser(user))?.decided ?? null);
    const entry = await this.store.getDevice(device);
    return (user === null ? entry?.decided : entry?.decidedByUser.get(user)) ?? null;
  }

  /** A state is settled once it was the same for some time: its `changedAt` is when the request came, which may have taken long. */
  private async completePolicies(now: number, look: Look): Promise<void> {
    const { stored, state } = await readPolicies(this.store);
    if (this.policies === null || this.policies.stored !== stored)
      this.policies = { stored, since: now, isComplete: false };
    const seen = this.policies;
    if (seen.isComplete || Math.abs(now - seen.since) <= SETTLED_MS) return;
    let isComplete = true;
    for (const change of changesOf(state)) {
      if (now - change.at > Math.min(POLICY_MS, this.maxAgeMs)) continue;
      if (look.isOver()) return;
      isComplete = (await look.attempt(() => this.completePolicy(change, state, look))) && isComplete;
    }
    seen.isComplete = isComplete;
  }

  private async completePolicy(change: PolicyChange, state: PolicyState, look: Look): Promise<void> {
    const by = boundedText(change.by);
    if (await this.hasAny(change.at, { kinds: POLICY_OPERATIONS }, (entry) => entry.by === by)) return;
    await this.journal.appendAudit(policyEntry(change, state));
    look.entries++;
  }

  /** Whether the audit has such an entry of this very time. */
  private async hasAny(
    at: number,
    filter: JournalFilter,
    isWanted: (entry: AuditEntry) => boolean,
  ): Promise<boolean> {
    // A time may have a fraction: the file is searched by whole milliseconds.
    const narrow = { ...filter, since: Math.floor(at), until: Math.ceil(at) };
    let cursor: string | null = null;
    for (let count = 0; count < MOST_PAGES; count++) {
      const page: QueryPage<AuditEntry> = await this.journal.query('audit', narrow, cursor, AT_ONCE);
      if (page.entries.some((entry) => entry.at === at && isWanted(entry))) return true;
      if (page.next === null) return false;
      cursor = page.next;
    }
    throw new Error('the audit is too long to be searched for one change');
  }
}

/** One look: what it did, and when it ends. */
class Look implements Completed {
  entries = 0;
  failure: Error | null = null;
  failuresInARow = 0;
  private readonly mustEnd: () => boolean;

  constructor(mustEnd: () => boolean) {
    this.mustEnd = mustEnd;
  }

  isOver(): boolean {
    return this.failuresInARow >= MOST_FAILURES || this.mustEnd();
  }

  /** Whether `work` succeeded. Never rejects. */
  async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.failuresInARow = 0;
      return true;
    } catch (error) {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
      this.failuresInARow++;
      return false;
    }
  }
}

/** The entries that may be about a note; null = it concerns nothing. Entries have their texts bounded. */
function filterOf({ device, user }: DecisionSubject): JournalFilter | null {
  if (device !== null) return { device: boundedText(device) as DeviceKey };
  return user === null ? null : { users: [boundedText(user) as UserKey] };
}

/**
 * Whether an entry is about a note. One on a user on a device also replaces decisions under other names of the user; where their list was too
 * long for the entry, any that was taken away (`change`) is of it.
 */
function isAbout(
  { by, via, device, user, before }: AuditEntry,
  note: ChangeNote,
  change: DecisionChange | null,
): boolean {
  if (by !== boundedText(note.by) || via !== boundedText(note.via) || device !== boundedText(note.device))
    return false;
  const name = boundedText(note.user);
  if (user === name) return true;
  if (Array.isArray(before)) return before.some((one) => name !== null && userIn(one) === name);
  return isCut(before) && name !== null && change?.after === null;
}

function userIn(replaced: unknown): string | null {
  if (typeof replaced !== 'object' || replaced === null || !('user' in replaced)) return null;
  return typeof replaced.user === 'string' ? boundedText(replaced.user) : null;
}

function decisionEntry(
  { device, user, by, via, at }: ChangeNote,
  { before, after, reason, expiresAt }: DecisionChange,
): AuditEntry {
  const isWipe = after === 'wipe' || after === 'accountWipe';
  return {
    at,
    by,
    via,
    operation: after === null ? 'clear' : isWipe ? 'wipe' : 'decide',
    user,
    device,
    subject: AFTERWARDS,
    before: before === null ? null : { action: before },
    after: after === null ? null : { action: after, reason, expiresAt },
    comment: reason,
  };
}

/** A change of the policy; `step` null = the shadow was ended. */
interface PolicyChange {
  readonly at: number;
  readonly by: string;
  readonly step: PolicyStep | null;
}

function changesOf({ steps, changedAt: at, changedBy: by }: PolicyState): PolicyChange[] {
  const changes: PolicyChange[] = steps.map((step) => ({ at: step.at, by: step.by, step }));
  const isStep = changes.some((change) => change.at === at && change.by === by);
  return isStep || at === 0 ? changes : [...changes, { at, by, step: null }];
}

function policyEntry({ at, by, step }: PolicyChange, { steps }: PolicyState): AuditEntry {
  return {
    at,
    by,
    via: '',
    operation: step === null ? 'policy_shadow' : operationOf(step, steps),
    user: null,
    device: null,
    subject: step === null ? AFTERWARDS : `version ${step.version}: ${AFTERWARDS}`,
    before: null,
    after: step === null ? { shadow: null } : { step: step.step, groups: step.groups, share: step.share },
    comment: null,
  };
}

const OPERATIONS = {
  shadow: 'policy_shadow',
  rollout: 'policy_rollout',
  abandoned: 'policy_rollout_abandon',
  rollback: 'policy_rollback',
} as const;

/** A version that becomes the live one was published, or was in the shadow or rolled out before. */
function operationOf({ step, version, at }: PolicyStep, steps: readonly PolicyStep[]): AuditOperation {
  if (step !== 'live') return OPERATIONS[step];
  const before = steps.findLast((one) => one.version === version && one.at < at);
  if (before?.step === 'rollout') return 'policy_rollout_finish';
  return before?.step === 'shadow' ? 'policy_promote' : 'policy_publish';
}
