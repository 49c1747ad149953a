// Owns errors on their way from one thread to another: their text and their code.
import { codeOf, messageOf } from '../caught-error.ts';
import { redisFailure, withoutChange } from '../directory/failure.ts';

/** An error as a message; `code` null = a defect. */
export interface PlainError {
  readonly code: string | null;
  readonly message: string;
}

/** Threads only read. */
export function plainError(error: unknown): PlainError {
  const failure = redisFailure(error);
  if (failure !== null) return { code: failure.code, message: withoutChange(failure.message) };
  return { code: codeOf(error, null), message: messageOf(error) };
}

export function errorFrom({ code, message }: PlainError): Error {
  return code === null ? new Error(message) : Object.assign(new Error(message), { code });
}
