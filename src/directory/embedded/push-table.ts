// Owns the answers to pushed records in the SQLite file: a row for each.
import { ANSWER_MEMORY_MS, MOST_ANSWERS } from '../push-memory.ts';
import type { PushMemory } from '../push-memory.ts';
import type { GuardedDatabase } from './guarded-database.ts';

export class PushTable implements PushMemory {
  private readonly database: GuardedDatabase;

  constructor(database: GuardedDatabase) {
    this.database = database;
  }

  async remember(feed: string, key: string, answer: string, now: number): Promise<void> {
    await this.database.write(() => {
      this.database
        .statement('INSERT OR REPLACE INTO push_answers VALUES (?, ?, ?, ?)')
        .run(feed, key, now + ANSWER_MEMORY_MS, answer);
      // One that ends later than any may was remembered before the clock was set back.
      this.database
        .statement('DELETE FROM push_answers WHERE ends_at <= ? OR ends_at > ?')
        .run(now, now + ANSWER_MEMORY_MS);
      this.database
        .statement(
          'DELETE FROM push_answers WHERE feed = ?1 AND key IN (SELECT key FROM push_answers WHERE feed = ?1 ORDER BY ends_at DESC LIMIT -1 OFFSET ?2)',
        )
        .run(feed, MOST_ANSWERS);
    });
  }

  async recall(feed: string, key: string, now: number): Promise<string | null> {
    const row = this.database.read(() =>
      this.database
        .statement('SELECT ends_at, answer FROM push_answers WHERE feed = ? AND key = ?')
        .get(feed, key),
    );
    return row === undefined || Number(row['ends_at']) <= now ? null : String(row['answer']);
  }
}
