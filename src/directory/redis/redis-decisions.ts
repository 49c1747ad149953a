// Owns decisions in Redis: written, replaced, and the progress of wipes. A decision of a person waits for a replica.
import { isDeepStrictEqual } from 'node:util';
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { readDecisionRecord } from '../../model/decision.ts';
import type {
  DecisionOrigin,
  DecisionRecord,
  DecisionSubject,
  ManualDecision,
} from '../../model/decision.ts';
import { changedDecision, decisionRecordText } from '../../model/wipe.ts';
import { noteTold, settleWipe } from '../../policy/wipe.ts';
import type { WipeNotice, WipeOutcome } from '../../policy/wipe.ts';
import type { SourceOrder } from '../device-reports.ts';
import { UNDECIDED } from '../entries.ts';
import { Lookup } from '../lookup.ts';
import { recordNames } from '../record-names.ts';
import type { Written } from '../store.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { updateHashes } from './hash-writer.ts';
import type { HashAccess } from './hash-writer.ts';
import type { WantedHash } from './lookup-batch.ts';
import type { ReadHash } from './packed-reply.ts';
import { readLogin } from './read-lookup.ts';
import type { LookupReads } from './read-lookup.ts';
import type { RedisClient } from './redis-cluster.ts';
import { deviceField, encodeName, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisNotes } from './redis-notes.ts';
import type { Replication } from './replication.ts';

/** What decisions need of the store. */
interface DecisionAccess {
  readonly keys: RedisKeys;
  readonly names: UserNames;
  readonly sources: SourceOrder;
  readonly notes: RedisNotes;
  readonly replication: Replication;
  readonly lookups: LookupReads;
  /** Reads and writes hashes; `on`: over a connection of its own. */
  readonly accessOn: (on?: RedisClient) => HashAccess;
  readonly epoch: () => number;
}

/** The decisions of one store. */
export class RedisDecisions {
  private readonly store: DecisionAccess;

  constructor(store: DecisionAccess) {
    this.store = store;
  }

  async decide(
    subject: DecisionSubject,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Promise<Written> {
    return this.store.replication.write(this.decisionField(subject).key, (connection) =>
      this.change(subject, true, (before) => changedDecision(before, decision, origin), connection),
    );
  }

  async replaceDecision(
    subject: DecisionSubject,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Promise<Written | null> {
    let isExpected = false;
    await this.store.notes.add(subject, origin);
    const written = await this.store.replication.write(this.decisionField(subject).key, (connection) =>
      this.change(
        subject,
        true,
        (before) => {
          isExpected = isDeepStrictEqual(before.decision, expected);
          return isExpected ? changedDecision(before, decision, origin) : null;
        },
        connection,
      ),
    );
    return isExpected ? written : null;
  }

  async noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean> {
    let isPending = false;
    await this.change({ user, device }, false, (before) => {
      const told = noteTold(before.decision, notice);
      isPending = told !== null;
      return told === null || told === before.decision ? null : { ...before, decision: told };
    });
    return isPending;
  }

  async acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean> {
    let isSettled = false;
    await this.change({ user, device }, true, (before) => {
      const settled = settleWipe(before.decision, outcome);
      isSettled = settled !== null;
      const origin = { by: outcome.user, via: 'device', at: outcome.at };
      return settled === null ? null : changedDecision(before, settled, origin);
    });
    return isSettled;
  }

  /** Writes the result of `work` on the stored decision; null = nothing. `isNews` = verdicts may change. */
  private async change(
    subject: DecisionSubject,
    isNews: boolean,
    work: (before: DecisionRecord) => DecisionRecord | null,
    on?: RedisClient,
  ): Promise<void> {
    const { device, user } = subject;
    const wanted = this.decisionField(subject);
    const [field = ''] = wanted.fields ?? [];
    const what = recordNames.decision(device, user);
    const news = isNews ? await this.newsOf(subject) : '';
    const join = (stored: ReadHash['values']) => {
      const expected = stored?.[0] ?? null;
      const before =
        new TolerantReader().read(expected, (text) => readDecisionRecord(text, what, this.store.epoch())) ??
        UNDECIDED;
      const after = work(before);
      const isNothing = after === null || (after.decision === null && expected === null);
      if (isNothing) return null;
      return { fields: [{ field, expected, next: decisionRecordText(after, this.store.epoch()) }], news };
    };
    await updateHashes(this.store.accessOn(on), [{ ...wanted, join }], device === null ? 'u' : 'd');
  }

  /** The text for the change log about a decision: one on a user concerns all names of the user, and of others who may be that user. */
  async newsOf({ device, user }: DecisionSubject): Promise<string> {
    if (device !== null) return user === null ? device : `${device}:${encodeName(user)}`;
    if (user === null) return '';
    const lookup = new Lookup(this.store.names, this.store.sources, user);
    await readLogin(this.store.lookups, lookup);
    return [...lookup.login.concerned()].map(encodeName).join(' ');
  }

  private decisionField({ device, user }: DecisionSubject): WantedHash {
    if (device !== null) return { key: this.store.keys.device(device), fields: [deviceField.decision(user)] };
    if (user === null) throw new Error('a decision on nobody');
    const local = foldedLocalPart(user);
    return { key: this.store.keys.users(local), fields: [userField.decision(local, user)] };
  }
}
