// Owns the statements of a SQLite connection that are kept prepared: a bounded number of them.
import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** The statements of one connection, by their text. */
export class PreparedStatements {
  private readonly most: number;
  private readonly kept = new Map<string, StatementSync>();

  /** `most`: different ones that are kept; with more all are prepared anew. */
  constructor(most: number) {
    this.most = most;
  }

  get(database: DatabaseSync, sql: string): StatementSync {
    let statement = this.kept.get(sql);
    if (statement === undefined) {
      if (this.kept.size >= this.most) this.kept.clear();
      this.kept.set(sql, (statement = database.prepare(sql)));
    }
    return statement;
  }

  /** The connection is another one, or its tables are. */
  clear(): void {
    this.kept.clear();
  }
}
