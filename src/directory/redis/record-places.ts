// Owns finding the records of a call that have one key: their places, without a list for each key. Most keys have one record.

/** Places of records by their keys. */
export interface RecordPlaces {
  /** The place of the first record of each key. */
  readonly firsts: readonly number[];
  /** Of keys with several records: the places of all of them in their order, by the first one. */
  readonly several: ReadonlyMap<number, readonly number[]>;
}

/** Finds the records of each key. Where keys are in their order, as in a run, none is searched for. */
export function placesOf<T>(records: readonly T[], keyOf: (record: T) => string): RecordPlaces {
  const firsts: number[] = [];
  const several = new Map<number, number[]>();
  let known: Map<string, number> | null = null;
  let before = '';
  for (let at = 0; at < records.length; at += 1) {
    const key = keyOf(records[at] as T);
    let first: number | undefined;
    if (known === null && (at === 0 || before < key)) first = undefined;
    else if (known === null && before === key) first = firsts.at(-1);
    else {
      known ??= new Map(firsts.map((place) => [keyOf(records[place] as T), place]));
      first = known.get(key);
      if (first === undefined) known.set(key, at);
    }
    before = key;
    if (first === undefined) firsts.push(at);
    else addPlace(several, first, at);
  }
  return { firsts, several };
}

function addPlace(several: Map<number, number[]>, first: number, at: number): void {
  const places = several.get(first);
  if (places === undefined) several.set(first, [first, at]);
  else places.push(at);
}
