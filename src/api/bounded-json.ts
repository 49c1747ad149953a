// Owns the parser of JSON bodies: it refuses keys such as `__proto__`, and nesting deeper than later steps can follow.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './problems.ts';

/** Policy documents, the deepest bodies there are, need about twenty. */
const MAX_DEPTH = 100;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

type Done = (error: Error | null, body?: unknown) => void;

/** The parser of a server. */
export function boundedJson(
  server: FastifyInstance,
): (request: FastifyRequest, body: string, done: Done) => void {
  const parse = server.getDefaultJsonParser('error', 'error');
  return (request, body, done) => {
    if (isTooDeep(body)) done(new ApiError('EASGATE_API_INVALID', `the JSON is deeper than ${MAX_DEPTH}`));
    else void parse(request, body, done);
  };
}

/** Counts the brackets outside of strings. */
function isTooDeep(json: string): boolean {
  let depth = 0;
  for (let index = 0; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (code === QUOTE) {
      for (index += 1; index < json.length && json.charCodeAt(index) !== QUOTE; index++)
        if (json.charCodeAt(index) === BACKSLASH) index += 1;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}
