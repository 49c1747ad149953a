// Owns the tiles of the overview and the list behind each: its number is how many rows that list has. No code, so that the dashboard
// can load it.

/** A page of the dashboard, and the filters of its query. */
interface TileList {
  readonly page: 'devices' | 'reports/exceptions';
  readonly query: Readonly<Record<string, string>>;
}

/** In their order. */
export const TILE_LISTS = {
  allowed: { page: 'devices', query: { state: 'allowed' } },
  quarantined: { page: 'devices', query: { state: 'quarantined' } },
  blocked: { page: 'devices', query: { state: 'blocked' } },
  unknown: { page: 'devices', query: { reported: 'no' } },
  wiping: { page: 'devices', query: { openWipe: 'true' } },
  exceptions: { page: 'reports/exceptions', query: { endsWithin: '7d' } },
} as const satisfies Readonly<Record<string, TileList>>;

/** A tile. */
export type TileName = keyof typeof TILE_LISTS;
