// Owns the deliveries that were carried out, in the SQLite file: a row for each.
import { LONGEST_MEMORY_MS, MOST_DELIVERIES } from '../delivery-memory.ts';
import type { DeliveryMemory } from '../delivery-memory.ts';
import type { GuardedDatabase } from './guarded-database.ts';

/** Rows are counted once every so many writes. */
const COUNT_EVERY = 256;

export class DeliveryTable implements DeliveryMemory {
  private readonly database: GuardedDatabase;
  private writes = 0;

  constructor(database: GuardedDatabase) {
    this.database = database;
  }

  async remember(feed: string, name: string, end: number, now: number): Promise<void> {
    await this.database.write(() => {
      this.database.statement('INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?)').run(feed, name, end);
      if (this.writes++ % COUNT_EVERY !== 0) return;
      // One that ends later than any may was remembered before the clock was set back.
      this.database
        .statement('DELETE FROM deliveries WHERE ends_at <= ? OR ends_at > ?')
        .run(now, now + LONGEST_MEMORY_MS);
      this.database
        .statement(
          'DELETE FROM deliveries WHERE feed = ?1 AND name IN (SELECT name FROM deliveries WHERE feed = ?1 ORDER BY ends_at DESC LIMIT -1 OFFSET ?2)',
        )
        .run(feed, MOST_DELIVERIES);
    });
  }

  async isKnown(feed: string, name: string, now: number): Promise<boolean> {
    const row = this.database.read(() =>
      this.database.statement('SELECT ends_at FROM deliveries WHERE feed = ? AND name = ?').get(feed, name),
    );
    return row !== undefined && Number(row['ends_at']) > now;
  }
}
