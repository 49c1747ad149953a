// Owns the places of entries in a stream: their order, and where a reader goes on that read it before.

/** Of SQLite a number, of Redis a time and a number. */
const PLACE = /^(\d{1,20})(?:-(\d{1,20}))?$/;

/**
 * The place to read on after: `place`, if it can be one of the stream. Else the end: the place may be from an earlier, longer
 * journal, and reading after it would find nothing until this one is as long.
 */
export function placeToGoOn(place: string, end: string | null): string | null {
  const [wanted, last] = [PLACE.exec(place), PLACE.exec(end ?? '')];
  if (wanted === null || last === null) return end;
  if ((wanted[2] === undefined) !== (last[2] === undefined)) return end;
  const [major, minor] = [compare(wanted[1], last[1]), compare(wanted[2], last[2])];
  return major < 0 || (major === 0 && minor <= 0) ? place : end;
}

/** The time and the number of a place in Redis, which are whole numbers below 2^53 for the next 200,000 years. */
export function partsOf(place: string): readonly [ms: number, seq: number] {
  const dash = place.indexOf('-');
  return [Number(place.slice(0, dash)), Number(place.slice(dash + 1))];
}

/** Reverses {@link partsOf}. */
export function placeOf(ms: number, seq: number): string {
  return `${ms}-${seq}`;
}

/** Below 0 = the first place in Redis comes before the second one; 0 = they are the same. */
export function comparePlaces(one: string, other: string): number {
  const [[ms, seq], [otherMs, otherSeq]] = [partsOf(one), partsOf(other)];
  return ms - otherMs || seq - otherSeq;
}

function compare(one = '0', other = '0'): number {
  const difference = BigInt(one) - BigInt(other);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
