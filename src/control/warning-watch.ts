// Owns warnings that are found by a regular look at the read model: groups of the policy that nobody is in, exceptions that end soon.

/** Between two looks, milliseconds. */
const CHECK_MS = 60_000;

/** Looks once a minute until closed. */
export class WarningWatch {
  /** As of the last look that succeeded. */
  warnings: readonly string[] = [];
  private readonly look: () => Promise<readonly string[]>;
  private readonly onChange: (warnings: readonly string[]) => void;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  /** `look` may reject: the last warnings stay. `onChange` is called when they changed, also when none are left. */
  constructor(look: () => Promise<readonly string[]>, onChange: (warnings: readonly string[]) => void) {
    this.look = look;
    this.onChange = onChange;
  }

  /** Looks now, and goes on. Never rejects. */
  async start(): Promise<void> {
    try {
      const warnings = await this.look();
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
