// Owns what is wrong or doubtful in a policy document: where, and in which words.

/** One problem. An error makes the document unusable, a warning does not. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** The way to the value from the top of the document. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The last part of the path is a key that stands there and should not, or names the place best. */
  readonly atKey?: true;
  /** Where inside of the text at `path`, in characters; for CEL expressions. */
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
