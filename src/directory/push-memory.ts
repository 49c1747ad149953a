// Owns the answers to pushed records by their idempotency keys, apart from the memory of one process: the next leader repeats them.

/** So many answers of each feed are remembered at most: the newest. */
export const MOST_ANSWERS = 1_000;
/** An answer is remembered for so long, milliseconds. */
export const ANSWER_MEMORY_MS = 86_400_000;

/** The answers, in the directory itself. `now`: milliseconds since the epoch. All methods reject when the store is unavailable. */
export interface PushMemory {
  remember(feed: string, key: string, answer: string, now: number): Promise<void>;
  /** Null = none is remembered. */
  recall(feed: string, key: string, now: number): Promise<string | null>;
}
