// Owns the completion of the audit. A process may end, or the store of the audit be away, between a change of a decision or of the policy and
// its entry. The history of what was changed says who did it and when: the entry is written from it afterwards.
import type { ChangeNote } from '../directory/change-notes.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { JournalStore, QueryPage } from '../journal/journal-store.ts';
import type { DecisionChange, DecisionRecord, DecisionSubject } from '../model/decision.ts';
import type { AuditEntry, AuditOperation } from '../model/journal.ts';
import type { PolicyState, PolicyStep } from '../model/policy-version.ts';
import { readPolicies } from './policy-versions.ts';

/** A younger change may be about to get its entry, milliseconds. */
export const SETTLED_MS = 120_000;
/** Changes of the policy that are looked at, milliseconds. */
const POLICY_MS = 7 * 86_400_000;
const AT_ONCE = 500;
/** Pages of the audit, and passes over the notes: beyond them the next look goes on. */
const MOST_PAGES = 100;
const MOST_PASSES = 20;
/** `subject` of an entry that was written afterwards. */
export const AFTERWARDS = 'entry written afterwards, from the history';

type Origin = Pick<AuditEntry, 'at' | 'by' | 'via'>;

/** Looks for changes without an entry. */
export class AuditCompletion {
  private readonly store: DirectoryStore;
  private readonly journal: JournalStore;
  /** The policies that were compared with the audit last. */
  private policies: PolicyState | null = null;

  constructor(store: DirectoryStore, journal: JournalStore) {
    this.store = store;
    this.journal = journal;
  }

  /** Writes missing entries; `now`: milliseconds since the epoch. Returns how many. Rejects where a store is away: nothing is lost then. */
  async complete(now: number): Promise<number> {
    return (await this.completeDecisions(now)) + (await this.completePolicies(now));
  }

  private async completeDecisions(now: number): Promise<number> {
    let written = 0;
    for (let pass = 0; pass < MOST_PASSES; pass++) {
      const oldest = await this.store.notes.oldest(AT_ONCE);
      const notes = oldest.filter(({ at }) => Math.abs(now - at) > SETTLED_MS);
      if (notes.length === 0) break;
      const audited = new Set(
        (await this.entriesOf(notes)).flatMap((entry) =>
          subjectsOf(entry).map((subject) => nameOf(entry, subject)),
        ),
      );
      for (const note of notes) {
        if (audited.has(nameOf(note, note))) continue;
        const change = await this.changeOf(note);
        if (change === null) continue;
        await this.journal.appendAudit(decisionEntry(note, change));
        // Of several notes about one change.
        audited.add(nameOf(note, note));
        written++;
      }
      await this.store.notes.remove(notes.map(({ place }) => place));
      if (oldest.length < AT_ONCE) break;
    }
    return written;
  }

  /** The change that a note announced; null = it was not made. */
  private async changeOf({ device, user, ...origin }: ChangeNote): Promise<DecisionChange | null> {
    const record = await this.recordOf({ device, user });
    return record?.history.findLast((change) => isOf(change, origin)) ?? null;
  }

  private async recordOf({ device, user }: DecisionSubject): Promise<DecisionRecord | null> {
    if (device === null) return user === null ? null : ((await this.store.getUser(user))?.decided ?? null);
    const entry = await this.store.getDevice(device);
    return (user === null ? entry?.decided : entry?.decidedByUser.get(user)) ?? null;
  }

  private async completePolicies(now: number): Promise<number> {
    const { state } = await readPolicies(this.store);
    const changes = changesOf(state).filter(
      ({ at }) => now - at < POLICY_MS && Math.abs(now - at) > SETTLED_MS,
    );
    const isKnown = this.policies?.changedAt === state.changedAt && this.policies.latest === state.latest;
    if (isKnown || changes.length === 0) return 0;
    const audited = (await this.entriesOf(changes)).filter(({ operation }) =>
      operation.startsWith('policy_'),
    );
    let written = 0;
    for (const { at, by, step } of changes) {
      if (audited.some((entry) => entry.at === at && entry.by === by)) continue;
      await this.journal.appendAudit(policyEntry({ at, by }, step, state));
      written++;
    }
    // A change that is not settled is looked at again.
    if (Math.abs(now - state.changedAt) > SETTLED_MS) this.policies = state;
    return written;
  }

  /** The entries of the audit in the time of some changes. */
  private async entriesOf(changes: readonly { readonly at: number }[]): Promise<AuditEntry[]> {
    const times = changes.map(({ at }) => at);
    const filter = { since: Math.min(...times), until: Math.max(...times) };
    const entries: AuditEntry[] = [];
    let cursor: string | null = null;
    for (let count = 0; count < MOST_PAGES; count++) {
      const page: QueryPage<AuditEntry> = await this.journal.query('audit', filter, cursor, AT_ONCE);
      entries.push(...page.entries);
      if (page.next === null) return entries;
      cursor = page.next;
    }
    throw new Error('the audit has too many entries of the time of these changes');
  }
}

function isOf(change: Origin, { at, by, via }: Origin): boolean {
  return change.at === at && change.by === by && change.via === via;
}

/** What an entry is about. One on a user on a device also replaces decisions under other names of the user. */
function subjectsOf({ device, user, before }: AuditEntry): { device: string | null; user: string | null }[] {
  const replaced: readonly unknown[] = Array.isArray(before) ? before : [];
  const others = replaced.flatMap((one) =>
    typeof one === 'object' && one !== null && 'user' in one && typeof one.user === 'string'
      ? [one.user]
      : [],
  );
  return [user, ...others].map((name) => ({ device, user: name }));
}

function nameOf(
  { at, by, via }: Origin,
  { device, user }: { readonly device: string | null; readonly user: string | null },
): string {
  return JSON.stringify([at, by, via, device, user]);
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

function policyEntry(
  { at, by }: Pick<PolicyChange, 'at' | 'by'>,
  step: PolicyStep | null,
  { steps }: PolicyState,
): AuditEntry {
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
