// Owns the decisions of a run: which of them take effect, which ones the source no longer makes, and how many devices they concern. They wait in
// a temporary file until the whole run is known.
import { setImmediate as turn } from 'node:timers/promises';
import { BULK_RECORDS } from '../directory/store.ts';
import type { ImportedChange } from '../directory/store.ts';
import type { DecisionLine } from '../feeds/record.ts';
import type { AccessDecision } from '../model/decision.ts';
import { NONE } from '../name-index.ts';
import { NumberColumn } from '../number-lists.ts';
import { STRICTNESS } from '../policy/strictness.ts';
import type { DecisionCounts } from './apply-outcome.ts';
import type { Touched } from './brakes.ts';
import { DecidedActions } from './decided-actions.ts';
import type { Subject } from './decided-actions.ts';
import type { KnownRecords } from './known-records.ts';
import { accessDecision, decisionSubject } from './line-observations.ts';
import { LineSpool } from './line-spool.ts';

/** What the decisions of a run become. */
export interface DecisionChanges {
  /** Changes by which a phone may lose its mail: blocks, quarantines, and allows that end. In batches to be written. */
  readonly restrictions: () => AsyncGenerator<readonly ImportedChange[]>;
  readonly releases: () => AsyncGenerator<readonly ImportedChange[]>;
  readonly touched: Touched;
  readonly counts: Readonly<DecisionCounts>;
}

/** A change to be written. */
interface Change {
  readonly change: ImportedChange;
  readonly restricts: boolean;
}

interface Decided extends Subject {
  readonly decision: AccessDecision;
}

/** Decisions that are looked at without a turn of the event loop. */
const BATCH = 500;

/** Decisions of one run. */
export class RunDecisions {
  private readonly known: KnownRecords;
  private readonly options: { readonly allowDecisions: boolean; readonly now: number };
  private readonly decided = new DecidedActions();
  private readonly spool = new LineSpool<Decided>();
  /** Decisions in the file. */
  private count = 0;
  /** By subject: which decision in the file counts, from 1. */
  private readonly places = new NumberColumn();
  private changed = 0;
  private listed = 0;

  constructor(known: KnownRecords, options: { readonly allowDecisions: boolean; readonly now: number }) {
    this.known = known;
    this.options = options;
  }

  /** Of several on one subject the strictest counts. */
  async add(line: DecisionLine): Promise<void> {
    const decision = accessDecision(line, this.options);
    if (decision === null) {
      this.listed++;
      return;
    }
    const subject = decisionSubject(line);
    const { action } = decision;
    const before = this.decided.actionOf(subject);
    if (before !== null && STRICTNESS[action] <= STRICTNESS[before]) return;
    this.changed += Number(this.changes(subject, action)) - Number(this.changes(subject, before));
    this.places.set(this.decided.set(subject, action), ++this.count);
    await this.spool.add({ ...subject, decision });
  }

  /** `isWhole`: the run has all decisions of the source. Where it has none, none is removed. */
  async outcome(isWhole: boolean): Promise<DecisionChanges> {
    const { decided, known } = this;
    const removes = isWhole && decided.size > 0;
    let removed = 0;
    if (removes) for await (const batch of this.ended()) removed += batch.length;
    return {
      restrictions: () => this.written(true, removes),
      releases: () => this.written(false, removes),
      touched: {
        what: 'devices with decisions of the source',
        before: Math.max(known.devices.size, known.decisions.size),
        removed,
        changed: this.changed,
      },
      counts: { applied: decided.size, listed: this.listed, removed },
    };
  }

  async close(): Promise<void> {
    await this.spool.close();
  }

  /** Whether an action changes what the source decided of a device that is known; null = it decides nothing. */
  private changes(subject: Subject, action: AccessDecision['action'] | null): boolean {
    const { devices, decisions } = this.known;
    return action !== null && devices.has(subject.device) && decisions.actionOf(subject) !== action;
  }

  private async *written(restricts: boolean, removes: boolean): AsyncGenerator<readonly ImportedChange[]> {
    let wanted: ImportedChange[] = [];
    for await (const changes of this.all(removes))
      for (const one of changes) {
        if (one.restricts !== restricts) continue;
        wanted.push(one.change);
        if (wanted.length < BULK_RECORDS) continue;
        yield wanted;
        wanted = [];
      }
    if (wanted.length > 0) yield wanted;
  }

  /** All that is to be written: what the source decided, then what it no longer decides. */
  private async *all(removes: boolean): AsyncGenerator<readonly Change[]> {
    let place = 0;
    for await (const batch of this.spool.batches(BATCH)) {
      await turn();
      const last = batch.filter((one) => this.places.get(this.decided.numberOf(one)) === ++place);
      yield last.map((change) => ({ change, restricts: change.decision.action !== 'allow' }));
    }
    if (removes) yield* this.ended();
  }

  /** The decisions that the source no longer makes. */
  private async *ended(): AsyncGenerator<readonly Change[]> {
    let looked = 0;
    let batch: Change[] = [];
    for (const { action, ...subject } of this.known.decisions) {
      if (this.decided.numberOf(subject) === NONE)
        batch.push({ change: { ...subject, decision: null }, restricts: action === 'allow' });
      if (++looked % BATCH !== 0) continue;
      yield batch;
      batch = [];
      await turn();
    }
    yield batch;
  }
}
