// Owns positions in the change log of Redis: a vector with the id of an entry for each partition. Pure.
import type { LogPosition } from '../store.ts';

/** The id of an entry of a stream, by partition. */
export type Vector = ReadonlyMap<number, string>;

/** Before the first entry of a stream. */
export const BEFORE_FIRST = '0-0';

/** As text: `PARTITION:ID` for each partition, separated by spaces. */
export function positionOf(vector: Vector): LogPosition {
  let text = '';
  for (const [partition, id] of vector) text += `${text === '' ? '' : ' '}${partition}:${id}`;
  return text;
}

/** Reverses {@link positionOf}. */
export function vectorOf(position: LogPosition): Vector {
  const vector = new Map<number, string>();
  if (position === '') return vector;
  for (const part of position.split(' ')) {
    const colon = part.indexOf(':');
    vector.set(Number(part.slice(0, colon)), part.slice(colon + 1));
  }
  return vector;
}

/** The position that was parsed last: look-ups compare theirs with one, until the next change. */
let latest: { readonly position: LogPosition; readonly vector: Vector } = { position: '', vector: new Map() };

/** Whether some partition that both have stands earlier in `a`. Fast where `b` is the one of the call before. */
export function isEarlierPosition(a: LogPosition, b: LogPosition): boolean {
  if (latest.position !== b) latest = { position: b, vector: vectorOf(b) };
  // Each look-up is compared: no vector is made of its position.
  for (let at = 0; at < a.length;) {
    const colon = a.indexOf(':', at);
    const space = a.indexOf(' ', colon);
    const end = space === -1 ? a.length : space;
    const other = latest.vector.get(Number(a.slice(at, colon)));
    if (other !== undefined && isEarlierId(a.slice(colon + 1, end), other)) return true;
    at = end + 1;
  }
  return false;
}

/** Whether an entry of a stream stands before another one: `MILLISECONDS-SEQUENCE`. */
export function isEarlierId(a: string, b: string): boolean {
  if (a === b) return false;
  const [timeA = 0, sequenceA = 0] = a.split('-').map(Number);
  const [timeB = 0, sequenceB = 0] = b.split('-').map(Number);
  return timeA === timeB ? sequenceA < sequenceB : timeA < timeB;
}
