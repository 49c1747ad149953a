// Owns the cache of answers that take long to count: an answer is kept for a multiple of what it took, and counted once for
// everybody who asks meanwhile.

/** An answer is kept for at least this long, milliseconds. */
const LEAST_MS = 2_000;
/** An answer is kept for at most this long, milliseconds: part of what it took was the wait for a thread. */
const MOST_MS = 60_000;
/** An answer is kept for this many times what it took. */
const SHARE = 20;
const MOST_KEPT = 50;

interface Kept<Value> {
  readonly value: Promise<Value>;
  /** Infinity = it is being counted. */
  until: number;
}

/** Answers of one kind, by their questions. */
export class AnswerCache<Value> {
  private readonly kept = new Map<string, Kept<Value>>();
  private readonly clock: () => number;

  /** `clock`: monotonic, milliseconds. */
  constructor(clock: () => number) {
    this.clock = clock;
  }

  /** The kept answer, else a new one. Rejects as the work does, which begins anew with the next call. */
  answer(question: string, work: () => Promise<Value>): Promise<Value> {
    const before = this.kept.get(question);
    const startedAt = this.clock();
    if (before !== undefined && startedAt < before.until) return before.value;
    const kept: Kept<Value> = { value: work(), until: Infinity };
    this.kept.delete(question);
    this.kept.set(question, kept);
    const [oldest] = this.kept.keys();
    if (this.kept.size > MOST_KEPT && oldest !== undefined) this.kept.delete(oldest);
    kept.value.then(
      () => {
        const endedAt = this.clock();
        kept.until = endedAt + Math.min(MOST_MS, Math.max(LEAST_MS, (endedAt - startedAt) * SHARE));
      },
      () => {
        if (this.kept.get(question) === kept) this.kept.delete(question);
      },
    );
    return kept.value;
  }
}
