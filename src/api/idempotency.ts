// Owns requests with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): repeated, they get the first answer.
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { AdminStore } from './auth/admin-store.ts';
import { ApiError } from './problems.ts';
import type { Call } from './routes/route.ts';

/** Does the work once for each key of a caller. @throws ApiError, and what the work throws */
export async function answerOnce(
  store: AdminStore,
  { principal, now }: Call,
  request: FastifyRequest,
  status: number,
  work: () => Promise<object | null>,
): Promise<object | null> {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return work();
  const hash = createHash('sha256')
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest('hex');
  const stored = store.claim(principal.name, key, hash, now);
  if (stored !== null) {
    if (stored.request !== hash)
      throw new ApiError('EASGATE_API_KEY_REUSED', 'the Idempotency-Key was used for another request');
    if (stored.status === null)
      throw new ApiError(
        'EASGATE_API_KEY_BUSY',
        'the request with this Idempotency-Key is still under way',
        1,
      );
    return stored.body === null ? null : (JSON.parse(stored.body) as object);
  }
  try {
    const result = await work();
    store.answer(principal.name, key, status, result === null ? null : JSON.stringify(result));
    return result;
  } catch (error) {
    store.unclaim(principal.name, key);
    throw error;
  }
}
