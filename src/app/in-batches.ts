// Owns batches of one size from lists of any sizes.

/**
 * What `read` makes of each item, in batches of this size; the last one may be smaller. Items are read one by one: lists of parsed records would live long
 * enough to burden the collector of garbage (decisions/0197).
 */
export async function* inBatches<Item, Read>(
  lists: AsyncIterable<readonly Item[]>,
  size: number,
  read: (item: Item) => Read,
): AsyncGenerator<readonly Read[]> {
  let batch: Read[] = [];
  for await (const list of lists)
    for (const item of list) {
      batch.push(read(item));
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
  if (batch.length > 0) yield batch;
}
