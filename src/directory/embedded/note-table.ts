// Owns the notes about changed decisions in the SQLite file: a row for each, written with the decision.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { DecisionOrigin, DecisionSubject } from '../../model/decision.ts';
import { MOST_NOTES } from '../change-notes.ts';
import type { ChangeNote, ChangeNotes } from '../change-notes.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { EVERY } from './schema.ts';

export class NoteTable implements ChangeNotes {
  private readonly database: GuardedDatabase;

  constructor(database: GuardedDatabase) {
    this.database = database;
  }

  /** Within a write transaction of the database. */
  add({ device, user }: DecisionSubject, { by, via, at }: DecisionOrigin): void {
    const { lastInsertRowid } = this.database
      .statement(
        'INSERT INTO noted_changes (device, user, author, via, at, written_at) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(device ?? EVERY, user ?? EVERY, by, via, at, Date.now());
    this.database
      .statement('DELETE FROM noted_changes WHERE id <= ?')
      .run(Number(lastInsertRowid) - MOST_NOTES);
  }

  async oldest(limit: number, after: string | null): Promise<readonly ChangeNote[]> {
    const rows = this.database.read(() =>
      this.database
        .statement('SELECT * FROM noted_changes WHERE id > ? ORDER BY id LIMIT ?')
        .all(Number(after ?? 0), limit),
    );
    const now = Date.now();
    return rows.map(({ id, device, user, author, via, at, written_at: writtenAt }) => ({
      place: String(id),
      device: device === EVERY ? null : (String(device) as DeviceKey),
      user: user === EVERY ? null : (String(user) as UserKey),
      by: String(author),
      via: String(via),
      at: Number(at),
      ageMs: now - Number(writtenAt),
    }));
  }

  async remove(places: readonly string[]): Promise<void> {
    await this.database.write(() => {
      for (const place of places)
        this.database.statement('DELETE FROM noted_changes WHERE id = ?').run(Number(place));
    });
  }
}
