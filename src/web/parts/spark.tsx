// Owns the small line of a trend. It stretches with its place, so it has no text: the number beside it says the value.
import type { ReactElement } from 'react';

const WIDTH = 64;
const HEIGHT = 24;

/** A line, and the area below it. */
interface Shape {
  readonly line: string;
  readonly area: string;
}

/** A shorter line looks like a dot, and says nothing of a trend; a part of the width. */
const SHORTEST = 1 / 8;

/**
 * Null leaves a gap that the line bridges; before the first value and after the last one there is neither line nor area. Nothing for values
 * of less than an eighth of the range.
 */
function shapeOf(values: readonly (number | null)[]): Shape | null {
  const known = values.filter((value) => value !== null);
  const first = values.findIndex((value) => value !== null);
  const last = values.findLastIndex((value) => value !== null);
  if (known.length < 2 || last - first < (values.length - 1) * SHORTEST) return null;
  const least = Math.min(...known);
  const range = Math.max(...known) - least || 1;
  const points = values.flatMap((value, place) => {
    if (value === null) return [];
    const x = (place / (values.length - 1)) * WIDTH;
    const y = HEIGHT - 2 - ((value - least) / range) * (HEIGHT - 4);
    return [[x.toFixed(1), y.toFixed(1)] as const];
  });
  const line = `M${points.map((point) => point.join(' ')).join('L')}`;
  return { line, area: `${line}L${points.at(-1)?.[0]} ${HEIGHT}L${points[0]?.[0]} ${HEIGHT}Z` };
}

/** The line with its area; nothing where there is too little for one. */
export function Spark({
  values,
  tall,
}: {
  values: readonly (number | null)[];
  tall?: boolean;
}): ReactElement {
  const shape = shapeOf(values);
  return (
    <svg
      className={tall === true ? 'spark tall' : 'spark'}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {shape === null ? null : (
        <>
          <path className="ar" d={shape.area} />
          <path className="ln" d={shape.line} />
        </>
      )}
    </svg>
  );
}
