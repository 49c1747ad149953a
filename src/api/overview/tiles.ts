// Owns the numbers of the overview's tiles, from the read model.
import { countDecisions } from '../../app/decision-list.ts';
import type { ModelReader, Tile } from '../../directory/read-model/model-reader.ts';

/** The tiles. */
export const TILES = ['allowed', 'quarantined', 'blocked', 'unknown', 'wiping', 'exceptions'] as const;

/** A tile. */
export type TileName = (typeof TILES)[number];

/** The numbers of the tiles. */
export type TileCounts = Readonly<Record<TileName, number>>;

const OPEN_WIPES = {
  actions: ['wipe', 'accountWipe'],
  states: ['pending', 'failed', 'suspended'],
} as const;
const WEEK_MS = 7 * 86_400_000;

/** What the tiles show. */
export interface TilesNow {
  readonly counts: TileCounts;
  /** Phones that no feed reports, by their state. */
  readonly unknown: { readonly allowed: number; readonly quarantined: number; readonly blocked: number };
  /** Refused phones by state and reason, the most first. */
  readonly refused: readonly Tile[];
}

/** Counts. `now`: milliseconds since the epoch. */
export function tilesNow(model: ModelReader, now: number): TilesNow {
  const tiles = model.tiles();
  const inState = (state: Tile['state']): number =>
    tiles.reduce((total, tile) => total + (tile.state === state ? tile.phones : 0), 0);
  const unreported = model.unreported();
  const unknown = {
    allowed: unreported.get('allowed') ?? 0,
    quarantined: unreported.get('quarantined') ?? 0,
    blocked: unreported.get('blocked') ?? 0,
  };
  return {
    counts: {
      allowed: inState('allowed'),
      quarantined: inState('quarantined'),
      blocked: inState('blocked'),
      unknown: unknown.allowed + unknown.quarantined + unknown.blocked,
      wiping: countDecisions(model, OPEN_WIPES, now),
      exceptions: countDecisions(
        model,
        { actions: ['allow'], states: ['active'], endsBefore: now + WEEK_MS },
        now,
      ),
    },
    unknown,
    refused: tiles
      .filter(({ state }) => state === 'quarantined' || state === 'blocked')
      .toSorted((a, b) => b.phones - a.phones),
  };
}
