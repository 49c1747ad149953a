// Owns the notes about changed decisions in Redis: one stream. A note is written before its decision, which may be on another node of a
// Cluster.
import { z } from 'zod';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { DecisionOrigin, DecisionSubject } from '../../model/decision.ts';
import { MOST_NOTES } from '../change-notes.ts';
import type { ChangeNote, ChangeNotes } from '../change-notes.ts';
import type { RedisKeys } from './redis-keys.ts';
import { ADD_NOTE, OLDEST_NOTES, REMOVE_NOTES } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Runs a script of the known store. */
type Run = (script: Script, keys: readonly string[], values: readonly string[]) => Promise<unknown>;

const noteSchema = z.object({
  device: z.string().nullable(),
  user: z.string().nullable(),
  by: z.string(),
  via: z.string(),
  at: z.number(),
});
const oldestSchema = z.tuple([z.number(), z.array(z.tuple([z.string(), z.array(z.string())]))]);

export class RedisNotes implements ChangeNotes {
  private readonly run: Run;
  private readonly key: string;

  constructor(run: Run, keys: RedisKeys) {
    this.run = run;
    this.key = keys.notes;
  }

  async add({ device, user }: DecisionSubject, { by, via, at }: DecisionOrigin): Promise<void> {
    await this.run(ADD_NOTE, [this.key], [String(MOST_NOTES), JSON.stringify({ device, user, by, via, at })]);
  }

  async oldest(limit: number, after: string | null): Promise<readonly ChangeNote[]> {
    const values = [String(limit), after ?? ''];
    const [now, rows] = oldestSchema.parse(await this.run(OLDEST_NOTES, [this.key], values));
    return rows.map(([place, [, text = '']]) => ({ ...noteOf(text), place, ageMs: now - writtenAt(place) }));
  }

  async remove(places: readonly string[]): Promise<void> {
    if (places.length > 0) await this.run(REMOVE_NOTES, [this.key], places);
  }
}

/** One that is not understood concerns nothing: it is removed like the others. */
function noteOf(text: string): DecisionSubject & DecisionOrigin {
  const nothing = { device: null, user: null, by: '', via: '', at: 0 };
  try {
    const { data } = noteSchema.safeParse(JSON.parse(text));
    if (data === undefined) return nothing;
    return { ...data, device: data.device as DeviceKey | null, user: data.user as UserKey | null };
  } catch {
    return nothing;
  }
}

/** An id of a stream begins with the milliseconds of Redis (redis.io/docs/latest/develop/data-types/streams). */
function writtenAt(place: string): number {
  return Number(place.slice(0, place.indexOf('-')));
}
