// Owns what a caught value says: JavaScript throws values of any type. Pure.

/** Its message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Its code, as of errors of this program and of Node.js; `otherwise` = it has none. */
export function codeOf<T>(error: unknown, otherwise: T): string | T {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : otherwise;
}
