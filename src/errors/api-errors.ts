// Owns the table of errors of the admin API: code, HTTP status, what to do. Pure data.

const api = (status: number, help: string): { readonly status: number; readonly help: string } => ({
  status,
  help,
});

/** Every way the admin API refuses a request; answers of use cases carry codes of PROGRAM_ERRORS (program-errors.ts). Codes are stable. */
export const API_ERRORS = {
  EASGATE_API_UNAUTHENTICATED: api(
    401,
    'no token or session, or one that ended or was revoked: sign in again',
  ),
  EASGATE_API_FORBIDDEN: api(403, 'the role does not allow the operation; an admin can give another one'),
  EASGATE_API_ORIGIN: api(
    403,
    'a change with the cookie of a session came from another site, or without Origin; scripts use a token',
  ),
  EASGATE_API_HOST: api(
    421,
    'Host is not a name of this gateway: set `admin.publicUrl` or `admin.hosts` (protection against DNS rebinding)',
  ),
  EASGATE_API_INVALID: api(400, 'the request is not as the API describes it; `problems` says which field'),
  EASGATE_API_NOT_FOUND: api(404, 'there is no such path, or what it names does not exist'),
  EASGATE_API_PRECONDITION: api(
    412,
    'it was changed since it was read (If-Match): read it again, then decide again',
  ),
  EASGATE_API_KEY_REUSED: api(422, 'the Idempotency-Key was used for another request'),
  EASGATE_API_ANSWER_GONE: api(
    409,
    'the request with this Idempotency-Key was carried out, but its answer is not kept: it has a secret, or is very long',
  ),
  EASGATE_API_KEY_BUSY: api(409, 'the request with this Idempotency-Key is still under way'),
  EASGATE_API_TOO_MANY: api(
    429,
    'more requests a minute than `admin.requestsPerMinute`, or more than 30 sign-ins of one token or person; Retry-After says when',
  ),
  EASGATE_API_STREAMS: api(429, 'too many open streams of server-sent events: close some'),
  EASGATE_API_NOT_LEADER: api(
    503,
    'another gateway runs the feeds, or none does yet: ask the leader, which `listFeeds` names',
  ),
  EASGATE_API_BUSY: api(
    409,
    'the same is under way already, or too much of its kind: wait; Retry-After says how long',
  ),
  EASGATE_API_LISTS_BUSY: api(
    503,
    'too many lists, counts or reports are asked for at the same time, or one takes too long; Retry-After says when to try again',
  ),
  EASGATE_API_POLICY_COSTLY: api(
    422,
    'the text of the policy takes too long to check, or too much memory: write it shorter, with fewer levels and anchors',
  ),
  EASGATE_API_SIGN_IN_LIMIT: api(
    429,
    'too many wrong tokens from this address; Retry-After says until when wrong ones get 429. A right one is accepted at once',
  ),
  EASGATE_API_PROVIDER: api(
    502,
    'the OpenID provider (`admin.provider`) does not answer, or not as one; signing in with a token works without it',
  ),
  EASGATE_API_PROVIDER_REFUSED: api(
    403,
    'the sign-in at the OpenID provider failed, was cancelled, took too long, or was not begun in this browser',
  ),
  EASGATE_API_PROVIDER_ROLE: api(
    403,
    'the provider knows the person, but none of the groups has a role in `admin.provider.roles`',
  ),
  EASGATE_API_PROVIDER_SETUP: api(
    500,
    'the secret or the certificate of `admin.provider` cannot be read, or its issuer stands for every tenant; `easgate check` says why',
  ),
  EASGATE_API_TOO_LARGE: api(413, 'the body is larger than the operation takes'),
  EASGATE_API_MEDIA_TYPE: api(
    415,
    'the body is not of a type that the operation takes, such as application/json',
  ),
  EASGATE_API_UNAVAILABLE: api(
    503,
    'a part that the operation needs is not there yet, or does not answer; phones are served without it',
  ),
  EASGATE_API_FAILED: api(500, 'a bug of easgate: please report it with the log line of the request id'),
} as const satisfies Record<string, { readonly status: number; readonly help: string }>;

/** A code of {@link API_ERRORS}. */
export type ApiErrorCode = keyof typeof API_ERRORS;
