// Owns the tiles of the overview: a number, where it came from over the range, and the list behind it.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { TILE_LISTS } from '../../api/contract/tiles.ts';
import type { TileName } from '../../api/contract/tiles.ts';
import { number, shortNumber, signed } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { Spark } from './spark.tsx';
import { StateIcon } from './state.tsx';

type Overview = AnswerOf<'showOverview'>;

/** In their order, each with the address of the list behind it. */
const TILES = Object.entries(TILE_LISTS).map(
  ([name, { page, query }]) =>
    [name as TileName, `/${page}?${new URLSearchParams(query).toString()}`] as const,
);

function noteOf(name: TileName, { tiles, unknownSplit, range }: Overview): string {
  if (name === 'unknown')
    return t.overview.split(
      number(unknownSplit.quarantined + unknownSplit.blocked),
      number(unknownSplit.allowed),
    );
  if (name === 'exceptions') return t.overview.soon;
  const { changed } = tiles[name];
  return changed === null
    ? t.overview.noChange
    : t.overview.changed(signed(changed), t.overview.range.names[range]);
}

/** `live` = counts that are newer than the overview. */
export function Tiles({
  overview,
  live,
}: {
  overview: Overview;
  live: Readonly<Partial<Record<TileName, number>>>;
}): ReactElement {
  return (
    <ul className="tiles">
      {TILES.map(([name, href]) => {
        const { count, trend } = overview.tiles[name];
        const shown = live[name] ?? count;
        return (
          <li key={name}>
            <Link className="tile" href={href}>
              <span className="l">
                {name === 'exceptions' ? (
                  <span className="t3">
                    <Icon name="clock" />
                  </span>
                ) : (
                  <StateIcon state={name} />
                )}
                <span>{t.overview.tiles[name]}</span>
                <Icon name="right" small className="go" />
              </span>
              <span className="v" title={number(shown)}>
                {shortNumber(shown)}
              </span>
              <Spark values={trend} />
              <span className="d">{noteOf(name, overview)}</span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
