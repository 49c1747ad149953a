// Owns the versions of the policy in the SQLite file.
import type { AddedVersion, PolicyRecords } from '../policy-records.ts';
import type { ChangeLog } from './change-log.ts';
import type { GuardedDatabase } from './guarded-database.ts';

/** Row of `policies` that says which versions are in use. */
const STATE = 0;

export class PolicyTable implements PolicyRecords {
  private readonly database: GuardedDatabase;
  private readonly log: ChangeLog;

  constructor(database: GuardedDatabase, log: ChangeLog) {
    this.database = database;
    this.log = log;
  }

  async state(): Promise<string | null> {
    return this.database.read(() => this.record(STATE));
  }

  async version(version: number): Promise<string | null> {
    return this.database.read(() => this.record(version));
  }

  async replace(expected: string | null, state: string, added: AddedVersion | null): Promise<boolean> {
    return this.database.write(() => {
      if (this.record(STATE) !== expected) return false;
      const write = this.database.statement('INSERT OR REPLACE INTO policies VALUES (?, ?)');
      if (added !== null) write.run(added.version, added.text);
      write.run(STATE, state);
      // Neither a device nor a user: the policy.
      this.log.append(null, null);
      return true;
    });
  }

  private record(version: number): string | null {
    const row = this.database.statement('SELECT record FROM policies WHERE version = ?').get(version);
    return row === undefined ? null : String(row['record']);
  }
}
