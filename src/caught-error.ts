// Owns what a caught value says: JavaScript throws values of any type. Pure.

/** What ioredis says of a command whose connection ended: names of its own options. */
const LOST_CONNECTION = /Reached the max retries per request limit|Stream isn't writeable/;

/** Its message. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return LOST_CONNECTION.test(message) ? 'the connection to Redis is lost' : message;
}

/** Its code, as of errors of this program and of Node.js; `otherwise` = it has none. */
export function codeOf<T>(error: unknown, otherwise: T): string | T {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : otherwise;
}
