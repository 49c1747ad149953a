// Owns the small line of a trend. It stretches with its place, so it has no text: the number beside it says the value.
import type { ReactElement } from 'react';

const WIDTH = 64;
const HEIGHT = 24;

/** Points of a line; null leaves a gap that the line bridges. */
function pathOf(values: readonly (number | null)[]): string | null {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const least = Math.min(...known);
  const range = Math.max(...known) - least || 1;
  const points = values.flatMap((value, place) => {
    if (value === null) return [];
    const x = (place / (values.length - 1)) * WIDTH;
    const y = HEIGHT - 2 - ((value - least) / range) * (HEIGHT - 4);
    return [`${x.toFixed(1)} ${y.toFixed(1)}`];
  });
  return `M${points.join('L')}`;
}

/** The line with its area; nothing below two values. */
export function Spark({
  values,
  tall,
}: {
  values: readonly (number | null)[];
  tall?: boolean;
}): ReactElement {
  const path = pathOf(values);
  return (
    <svg
      className={tall === true ? 'spark tall' : 'spark'}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {path === null ? null : (
        <>
          <path className="ar" d={`${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
          <path className="ln" d={path} />
        </>
      )}
    </svg>
  );
}
