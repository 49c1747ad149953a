// Owns the errors of requests to the admin API: problem+json (RFC 9457), no connection, an answer that is none.
import type { z } from 'zod';
import type { problem } from '../../api/contract/common.ts';

/** An error of the API, as it sends it. */
export type Problem = z.infer<typeof problem>;

/** Why a request failed: `network` = no answer came, `status` = an answer with an error. */
export type Trouble = 'network' | 'status';

/** A request to the admin API that failed. */
export class ApiError extends Error {
  readonly trouble: Trouble;
  /** 0 without an answer. */
  readonly status: number;
  readonly code: string;
  readonly problem: Problem | null;
  /** When one may try again, in seconds; null = the server did not say. */
  readonly retryAfterSeconds: number | null;

  constructor(trouble: Trouble, status: number, problem: Problem | null, retryAfterSeconds: number | null) {
    super(problem?.detail ?? problem?.title ?? `HTTP ${status}`);
    this.name = 'ApiError';
    this.trouble = trouble;
    this.status = status;
    this.code = problem?.code ?? '';
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** What is wrong with a field of the body, by its name; null = nothing. */
  field(name: string): string | null {
    const found = this.problem?.problems?.find(
      ({ path }) => path === `/${name}` || path.endsWith(`/${name}`),
    );
    return found?.message ?? null;
  }
}

/** No answer came. */
export function networkError(): ApiError {
  return new ApiError('network', 0, null, null);
}

function readRetryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

/** The error in an answer. */
export async function statusError(response: Response): Promise<ApiError> {
  let read: Problem | null = null;
  if ((response.headers.get('content-type') ?? '').includes('json'))
    try {
      read = (await response.json()) as Problem;
    } catch {
      // A body that breaks off: the status alone says what is known.
    }
  return new ApiError('status', response.status, read, readRetryAfter(response));
}
