// Owns the positions of entries in a stream: their order, and where a reader goes on that read it before.

/** Of SQLite a number, of Redis a time and a number. */
const POSITION = /^(\d{1,20})(?:-(\d{1,20}))?$/;

/**
 * The position to read on after: `position`, if it can be one of the stream. Else the end: the position may be from an earlier, longer
 * journal, and reading after it would find nothing until this one is as long.
 */
export function resumePosition(position: string, end: string | null): string | null {
  const [wanted, last] = [POSITION.exec(position), POSITION.exec(end ?? '')];
  if (wanted === null || last === null) return end;
  if ((wanted[2] === undefined) !== (last[2] === undefined)) return end;
  const [major, minor] = [compare(wanted[1], last[1]), compare(wanted[2], last[2])];
  return major < 0 || (major === 0 && minor <= 0) ? position : end;
}

/** The time and the number of a position in Redis, which are whole numbers below 2^53 for the next 200,000 years. */
export function partsOf(position: string): readonly [ms: number, seq: number] {
  const dash = position.indexOf('-');
  return [Number(position.slice(0, dash)), Number(position.slice(dash + 1))];
}

/** Reverses {@link partsOf}. */
export function positionOf(ms: number, seq: number): string {
  return `${ms}-${seq}`;
}

/** Below 0 = the first position in Redis comes before the second one; 0 = they are the same. */
export function comparePositions(one: string, other: string): number {
  const [[ms, seq], [otherMs, otherSeq]] = [partsOf(one), partsOf(other)];
  return ms - otherMs || seq - otherSeq;
}

function compare(one = '0', other = '0'): number {
  const difference = BigInt(one) - BigInt(other);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
