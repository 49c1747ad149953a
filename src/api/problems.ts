// Owns the errors of the admin API as application/problem+json (RFC 9457): a code, its status, what is wrong with which field.
import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { codeOf } from '../caught-error.ts';
import { ConfigError } from '../config/problems.ts';
import { redisFailure } from '../directory/failure.ts';
import { PolicyError } from '../config/served-policy.ts';
import { API_ERRORS } from '../errors/api-errors.ts';
import { PROGRAM_ERRORS } from '../errors/program-errors.ts';
import { ERRORS } from '../errors/request-errors.ts';
import type { ApiErrorCode } from '../errors/api-errors.ts';
import type { ProgramErrorCode } from '../errors/program-errors.ts';

/** Media type of errors (RFC 9457 6.1). */
export const PROBLEM = 'application/problem+json';

/** A refusal by the API itself. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  /** Seconds, for Retry-After; null = none. */
  readonly retryAfter: number | null;
  constructor(
    code: ApiErrorCode,
    message: string,
    retryAfter: number | null = null,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** What is wrong with one field. */
export interface FieldProblem {
  /** JSON pointer into the body (RFC 6901), or `query/NAME`. */
  readonly path: string;
  readonly message: string;
}

/** The body of an error. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly problems?: readonly FieldProblem[];
  readonly requestId?: string;
}

/** Statuses of use cases' errors; the others are 400, and those of the directory 503. */
const STATUSES: Readonly<Record<string, number>> = {
  EASGATE_NOT_FOUND: 404,
  EASGATE_CHANGED: 409,
  EASGATE_WIPE_IN_PLACE: 409,
  EASGATE_WIPED: 409,
  EASGATE_HELD: 409,
  EASGATE_FEED_BUSY: 409,
  EASGATE_POLICY_FILE: 409,
  EASGATE_ROLLOUT: 409,
  EASGATE_NO_ROLLOUT: 409,
  EASGATE_ROLLOUT_EXTENT: 422,
  EASGATE_ADMIN_LIMIT: 409,
  EASGATE_ADMIN_EXISTS: 409,
  EASGATE_POLICY: 422,
  EASGATE_FILE_SIZE: 413,
  EASGATE_TEMPORARY_FILES: 503,
  EASGATE_NO_READ_MODEL: 503,
  EASGATE_FEED_SOURCE: 502,
  EASGATE_FEED_CREDENTIALS: 502,
  EASGATE_FEED_ANSWER: 502,
  EASGATE_FEED_SIZE: 502,
  EASGATE_ADMIN_FILE: 503,
  EASGATE_FAILED: 500,
};

/** Codes of Fastify's own refusals. */
const OF_FASTIFY: Readonly<Partial<Record<string, ApiErrorCode>>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'EASGATE_API_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'EASGATE_API_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'EASGATE_API_INVALID',
  FST_ERR_CTP_INVALID_JSON_BODY: 'EASGATE_API_INVALID',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'EASGATE_API_INVALID',
};

/** The answer to a failed request. What nobody foresaw is `EASGATE_API_FAILED`, without its message. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (hasZodFastifySchemaValidationErrors(error)) return invalid(error, requestId);
  if (error instanceof ApiError)
    return write(error.code, API_ERRORS[error.code].status, error.message, requestId);
  if (error instanceof PolicyError || error instanceof ConfigError)
    return write('EASGATE_POLICY', 422, error.message, requestId);
  const code = redisFailure(error)?.code ?? codeOf(error, '');
  const ofFastify = OF_FASTIFY[code] ?? refusalOf(error);
  if (ofFastify !== null)
    return write(ofFastify, API_ERRORS[ofFastify].status, API_ERRORS[ofFastify].help, requestId);
  // Of use cases, and of the stores, which reject with an Error with a code.
  const help = helpOf(code);
  if (help !== null) {
    const status = statusOf(code);
    // The message of a 5xx is in the log only: those of the system have paths, hosts and addresses.
    const detail = status >= 500 ? help : error instanceof Error ? error.message : help;
    return write(code, status, detail, requestId);
  }
  return write('EASGATE_API_FAILED', 500, API_ERRORS.EASGATE_API_FAILED.help, requestId);
}

/** Null = no code of a command, or of the gateway. */
function helpOf(code: string): string | null {
  if (Object.hasOwn(PROGRAM_ERRORS, code)) return PROGRAM_ERRORS[code as ProgramErrorCode].help;
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS].help : null;
}

/** Other refusals of Fastify and its plugins have a status of their own; null = it is no refusal. */
function refusalOf(error: unknown): ApiErrorCode | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  const { statusCode } = error;
  if (statusCode === 404) return 'EASGATE_API_NOT_FOUND';
  if (statusCode === 503) return 'EASGATE_API_UNAVAILABLE';
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
    ? 'EASGATE_API_INVALID'
    : null;
}

function statusOf(code: string): number {
  return STATUSES[code] ?? (code.startsWith('EASGATE_STORE_') || code === 'EASGATE_REDIS' ? 503 : 400);
}

function invalid(error: FastifyError, requestId: string): Problem {
  const context = error.validationContext ?? 'body';
  const problems = (error.validation ?? []).map(({ instancePath, message }) => ({
    path: context === 'body' ? instancePath : context.replace('querystring', 'query') + instancePath,
    message: message ?? 'is not valid',
  }));
  const detail = problems.map(({ path, message }) => `${path === '' ? 'body' : path}: ${message}`).join('; ');
  return {
    ...write('EASGATE_API_INVALID', 400, detail.slice(0, 2_000), requestId),
    problems: problems.slice(0, 100),
  };
}

function write(code: string, status: number, detail: string, requestId: string): Problem {
  return { type: `urn:easgate:error:${code}`, title: titleOf(status), status, code, detail, requestId };
}

function titleOf(status: number): string {
  if (status === 401) return 'Sign in';
  if (status === 403) return 'Not allowed';
  if (status === 404) return 'Not found';
  if (status === 409 || status === 412) return 'Changed meanwhile';
  if (status === 429) return 'Too many requests';
  return status >= 500 ? 'Not available' : 'Not valid';
}
