// Owns the pairs of devices that may be one phone: two of one user with the same model (duplicates), and a reported device with a
// phone that no feed reports (near misses).
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { ModelReader } from './model-reader.ts';
import { stateAt } from './model-schema.ts';
import type { StoredRow } from './model-schema.ts';
import type { AccessState } from '../../model/access-state.ts';

/** Two devices of one user with the same type and model: the older one may be the same phone before it was reset. */
export interface Duplicate {
  readonly user: UserKey;
  /** Seen last. */
  readonly device: DeviceKey;
  readonly other: DeviceKey;
  readonly deviceType: string | null;
  readonly model: string | null;
  readonly reason: string | null;
  readonly groups: string | null;
  /** Of each, milliseconds since the epoch. */
  readonly lastSeen: number | null;
  readonly otherLastSeen: number | null;
  readonly otherState: AccessState;
  /** The older one was not seen since the other one was first seen: it may be the same phone before a reset. */
  readonly isSuccessor: boolean;
}

/** A device that a feed reports and nobody was seen with, and a phone that was seen and no feed reports. */
export interface NearMiss {
  readonly reported: DeviceKey;
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  readonly model: string | null;
  readonly owner: string | null;
  readonly reason: string | null;
  readonly groups: string | null;
  readonly lastSeen: number | null;
  /** Why they may be one: `serial` = the phone's id is `Appl` and the serial number, `imei`, or `owner` with the same model. */
  readonly by: 'serial' | 'imei' | 'owner';
}

/** The newest first. */
export function findDuplicates(reader: ModelReader, limit: number): Duplicate[] {
  // Of each user, type and model the device that was seen last, with each of the others. Most users have one device alone.
  return reader
    .all(
      `WITH ranked AS (
         SELECT id, first_value(id) OVER same AS newest
         FROM phones WHERE user IN (SELECT user FROM people WHERE devices > 1) AND model IS NOT NULL
         WINDOW same AS (PARTITION BY user, type, model ORDER BY last_seen DESC, id DESC)
       )
       SELECT a.user, a.device, b.device AS other, a.type, a.model, a.reason, a.user_groups, a.last_seen,
         b.last_seen AS other_seen, b.state AS other_state, b.last_seen < a.first_seen AS successor
       FROM ranked JOIN phones AS b ON b.id = ranked.id JOIN phones AS a ON a.id = ranked.newest
       WHERE ranked.id <> newest ORDER BY a.last_seen DESC, b.last_seen DESC LIMIT ?`,
      [limit],
    )
    .map((row) => ({
      user: String(row['user']) as UserKey,
      device: String(row['device']) as DeviceKey,
      other: String(row['other']) as DeviceKey,
      deviceType: text(row, 'type'),
      model: text(row, 'model'),
      reason: text(row, 'reason'),
      groups: text(row, 'user_groups'),
      lastSeen: number(row, 'last_seen'),
      otherLastSeen: number(row, 'other_seen'),
      otherState: stateAt(number(row, 'other_state')),
      isSuccessor: row['successor'] === 1,
    }));
}

/** The surest first, of those the ones seen last. */
export function findNearMisses(reader: ModelReader, limit: number): NearMiss[] {
  const columns = `r.device AS reported, p.device, p.user, p.model, r.owner, p.reason, p.user_groups, p.last_seen`;
  const unseen = 'r.user IS NULL AND r.reported = 1';
  const unreported = 'p.user IS NOT NULL AND p.reported = 0';
  return reader
    .all(
      `SELECT *, min(rank) FROM (
         SELECT ${columns}, 1 AS rank FROM phones AS r JOIN phones AS p ON p.device = 'appl' || lower(r.serial)
         WHERE ${unseen} AND r.serial IS NOT NULL AND ${unreported}
         UNION ALL
         SELECT ${columns}, 2 FROM phones AS r JOIN phones AS p ON p.imei = r.imei
         WHERE ${unseen} AND r.imei IS NOT NULL AND ${unreported}
         UNION ALL
         SELECT ${columns}, 3 FROM phones AS r JOIN phones AS p ON p.local = r.owner_local AND p.model = r.model
         WHERE ${unseen} AND r.owner_local IS NOT NULL AND ${unreported}
       ) GROUP BY reported, device, user ORDER BY rank, last_seen DESC LIMIT ?`,
      [limit],
    )
    .map((row) => ({
      reported: String(row['reported']) as DeviceKey,
      device: String(row['device']) as DeviceKey,
      user: text(row, 'user') as UserKey | null,
      model: text(row, 'model'),
      owner: text(row, 'owner'),
      reason: text(row, 'reason'),
      groups: text(row, 'user_groups'),
      lastSeen: number(row, 'last_seen'),
      by: BY[number(row, 'rank') ?? 3] ?? 'owner',
    }));
}

const BY: readonly NearMiss['by'][] = ['owner', 'serial', 'imei', 'owner'];

function text(row: StoredRow, name: string): string | null {
  const value = row[name];
  return typeof value === 'string' ? value : null;
}

function number(row: StoredRow, name: string): number | null {
  const value = row[name];
  return typeof value === 'number' ? value : null;
}
