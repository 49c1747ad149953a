// Owns the problems of a policy document: position and text.

/** One problem. An error makes the document unusable, a warning does not. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** Path of the value in the document. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The problem is the key at the end of the path, not its value. */
  readonly atKey?: true;
  /** Position in the text at `path`, in characters; for CEL expressions. */
  readonly offset?: number;
}

/** Collects problems. */
export class Problems {
  readonly all: Problem[] = [];

  error(path: readonly PropertyKey[], message: string, offset?: number): void {
    this.all.push({ severity: 'error', path, message, ...(offset !== undefined && { offset }) });
  }

  warning(path: readonly PropertyKey[], message: string): void {
    this.all.push({ severity: 'warning', path, message });
  }

  get failed(): boolean {
    return this.all.some(({ severity }) => severity === 'error');
  }
}
