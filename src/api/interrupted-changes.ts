// Owns changes that were under way when the process ended: the audit names each of them, so that none is made without an entry.
import type { AuditedChange } from '../journal/audit-log.ts';
import type { BegunChange } from './auth/admin-rows.ts';
import type { AdminStore } from './auth/admin-store.ts';

/** Notes a change until its work succeeds or fails. Where the file cannot be written, the change is made all the same. */
export async function noted<T>(
  store: AdminStore,
  change: Omit<BegunChange, 'id'>,
  work: () => Promise<T>,
): Promise<T> {
  let id: number | null = null;
  try {
    id = store.beginChange(change);
  } catch {
    // A full disk: the change itself says whether it could be made.
  }
  try {
    return await work();
  } finally {
    if (id !== null) endQuietly(store, id);
  }
}

function endQuietly(store: AdminStore, id: number): void {
  try {
    store.endChange(id);
  } catch {
    // The audit names it once more after the next start.
  }
}

/**
 * Writes the changes that an earlier process began and did not end to the audit. `upTo`: id of the last of them; `record` writes one
 * entry; `now`: milliseconds since the epoch. Rejects where an entry cannot be written: call it again, those that were written are not
 * named twice.
 */
export async function recordInterrupted(
  store: AdminStore,
  upTo: number,
  record: (change: AuditedChange) => Promise<void>,
  now: number,
): Promise<void> {
  // The last one stays until all are written, so that no later change has an id as low.
  for (const { id, at, by, operation, target } of store.begunChanges()) {
    if (id > upTo) return;
    await record({
      at: now,
      by,
      via: 'api',
      operation: 'change_interrupted',
      subject: `${operation} ${target}`,
      before: { at },
      comment: 'the process ended meanwhile: the change was made or not; look, and repeat it',
    });
    store.endChange(id);
  }
}
