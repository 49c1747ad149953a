// Owns the lines of the overview: tiles and answers over an hour, a day or a week, requests by minutes over an hour. They are kept in the file of
// the admin API, so that they outlive a restart.
import { z } from 'zod';
import { monotonicNow } from '../../clock.ts';
import type { GatewayStatus } from '../../supervisor/status-server.ts';
import type { AdminStore } from '../auth/admin-store.ts';
import { TILES } from './tiles.ts';
import type { TileName } from '../contract/tiles.ts';
import type { TileCounts } from './tiles.ts';
import { growthOf } from './traffic.ts';
import type { Traffic } from './traffic.ts';

const MINUTE_MS = 60_000;
/** Of one point of a tile's line over a day. */
export const HALF_HOUR_MS = 1_800_000;
const MINUTE_POINTS = 60;

/** How a range is drawn: points of so many samples each. The last point is the present. */
const RANGES = {
  '1h': { kind: 'minute', slotMs: MINUTE_MS, points: MINUTE_POINTS, samples: 1 },
  '24h': { kind: 'halfHour', slotMs: HALF_HOUR_MS, points: 48, samples: 1 },
  '7d': { kind: 'halfHour', slotMs: HALF_HOUR_MS, points: 56, samples: 6 },
} as const;
/** Half hours that are kept: those of the longest range, and the one before. */
const HALF_HOURS = RANGES['7d'].points * RANGES['7d'].samples;

/** What the lines of the overview are over. */
export type TrendRange = keyof typeof RANGES;

const counted = {
  tiles: z.record(z.enum(TILES), z.number()).nullable().default(null),
  allowed: z.number().default(0),
  quarantined: z.number().default(0),
  blocked: z.number().default(0),
};
const minuteSample = z.object({ requestsPerSecond: z.number().nullable().default(null), ...counted });
const halfHourSample = z.object(counted);
type Sample = z.infer<typeof halfHourSample>;

/** Answers by verdict within a point; `at`: its beginning, milliseconds since the epoch. */
export interface VerdictPoint {
  readonly at: number;
  readonly allowed: number;
  readonly quarantined: number;
  readonly blocked: number;
}

/** The lines. */
export interface TrendLines {
  readonly range: TrendRange;
  /** By points of the range, the present one last; null = not measured. */
  readonly tiles: Readonly<Record<TileName, readonly (number | null)[]>>;
  /** At the beginning of the range; null = not known. */
  readonly before: TileCounts | null;
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
    const perSecond =
      growth === null || before === null ? null : (growth.requests * 1_000) / Math.max(1, at - before.at);
    const taken: Sample = {
      tiles,
      allowed: growth?.allowed ?? 0,
      quarantined: growth?.quarantined ?? 0,
      blocked: growth?.blocked ?? 0,
    };
    const minute = Math.floor(measured / MINUTE_MS);
    const requestsPerSecond = perSecond === null ? null : Math.round(perSecond * 10) / 10;
    const ofMinute = JSON.stringify({ requestsPerSecond, ...taken });
    this.store.putSample('minute', minute, ofMinute, minute - MINUTE_POINTS);
    const slot = Math.floor(measured / HALF_HOUR_MS);
    const had = this.read('halfHour', halfHourSample, slot).get(slot);
    const halfHour = JSON.stringify(had === undefined ? taken : sumOf([had, taken]));
    this.store.putSample('halfHour', slot, halfHour, slot - HALF_HOURS);
  }

  /**
   * The lines at `now`; `present`: the numbers of the last point, null = not known; `range` null = a day, or an hour as long as a day
   * would be one point.
   */
  lines(now: number, present: TileCounts | null, range: TrendRange | null = null): TrendLines {
    const minutes = this.read('minute', minuteSample, 0);
    const halfHours = this.read('halfHour', halfHourSample, 0);
    const wanted = range ?? (halfHours.size < 2 && minutes.size > 1 ? '1h' : '24h');
    const { slotMs, points, samples } = RANGES[wanted];
    const stored: ReadonlyMap<number, Sample> = wanted === '1h' ? minutes : halfHours;
    const last = Math.floor(now / slotMs);
    const first = last - points * samples + 1;
    const groups = Array.from({ length: points }, (_, point) => {
      const from = first + point * samples;
      const found = Array.from({ length: samples }, (_none, index) => stored.get(from + index));
      const known = found.filter((one) => one !== undefined);
      return { at: from * slotMs, sum: known.length === 0 ? null : sumOf(known) };
    });
    const lineOf = (name: TileName): (number | null)[] =>
      groups.map(({ sum }, point) =>
        point === points - 1 && present !== null ? present[name] : (sum?.tiles?.[name] ?? null),
      );
    const lastMinute = Math.floor(now / MINUTE_MS) - 1;
    return {
      range: wanted,
      tiles: {
        allowed: lineOf('allowed'),
        quarantined: lineOf('quarantined'),
        blocked: lineOf('blocked'),
        unknown: lineOf('unknown'),
        wiping: lineOf('wiping'),
        exceptions: lineOf('exceptions'),
      },
      before: stored.get(first - 1)?.tiles ?? null,
      requests: Array.from(
        { length: MINUTE_POINTS },
        (_, index) => minutes.get(lastMinute - MINUTE_POINTS + 1 + index)?.requestsPerSecond ?? null,
      ),
      verdicts: groups.flatMap(({ at, sum }) =>
        sum === null
          ? []
          : [{ at, allowed: sum.allowed, quarantined: sum.quarantined, blocked: sum.blocked }],
      ),
    };
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private read<One>(kind: string, schema: z.ZodType<One>, from: number): Map<number, One> {
    const found = new Map<number, One>();
    for (const { slot, sample } of this.store.samples(kind, from)) {
      const parsed = schema.safeParse(JSON.parse(sample));
      if (parsed.success) found.set(slot, parsed.data);
    }
    return found;
  }
}

/** Answers are added up; of tiles the latest known numbers count. */
function sumOf(samples: readonly Sample[]): Sample {
  const sum = (name: 'allowed' | 'quarantined' | 'blocked'): number =>
    samples.reduce((total, one) => total + one[name], 0);
  return {
    tiles: samples.findLast(({ tiles }) => tiles !== null)?.tiles ?? null,
    allowed: sum('allowed'),
    quarantined: sum('quarantined'),
    blocked: sum('blocked'),
  };
}
