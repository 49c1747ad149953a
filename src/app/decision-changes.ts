// Owns the decisions of a run: which of them take effect, which ones the source no longer makes, and how many devices they concern.
import type { ImportedChange } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { DecisionLine } from '../feeds/record.ts';
import type { AccessDecision } from '../model/decision.ts';
import type { DecisionCounts } from './apply-outcome.ts';
import type { Touched } from './brakes.ts';
import { subjectText } from './known-records.ts';
import type { KnownRecords } from './known-records.ts';
import { accessDecision, decisionSubject } from './line-observations.ts';
import { STRICTNESS } from '../policy/strictness.ts';

/** What the decisions of a run become. */
export interface DecisionChanges {
  /** Changes by which a phone may lose its mail: blocks, quarantines, and allows that end. */
  readonly restrictions: readonly ImportedChange[];
  readonly releases: readonly ImportedChange[];
  readonly touched: Touched;
  readonly counts: Readonly<DecisionCounts>;
}

interface Decided {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  readonly decision: AccessDecision;
}

/** Decisions of one run. */
export class RunDecisions {
  private readonly known: KnownRecords;
  private readonly options: { readonly allowDecisions: boolean; readonly now: number };
  private readonly decided = new Map<string, Decided>();
  private listed = 0;

  constructor(known: KnownRecords, options: { readonly allowDecisions: boolean; readonly now: number }) {
    this.known = known;
    this.options = options;
  }

  /** Of several on one subject the strictest counts. */
  add(line: DecisionLine): void {
    const decision = accessDecision(line, this.options);
    if (decision === null) {
      this.listed++;
      return;
    }
    const subject = decisionSubject(line);
    const text = subjectText(subject.device, subject.user);
    const before = this.decided.get(text);
    if (before === undefined || STRICTNESS[decision.action] > STRICTNESS[before.decision.action])
      this.decided.set(text, { ...subject, decision });
  }

  /** `isWhole`: the run has all decisions of the source. Where it has none, none is removed. */
  changes(isWhole: boolean): DecisionChanges {
    const restrictions: ImportedChange[] = [];
    const releases: ImportedChange[] = [];
    let changed = 0;
    let removed = 0;
    for (const [text, one] of this.decided) {
      (one.decision.action === 'allow' ? releases : restrictions).push(one);
      const isKnown = this.known.devices.has(one.device);
      if (isKnown && this.known.decisions.get(text)?.action !== one.decision.action) changed++;
    }
    if (isWhole && this.decided.size > 0)
      for (const [text, { device, user, action }] of this.known.decisions) {
        if (this.decided.has(text)) continue;
        (action === 'allow' ? restrictions : releases).push({ device, user, decision: null });
        removed++;
      }
    const before = Math.max(this.known.devices.size, this.known.decisions.size);
    return {
      restrictions,
      releases,
      touched: { what: 'devices with decisions of the source', before, removed, changed },
      counts: { applied: this.decided.size, listed: this.listed, removed },
    };
  }
}
