// Owns entries of the journal and the audit for tests.
import type { AuditEntry, JournalEntry } from '../../src/model/journal.ts';

/** An event of alice's phone. */
export function event(more: Partial<JournalEntry> = {}): JournalEntry {
  return {
    at: 1_000,
    kind: 'device_refused',
    user: 'alice',
    device: 'appl1',
    action: 'block',
    reason: 'notCompliant',
    rule: 'policy notCompliant',
    count: 1,
    gateway: 'gw1',
    seconds: null,
    facts: null,
    ...more,
  };
}

/** A decision by admin on alice's phone. */
export function change(more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    at: 1_000,
    by: 'admin',
    via: 'cli',
    operation: 'decide',
    user: 'alice',
    device: 'appl1',
    subject: null,
    before: null,
    after: { action: 'block' },
    comment: null,
    ...more,
  };
}

/** No entry is removed. */
export const KEEP_ALL = {
  journal: { maxAgeMs: 1e14, maxEntries: 1_000_000 },
  audit: { maxAgeMs: 1e14, maxEntries: 1_000_000 },
} as const;
