// Owns which deliveries to feeds were carried out: the newest ones of each feed, until a repeated one is refused by its time. Apart from
// the memory of one process, so that the next leader knows them too.

/** So many deliveries of each feed are remembered at least: those whose memory ends last. */
export const MOST_DELIVERIES = 10_000;
/** A delivery is remembered for so long at most, milliseconds: twice the longest window of a signed time. */
export const LONGEST_MEMORY_MS = 7_200_000;

/** The deliveries, in the directory itself. Times are milliseconds since the epoch. All methods reject when the store is unavailable. */
export interface DeliveryMemory {
  /** Remembers a delivery until `end`. */
  remember(feed: string, name: string, end: number, now: number): Promise<void>;
  isKnown(feed: string, name: string, now: number): Promise<boolean>;
}
