// Owns the lines of the overview: tiles by half hours over a day, requests by minutes over an hour. They are kept in the file of
// the admin API, so that they outlive a restart.
import { z } from 'zod';
import { monotonicNow } from '../../clock.ts';
import type { GatewayStatus } from '../../supervisor/status-server.ts';
import type { AdminStore } from '../auth/admin-store.ts';
import { TILES } from './tiles.ts';
import type { TileCounts, TileName } from './tiles.ts';
import { growthOf } from './traffic.ts';
import type { Traffic } from './traffic.ts';

const MINUTE_MS = 60_000;
/** Of one point of a tile's line. */
export const HALF_HOUR_MS = 1_800_000;
/** A day; the last one is the present half hour. */
const TILE_POINTS = 48;
const MINUTE_POINTS = 60;

const minuteSample = z.object({ requestsPerSecond: z.number() });
const halfHourSample = z.object({
  tiles: z.record(z.enum(TILES), z.number()).nullable(),
  allowed: z.number(),
  quarantined: z.number(),
  blocked: z.number(),
});
type HalfHour = z.infer<typeof halfHourSample>;

/** Answers by verdict within a half hour; `at`: its beginning, milliseconds since the epoch. */
export interface VerdictPoint {
  readonly at: number;
  readonly allowed: number;
  readonly quarantined: number;
  readonly blocked: number;
}

/** The lines. */
export interface TrendLines {
  /** By half hours, the present one last; null = not measured. */
  readonly tiles: Readonly<Record<TileName, readonly (number | null)[]>>;
  /** A day ago; null = not known. */
  readonly yesterday: TileCounts | null;
  /** Requests per second by minutes, the last whole one last. */
  readonly requests: readonly (number | null)[];
  readonly verdicts: readonly VerdictPoint[];
}

/** Takes a sample each minute until closed. */
export class Trends {
  private readonly store: AdminStore;
  private readonly traffic: Traffic;
  private readonly tiles: () => Promise<TileCounts | null>;
  private before: { readonly at: number; readonly status: GatewayStatus } | null = null;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  /** `tiles`: the present numbers; null = not known. */
  constructor(store: AdminStore, traffic: Traffic, tiles: () => Promise<TileCounts | null>) {
    this.store = store;
    this.traffic = traffic;
    this.tiles = tiles;
  }

  /** The first sample is taken at the end of this minute. */
  start(): void {
    if (this.closed) return;
    this.timer = setTimeout(
      () => {
        // A file that cannot be written leaves a gap in the lines.
        void this.sample(Date.now())
          .catch(() => undefined)
          .finally(() => this.start());
      },
      MINUTE_MS - (Date.now() % MINUTE_MS),
    );
    this.timer.unref();
  }

  /** `now`: milliseconds since the epoch, shortly after the minute that is sampled. */
  async sample(now: number): Promise<void> {
    const [{ status }, tiles] = await Promise.all([this.traffic.look(), this.tiles()]);
    if (this.closed) return;
    const { before } = this;
    const at = monotonicNow();
    this.before = status === null ? null : { at, status };
    const measured = now - MINUTE_MS / 2;
    const growth = status === null || before === null ? null : growthOf(status, before.status);
    if (growth !== null && before !== null) {
      const requestsPerSecond = (growth.requests * 1_000) / Math.max(1, at - before.at);
      const minute = Math.floor(measured / MINUTE_MS);
      const sample = JSON.stringify({ requestsPerSecond: Math.round(requestsPerSecond * 10) / 10 });
      this.store.putSample('minute', minute, sample, minute - MINUTE_POINTS);
    }
    const slot = Math.floor(measured / HALF_HOUR_MS);
    const had = this.halfHours(slot).get(slot);
    const halfHour: HalfHour = {
      tiles: tiles ?? had?.tiles ?? null,
      allowed: (had?.allowed ?? 0) + (growth?.allowed ?? 0),
      quarantined: (had?.quarantined ?? 0) + (growth?.quarantined ?? 0),
      blocked: (had?.blocked ?? 0) + (growth?.blocked ?? 0),
    };
    this.store.putSample('halfHour', slot, JSON.stringify(halfHour), slot - TILE_POINTS);
  }

  /** The lines at `now`; `present`: the numbers of the last point; null = not known. */
  lines(now: number, present: TileCounts | null): TrendLines {
    const last = Math.floor(now / HALF_HOUR_MS);
    const halfHours = this.halfHours(last - TILE_POINTS);
    const slots = Array.from({ length: TILE_POINTS }, (_, index) => last - TILE_POINTS + 1 + index);
    const lineOf = (name: TileName): (number | null)[] =>
      slots.map((slot) =>
        slot === last && present !== null ? present[name] : (halfHours.get(slot)?.tiles?.[name] ?? null),
      );
    const minutes = this.read('minute', minuteSample, 0);
    const lastMinute = Math.floor(now / MINUTE_MS) - 1;
    return {
      tiles: {
        allowed: lineOf('allowed'),
        quarantined: lineOf('quarantined'),
        blocked: lineOf('blocked'),
        unknown: lineOf('unknown'),
        wiping: lineOf('wiping'),
        exceptions: lineOf('exceptions'),
      },
      yesterday: halfHours.get(last - TILE_POINTS)?.tiles ?? null,
      requests: Array.from(
        { length: MINUTE_POINTS },
        (_, index) => minutes.get(lastMinute - MINUTE_POINTS + 1 + index)?.requestsPerSecond ?? null,
      ),
      verdicts: slots.flatMap((slot) => {
        const found = halfHours.get(slot);
        if (found === undefined) return [];
        const { allowed, quarantined, blocked } = found;
        return [{ at: slot * HALF_HOUR_MS, allowed, quarantined, blocked }];
      }),
    };
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private halfHours(from: number): Map<number, HalfHour> {
    return this.read('halfHour', halfHourSample, from);
  }

  private read<Sample>(kind: string, schema: z.ZodType<Sample>, from: number): Map<number, Sample> {
    const found = new Map<number, Sample>();
    for (const { slot, sample } of this.store.samples(kind, from)) {
      const parsed = schema.safeParse(JSON.parse(sample));
      if (parsed.success) found.set(slot, parsed.data);
    }
    return found;
  }
}
