// Owns the writing of partnerships that were seen into the SQLite file, many in one transaction.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { partnershipText, seenPartnership } from '../../model/partnership.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import { MANY_DEVICES } from '../../model/signal.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import { joinSeen, signalsOfDevices, signalsOfNew } from '../seen-partnerships.ts';
import { MAX_COUNTED } from '../user-devices.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { manyRows, writeRows } from './many-rows.ts';
import type { StoredRows } from './stored-rows.ts';

const ADD = manyRows(6, (rows) => `INSERT OR FAIL INTO partnerships VALUES ${rows}`);
const NONE: readonly PartnershipSignal[] = Object.freeze([]);

/** Use within a write transaction of the database. */
export class SeenWriter {
  private readonly database: GuardedDatabase;
  private readonly rows: StoredRows;
  private readonly names: UserNames;

  constructor(database: GuardedDatabase, rows: StoredRows, names: UserNames) {
    this.database = database;
    this.rows = rows;
    this.names = names;
  }

  /** Returns what is noticed about each. */
  record(batch: readonly PartnershipRecord[]): readonly (readonly PartnershipSignal[])[] {
    const records = this.underUsers(batch);
    const locals = records.map(({ user }) => foldedLocalPart(user));
    const known = this.rows.seenDevices(records.map(({ device }) => device));
    const counts = this.rows.devicesOfLocals(locals);
    const added: (string | number | null)[] = [];
    const signals = records.map((record, at): readonly PartnershipSignal[] => {
      const { device, user, firstSeen, lastAllowed } = record;
      const local = locals[at] ?? '';
      const count = (counts.get(local) ?? 0) + 1;
      counts.set(local, count);
      // Nothing is noticed about the first user of a device who has few devices.
      if (!known.has(device) && count < MANY_DEVICES) {
        known.add(device);
        added.push(device, user, local, firstSeen, lastAllowed, partnershipText(record));
        return NONE;
      }
      known.add(device);
      writeRows(this.database, ADD, added);
      added.length = 0;
      return this.recordOne(record);
    });
    writeRows(this.database, ADD, added);
    return signals;
  }

  /** The records under the users that the directory's aliases name, else under those by the groups of domains. */
  private underUsers(batch: readonly PartnershipRecord[]): readonly PartnershipRecord[] {
    const targets = this.rows.aliases(batch.map(({ user }) => foldedLocalPart(user)));
    return batch.map((record) => {
      const grouped = this.names.canonical(record.user);
      const user = targets.get(record.user) ?? targets.get(grouped) ?? grouped;
      return user === record.user ? record : { ...record, user };
    });
  }

  private recordOne(seen: PartnershipRecord): readonly PartnershipSignal[] {
    const { device, user } = seen;
    const stored = this.database
      .statement('SELECT record FROM partnerships WHERE device = ? AND user = ?')
      .get(device, user)?.['record'];
    const before = stored === undefined ? null : seenPartnership(user, device, String(stored));
    const { record, signals } = joinSeen(before, seen);
    const { firstSeen, lastAllowed } = record;
    const text = partnershipText(record);
    if (stored === undefined) {
      writeRows(this.database, ADD, [device, user, foldedLocalPart(user), firstSeen, lastAllowed, text]);
      return this.signalsOfNew(record);
    }
    this.database
      .statement(
        'UPDATE partnerships SET first_seen = ?, last_allowed = ?, record = ? WHERE device = ? AND user = ?',
      )
      .run(firstSeen, lastAllowed, text, device, user);
    return signals;
  }

  private signalsOfNew(record: PartnershipRecord): PartnershipSignal[] {
    const { user, device } = record;
    const others = this.database
      .statement('SELECT user FROM partnerships WHERE device = ? AND user <> ? LIMIT ?')
      .all(device, user, MAX_COUNTED)
      .map((row) => String(row['user']) as UserKey);
    const devices = this.database
      .statement(
        'SELECT count(*) AS devices FROM (SELECT 1 FROM partnerships WHERE local = ? AND user = ? LIMIT ?)',
      )
      .get(foldedLocalPart(user), user, MAX_COUNTED)?.['devices'];
    return [...signalsOfNew(record, others, this.names), ...signalsOfDevices(user, device, Number(devices))];
  }
}
