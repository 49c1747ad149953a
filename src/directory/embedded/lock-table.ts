// Owns the locks in the SQLite file: a row for each. All processes of the file share the machine's clock.
import { MAX_LOCK_MS } from '../locks.ts';
import type { LockRecords } from '../locks.ts';
import type { GuardedDatabase } from './guarded-database.ts';

export class LockTable implements LockRecords {
  private readonly database: GuardedDatabase;

  constructor(database: GuardedDatabase) {
    this.database = database;
  }

  async take(name: string, token: string, holder: string, milliseconds: number): Promise<string | null> {
    return this.database.write(() => {
      const now = Date.now();
      // One that ends later than any may was taken before the clock was set back.
      this.database
        .statement('DELETE FROM locks WHERE expires_at <= ? OR expires_at > ?')
        .run(now, now + MAX_LOCK_MS);
      const row = this.database.statement('SELECT token, holder FROM locks WHERE name = ?').get(name);
      if (row !== undefined && row['token'] !== token) return String(row['holder']);
      this.database
        .statement('INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?)')
        .run(name, token, holder, now + Math.min(milliseconds, MAX_LOCK_MS));
      return null;
    });
  }

  async release(name: string, token: string): Promise<void> {
    await this.database.write(() => {
      this.database.statement('DELETE FROM locks WHERE name = ? AND token = ?').run(name, token);
    });
  }
}
