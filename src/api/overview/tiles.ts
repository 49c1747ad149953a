// Owns the numbers of the overview's tiles, from the read model.
import { countPhones } from '../../app/reports.ts';
import { parseMomentToCome } from '../../app/times.ts';
import type { ModelReader, StateCount } from '../../directory/read-model/model-reader.ts';
import { TILE_LISTS } from '../contract/tiles.ts';
import type { TileName } from '../contract/tiles.ts';

/** The tiles. */
export const TILES = Object.keys(TILE_LISTS) as TileName[];

/** The numbers of the tiles: each is how many rows its list has. */
export type TileCounts = Readonly<Record<TileName, number>>;

/** What the tiles show. */
export interface TilesNow {
  readonly counts: TileCounts;
  /** Rows of the list of devices without a filter. */
  readonly devices: number;
  /** Phones that no feed reports, by their state. */
  readonly unknown: { readonly allowed: number; readonly quarantined: number; readonly blocked: number };
  /** Refused phones by state and reason, the most first. */
  readonly refused: readonly StateCount[];
}

/** Counts. `now`: milliseconds since the epoch. */
export function tilesNow(model: ModelReader, now: number): TilesNow {
  const counted = model.stateCounts();
  const inState = (state: StateCount['state']): number =>
    sum(counted.filter((one) => one.state === state).map(({ phones }) => phones));
  const unreported = model.unreported();
  const endsBefore = parseMomentToCome(TILE_LISTS.exceptions.query.endsWithin, 'endsWithin', now);
  return {
    counts: {
      allowed: inState('allowed'),
      quarantined: inState('quarantined'),
      blocked: inState('blocked'),
      unknown: sum([...unreported.values()]),
      wiping: model.count({ openWipe: true }, now).all,
      exceptions: countPhones(model, 'exceptions', { now, unseenSince: now, endsBefore }),
    },
    devices: sum(counted.map(({ phones }) => phones)),
    unknown: {
      allowed: unreported.get('allowed') ?? 0,
      quarantined: unreported.get('quarantined') ?? 0,
      blocked: unreported.get('blocked') ?? 0,
    },
    refused: counted
      .filter(({ state }) => state === 'quarantined' || state === 'blocked')
      .toSorted((a, b) => b.phones - a.phones),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
