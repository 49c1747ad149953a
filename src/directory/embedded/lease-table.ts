// Owns the lease of the leader in the SQLite file: one row. All processes of the file share the machine's clock.
import { FencedError, MAX_LEASE_MS } from '../lease.ts';
import type { Leader, Lease, LeaseRecords } from '../lease.ts';
import type { GuardedDatabase, Row } from './guarded-database.ts';

export class LeaseTable implements LeaseRecords {
  private readonly database: GuardedDatabase;

  constructor(database: GuardedDatabase) {
    this.database = database;
  }

  async take(token: string, holder: string, milliseconds: number): Promise<Lease | null> {
    return this.database.write(() => {
      const row = this.row();
      const now = Date.now();
      const isOwn = row?.['token'] === token;
      if (row !== undefined && !isOwn && isHeld(row, now)) return null;
      const before = Number(row?.['fence'] ?? 0);
      const fence = isOwn && isHeld(row, now) ? before : before + 1;
      this.database
        .statement('INSERT OR REPLACE INTO leases VALUES (1, ?, ?, ?, ?)')
        .run(token, holder, fence, now + Math.min(milliseconds, MAX_LEASE_MS));
      return { fence };
    });
  }

  async release(token: string): Promise<void> {
    await this.database.write(() => {
      this.database.statement('UPDATE leases SET expires_at = 0 WHERE token = ?').run(token);
    });
  }

  async leader(): Promise<Leader | null> {
    return this.database.read(() => {
      const row = this.row();
      if (row === undefined || !isHeld(row, Date.now())) return null;
      return { holder: String(row['holder']), fence: Number(row['fence']) };
    });
  }

  /** Use within a write transaction. @throws FencedError for the fence of an earlier leader */
  check(fence: number | undefined): void {
    if (fence !== undefined && Number(this.row()?.['fence'] ?? 0) > fence) throw new FencedError();
  }

  private row(): Row | undefined {
    return this.database.statement('SELECT * FROM leases').get();
  }
}

/** A lease that ends later than any may was taken before the clock was set back. */
function isHeld(row: Row, now: number): boolean {
  const expiresAt = Number(row['expires_at']);
  return expiresAt > now && expiresAt <= now + MAX_LEASE_MS;
}
