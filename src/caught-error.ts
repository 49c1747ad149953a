// Owns what a caught value says: JavaScript throws values of any type. Pure.

/** The messages of ioredis about a command whose connection ended: they name its own options. */
const LOST_CONNECTION = /Reached the max retries per request limit|Stream isn't writeable/;

/**
 * Redis repeats the arguments of a command that it does not know, such as those of AUTH where this has another name.
 * Threat: the password of the directory in a log, in the journal, and in an answer of the admin API.
 */
const ARGUMENTS = /,? with args beginning with:[^\n]*/g;

/** Its message. */
export function messageOf(error: unknown): string {
  const message = withoutArguments(error instanceof Error ? error.message : String(error));
  return LOST_CONNECTION.test(message) ? 'the connection to Redis is lost' : message;
}

/** A text of Redis, or the stack of an error with it, without the arguments of the command that it refuses; Redis writes them in one line. */
export function withoutArguments(text: string): string {
  return text.replaceAll(ARGUMENTS, '');
}

/** Its code, as of errors of this program and of Node.js; `otherwise` = it has none. */
export function codeOf<T>(error: unknown, otherwise: T): string | T {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : otherwise;
}
