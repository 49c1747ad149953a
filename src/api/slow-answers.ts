// Owns numbers that take long to count: they are answered again for a time that grows with what they cost, so that they take a
// twentieth of this process at most.

/** Longer answers are not counted anew more often than this, milliseconds. */
const LEAST_MS = 2_000;
const SHARE = 20;
const MOST_KEPT = 50;

interface Kept<Value> {
  readonly value: Value;
  readonly until: number;
}

/** Answers of one kind, by their questions. */
export class SlowAnswers<Value> {
  private readonly kept = new Map<string, Kept<Value>>();
  private readonly clock: () => number;

  /** `clock`: monotonic, milliseconds. */
  constructor(clock: () => number) {
    this.clock = clock;
  }

  /** The kept answer, else a new one. @throws what the work throws */
  answer(question: string, work: () => Value): Value {
    const before = this.kept.get(question);
    const startedAt = this.clock();
    if (before !== undefined && startedAt < before.until) return before.value;
    const value = work();
    const endedAt = this.clock();
    this.kept.delete(question);
    this.kept.set(question, { value, until: endedAt + Math.max(LEAST_MS, (endedAt - startedAt) * SHARE) });
    const [oldest] = this.kept.keys();
    if (this.kept.size > MOST_KEPT && oldest !== undefined) this.kept.delete(oldest);
    return value;
  }
}
