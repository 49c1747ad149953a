// Owns the audit of runs that an operator starts: an import, or one run of a feed. An entry has the counts of what was written.
import { messageOf } from '../caught-error.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { DecisionOrigin } from '../model/decision.ts';
import type { AuditOperation } from '../model/journal.ts';
import type { ApplyOptions } from './apply-lines.ts';
import type { ApplyOutcome } from './apply-outcome.ts';

/** Who starts a run, from where, and when, milliseconds since the epoch; and where that is recorded. */
export interface Operator extends DecisionOrigin {
  readonly audit: AuditSink;
}

/** A run to record. */
export interface AuditedRun {
  readonly operation: Extract<AuditOperation, 'import' | 'feed_run' | 'feed_confirm'>;
  readonly source: string;
  /** Writes nothing, and has no entry. */
  readonly dryRun: boolean;
  readonly progress?: ApplyOptions['progress'];
}

/** Does the work of a run, and records what it wrote, also where it fails in the middle. @throws what the work throws */
export async function auditedRun<Outcome extends ApplyOutcome>(
  { audit, by, via, at }: Operator,
  { operation, source, dryRun, progress }: AuditedRun,
  work: (progress: NonNullable<ApplyOptions['progress']>) => Promise<Outcome>,
): Promise<Outcome> {
  let written = 0;
  const record = (after: object): Promise<void> =>
    audit.record({ by, via, at, operation, subject: source, after });
  try {
    const outcome = await work((phase, count) => {
      if (phase === 'written') written = count;
      progress?.(phase, count);
    });
    const { held, read, devices, users, decisions } = outcome;
    if (!dryRun && held.length === 0) await record({ read, devices, users, decisions });
    return outcome;
  } catch (error) {
    if (!dryRun && written > 0) await record({ written, failed: messageOf(error) });
    throw error;
  }
}
