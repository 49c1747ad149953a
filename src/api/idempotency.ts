// Owns requests with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): repeated, they get the first answer.
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { StoredAnswer } from './auth/admin-rows.ts';
import type { AdminStore } from './auth/admin-store.ts';
import { ApiError } from './problems.ts';
import type { Call } from './routes/route.ts';

/** Does the work once for each key of a caller. `isSecret`: the answer is not stored. @throws ApiError, and what the work throws */
export async function answerOnce(
  store: AdminStore,
  { principal, now }: Call,
  request: FastifyRequest,
  { status, isSecret }: { readonly status: number; readonly isSecret: boolean },
  work: () => Promise<object | null>,
): Promise<object | null> {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return work();
  const hash = createHash('sha256')
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest('hex');
  const stored = store.claim(principal.id, key, hash, now);
  if (stored !== null) return repeated(stored, hash);
  let result: object | null;
  try {
    result = await work();
  } catch (error) {
    store.unclaim(principal.id, key);
    throw error;
  }
  try {
    store.answer(principal.id, key, status, result === null || isSecret ? null : JSON.stringify(result));
  } catch {
    // The change was made, and must not be made again: the key stays claimed.
  }
  return result;
}

function repeated(stored: StoredAnswer, hash: string): object | null {
  if (stored.request !== hash)
    throw new ApiError('EASGATE_API_KEY_REUSED', 'the Idempotency-Key was used for another request');
  if (stored.status === null)
    throw new ApiError('EASGATE_API_KEY_BUSY', 'the request with this Idempotency-Key is still under way', 1);
  if (stored.body !== null) return JSON.parse(stored.body) as object;
  if (stored.status === 204) return null;
  throw new ApiError(
    'EASGATE_API_ANSWER_GONE',
    'the request with this Idempotency-Key was carried out; its answer is not kept, because it has a secret or is very long',
  );
}
