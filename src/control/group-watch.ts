// Owns the regular comparison of the groups that the policy names with those that users are in.

/** Between two comparisons, milliseconds. */
const CHECK_MS = 60_000;

/** Compares once a minute until closed. */
export class GroupWatch {
  /** As of the last comparison that succeeded. */
  warnings: readonly string[] = [];
  private readonly compare: () => Promise<readonly string[]>;
  private readonly onChange: (warnings: readonly string[]) => void;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  /** `compare` may reject: the last warnings stay. `onChange` is called when there are other ones, also none. */
  constructor(compare: () => Promise<readonly string[]>, onChange: (warnings: readonly string[]) => void) {
    this.compare = compare;
    this.onChange = onChange;
  }

  /** Compares now, and goes on. Never rejects. */
  async start(): Promise<void> {
    try {
      const warnings = await this.compare();
      if (!this.closed && warnings.join('\n') !== this.warnings.join('\n')) {
        this.warnings = warnings;
        this.onChange(warnings);
      }
    } catch {
      // The read model's thread says what is wrong with the store; a policy that cannot be read stays as it was.
    }
    if (this.closed) return;
    this.timer = setTimeout(() => void this.start(), CHECK_MS);
    this.timer.unref();
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
