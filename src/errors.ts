// Owns the two tables of errors: of requests (code, HTTP status, source), and of commands and start-up. Imports no
// sockets.

/** The cause of a failed request; a column of docs/reference/errors.md. */
export type ErrorSource = 'client' | 'upstream' | 'policy' | 'internal';

/** One row of the table. */
export interface ErrorInfo {
  /** HTTP status sent to the phone. */
  readonly status: number;
  readonly source: ErrorSource;
  /** Explanation for the operator; never sent to a phone. */
  readonly help: string;
}

const client = (status: number, help: string): ErrorInfo => ({ status, source: 'client', help });
const upstream = (status: number, help: string): ErrorInfo => ({ status, source: 'upstream', help });

/** Every way the data plane refuses or fails a request. Codes are stable: logs and metrics carry them. */
export const ERRORS = {
  EASGATE_BAD_REQUEST_LINE: client(
    400,
    'the request line is not METHOD SP origin-form SP HTTP/1.1 (RFC 9112 3)',
  ),
  EASGATE_BAD_VERSION: client(505, 'the HTTP version is not 1.1 or 1.0'),
  EASGATE_BAD_HEADER: client(
    400,
    'a header line is malformed: name, value, folding or line ending (RFC 9112 5)',
  ),
  EASGATE_DUPLICATE_HEADER: client(400, 'a header that identity or framing depends on is repeated'),
  EASGATE_BAD_HOST: client(400, 'not exactly one valid Host (RFC 9112 3.2)'),
  EASGATE_WRONG_HOST: client(421, 'the Host is not one of publicHosts'),
  EASGATE_BAD_CONTENT_LENGTH: client(400, 'Content-Length is not plain digits (RFC 9112 6.2)'),
  EASGATE_BAD_TRANSFER_ENCODING: client(
    400,
    'Transfer-Encoding is not exactly "chunked", or was sent with HTTP/1.0 (RFC 9112 6.1)',
  ),
  EASGATE_AMBIGUOUS_LENGTH: client(
    400,
    'both Content-Length and Transfer-Encoding: a smuggling attempt (RFC 9112 6.3)',
  ),
  EASGATE_BAD_CONNECTION: client(400, 'the Connection header names a header that must be forwarded'),
  EASGATE_BAD_EXPECT: client(417, 'Expect is not exactly 100-continue (RFC 9110 10.1.1)'),
  EASGATE_BAD_CHUNK: client(400, 'the chunked body is malformed (RFC 9112 7.1)'),
  EASGATE_HEAD_TOO_LARGE: client(431, 'the request head exceeds limits.maxHeadBytes or limits.maxHeaders'),
  EASGATE_TARGET_TOO_LONG: client(414, 'the request target exceeds limits.maxTargetBytes'),
  EASGATE_BODY_TOO_LARGE: client(
    413,
    'the request body exceeds limits.maxBodyBytes, or limits.maxCommandBodyBytes for a command without mail',
  ),
  EASGATE_HEAD_TIMEOUT: client(408, 'the request head took longer than limits.headTimeoutSeconds'),
  EASGATE_BODY_TIMEOUT: client(
    408,
    'no byte of the request body arrived for limits.bodyTimeoutSeconds, or fewer than limits.minBodyRate per second',
  ),
  EASGATE_METHOD_NOT_ALLOWED: client(
    405,
    'only POST and OPTIONS are Exchange ActiveSync (MS-ASHTTP 2.2.1, 2.2.3)',
  ),
  EASGATE_UNEXPECTED_BODY: client(400, 'a body on OPTIONS, GET, HEAD or DELETE'),
  EASGATE_LENGTH_MISMATCH: client(400, 'the client closed before its announced body was complete'),
  EASGATE_LOOP: client(
    508,
    'the request passed this gateway before (Via): a loop in the configuration of proxies',
  ),
  EASGATE_CLIENT_LEFT: client(499, 'the client closed the connection before the response was complete'),
  EASGATE_CLIENT_STALLED: client(
    499,
    'the client read no byte of the response for limits.bodyTimeoutSeconds, or fewer than limits.minReadRate per second',
  ),
  EASGATE_PROXY_PROTOCOL: client(400, 'the PROXY protocol header is malformed'),
  EASGATE_NOT_FOUND: client(
    404,
    'the path is neither exactly /Microsoft-Server-ActiveSync nor, where it is served, Autodiscover',
  ),
  EASGATE_BAD_PATH: client(
    400,
    'on a pass-through connection: the path is that of Exchange ActiveSync, or has escapes, dots or separators that servers read differently',
  ),
  EASGATE_BAD_UPGRADE: client(
    400,
    'an upgrade that is not a WebSocket on a path with passThrough.paths[].upgrade (RFC 6455 4.1)',
  ),
  EASGATE_QUERY_TOO_LONG: client(414, 'the query is longer than 2048 octets'),
  EASGATE_QUERY_MALFORMED: client(400, 'the query is not one canonical EAS query (MS-ASHTTP 2.2.1.1.1)'),
  EASGATE_QUERY_NAME: client(400, 'a parameter name of the query is encoded or in the wrong case'),
  EASGATE_QUERY_DUPLICATE: client(400, 'a parameter of the query is repeated'),
  EASGATE_QUERY_COMMAND: client(400, 'the query names no known command'),
  EASGATE_QUERY_DEVICE_ID: client(
    400,
    'the device id is not 1 to 32 letters and digits (or 16 bytes in base64 form)',
  ),
  EASGATE_QUERY_DEVICE_TYPE: client(400, 'the device type is missing, too long or not printable'),
  EASGATE_QUERY_VALUE: client(400, 'a query value is malformed'),
  EASGATE_QUERY_BASE64: client(400, 'the base64 query is not canonical (RFC 4648 3.5)'),
  EASGATE_VERSION_UNKNOWN: client(
    400,
    'the protocol version is none of 2.5, 12.0, 12.1, 14.0, 14.1, 16.0, 16.1',
  ),
  EASGATE_VERSION_CONTRADICTION: client(
    400,
    'query and MS-ASProtocolVersion name different protocol versions',
  ),
  EASGATE_POLICY_KEY: client(
    400,
    'X-MS-PolicyKey is not a number of at most ten digits, or differs from the query',
  ),
  EASGATE_AUTHORIZATION: client(
    401,
    'the Authorization header is malformed, or completes a handshake (NTLM, Negotiate) that did not begin on its connection; the client received the 401 of the mail server',
  ),
  EASGATE_USER_NAME: client(
    401,
    'the user name is empty, too long, requests impersonation (# or !), has /, a second \\ or a second @, or has characters that directories ignore or map to others (RFC 4518); the client received the 401 of the mail server and asks its user again',
  ),
  EASGATE_USER_MISMATCH: client(
    403,
    'User= in the query is not the authenticated user (identity.userClaim), or the authenticated user is not the user of the client certificate',
  ),
  EASGATE_CONTENT_TYPE: client(
    400,
    'the content type does not match the command and protocol version (MS-ASHTTP 2.2.1.1.2)',
  ),
  EASGATE_CONTENT_ENCODING: client(415, 'the content coding of the body is not gzip'),
  EASGATE_BODY_MISSING: client(400, 'the command needs a body'),
  EASGATE_BODY_NOT_WBXML: client(400, 'the body does not begin as WBXML 03 01 6A 00 (MS-ASWBXML 2.1)'),
  EASGATE_BODY_MALFORMED: client(
    400,
    'the body begins as WBXML but is malformed (MS-ASWBXML 2.1); `easgate wbxml` shows where',
  ),
  EASGATE_BODY_ROOT: client(400, 'the root element of the body does not match Cmd in the query'),
  EASGATE_BODY_GZIP: client(400, 'the gzip-coded body is malformed or has optional header fields'),
  EASGATE_UPSTREAM_CONNECT: upstream(
    502,
    'no connection to the mail server: check upstream.url and whether the server runs',
  ),
  EASGATE_UPSTREAM_CONNECT_TIMEOUT: upstream(
    504,
    'the mail server did not accept a connection within upstream.connectTimeoutSeconds',
  ),
  EASGATE_UPSTREAM_TIMEOUT: upstream(
    504,
    'no response head within upstream.responseTimeoutSeconds (held polls: heartbeat + limits.heldPollMarginSeconds)',
  ),
  EASGATE_UPSTREAM_CLOSED: upstream(502, 'the mail server closed the connection before its response'),
  EASGATE_UPSTREAM_INVALID: upstream(502, 'the mail server sent a malformed HTTP/1.1 response'),
  EASGATE_UPSTREAM_TRUNCATED: upstream(
    502,
    'the mail server closed the connection in the middle of a response',
  ),
  EASGATE_UPSTREAM_STALLED: upstream(
    504,
    'the mail server paused in the middle of a response for longer than upstream.idleTimeoutSeconds',
  ),
  EASGATE_UPSTREAM_BUSY: upstream(
    503,
    'all connections to the mail server are in use and the queue is full (upstream.maxConnections, upstream.maxQueued)',
  ),
  EASGATE_NO_LOCAL_PORT: {
    status: 503,
    source: 'internal',
    help: 'no free local port for a connection to the mail server: add upstream.sourceAddresses, and check that they belong to this host',
  },
  EASGATE_UPSTREAM_DOWN: upstream(503, 'no mail server is healthy: see the log lines of the health checks'),
  EASGATE_UPSTREAM_REDIRECT: upstream(
    502,
    'the mail server redirected the phone, which would bypass this gateway: with 451 (set publicUrl), with 3xx (not part of Exchange ActiveSync), or on a passThrough path to Exchange ActiveSync or Autodiscover',
  ),
  EASGATE_DEVICE_THROTTLED: {
    status: 503,
    source: 'policy',
    help: 'the device sends one command too often, or repeats a request with unchanged answers (throttle); such a loop drains its battery',
  },
  EASGATE_DEVICE_BUSY: {
    status: 503,
    source: 'policy',
    help: 'the device has limits.maxInFlightPerDevice concurrent requests',
  },
  EASGATE_OVERLOADED: {
    status: 503,
    source: 'internal',
    help: 'the worker uses more memory than limits.maxMemoryBytes: new held polls are refused until it uses less',
  },
  EASGATE_SUPERSEDED: {
    status: 200,
    source: 'policy',
    help: 'a newer Ping of the same device replaced this one',
  },
  EASGATE_STORE_UNAVAILABLE: {
    status: 503,
    source: 'internal',
    help: 'the directory did not answer and no usable verdict is known',
  },
  EASGATE_DECISION_OVERTAKEN: {
    status: 503,
    source: 'internal',
    help: 'the decision changed repeatedly during the look-up; the phone retries in a second',
  },
  EASGATE_CREDENTIALS_UNKNOWN: {
    status: 503,
    source: 'internal',
    help: 'the credentials could not be checked with an OPTIONS request to the mail server (it must demand credentials and offer Exchange ActiveSync, MS-ASHTTP 2.2.3.1.2 and 2.2.4; see EASGATE_OPTIONS_OPEN), or there were too many wrong ones from this address or for this user',
  },
  EASGATE_NO_CLEARANCE: {
    status: 500,
    source: 'internal',
    help: 'a request was not forwarded because the gate had not cleared it: a bug of easgate, please report it',
  },
  EASGATE_ILLEGAL_TRANSITION: {
    status: 500,
    source: 'internal',
    help: 'a request made an illegal change of phase, and its connection was closed: a bug of easgate, please report it with the log line',
  },
  EASGATE_DRAINING: { status: 503, source: 'internal', help: 'the gateway is stopping' },
  EASGATE_DECISION_CHANGED: {
    status: 503,
    source: 'policy',
    help: 'the decision changed during the request: a held poll ended with 200 and "start over", a response in progress was cut off, and the phone retries other requests in a second',
  },
} as const satisfies Record<string, ErrorInfo>;

/** A code of {@link ERRORS}. */
export type HttpErrorCode = keyof typeof ERRORS;

/** What failed; a column of docs/reference/errors.md. */
export type ProgramPart = 'argument' | 'command' | 'delivery' | 'start';

/** One row of the second table. */
export interface ProgramErrorInfo {
  /**
   * `argument`: a value on the command line is not valid (exit code 2). `command`: a command was not carried out. `delivery`: one to
   * a feed was not. `start`: the gateway or a command could not start.
   */
  readonly part: ProgramPart;
  /** Meaning and remedy. */
  readonly help: string;
}

const argument = (help: string): ProgramErrorInfo => ({ part: 'argument', help });
const command = (help: string): ProgramErrorInfo => ({ part: 'command', help });
const delivery = (help: string): ProgramErrorInfo => ({ part: 'delivery', help });
const start = (help: string): ProgramErrorInfo => ({ part: 'start', help });

/** Every way a command or a start fails. Codes are stable: scripts may rely on them. */
export const PROGRAM_ERRORS = {
  EASGATE_USAGE: argument(
    'there is no such command or option, an argument is missing or not valid, or arguments contradict each other; `--help` after the command shows examples',
  ),
  EASGATE_DEVICE_ID: argument('the argument is not a device id: 1 to 64 letters and digits'),
  EASGATE_EXPIRY: argument(
    'the argument is not a future time: write a duration (30m, 12h, 7d, 1w) or an ISO date',
  ),
  EASGATE_TIME: argument('the argument is not a time: write a duration (30m, 12h, 7d, 1w) or an ISO date'),
  EASGATE_FILTER: argument(
    'the value of a filter, of `--sort` or of `--limit` is not valid; the message lists the valid ones',
  ),
  EASGATE_FORMAT: command('the input is neither hex nor base64, or empty'),
  EASGATE_NOT_FOUND: command(
    'the directory does not know the device or user, or there is no such feed or version of the policy; the message suggests similar names',
  ),
  EASGATE_CHANGED: command(
    'the decision, the policy or the store was changed meanwhile, by an operator or by the device; check it and repeat',
  ),
  EASGATE_REASON: argument('the reason of a wipe is blank; give one with `--reason`'),
  EASGATE_WIPE_CONFIRM: command(
    'the wipe was not confirmed, or there is no terminal to ask (use `--confirm`); nothing was done',
  ),
  EASGATE_WIPE_USER: command(
    'the device has several users (choose with `--user` or `--all-users`), or this user was never seen with it',
  ),
  EASGATE_WIPE_VERSION: command('the client is too old for an account-only wipe, or its version is unknown'),
  EASGATE_WIPE_IN_PLACE: command(
    'a wipe is pending for the device; cancel it first (`easgate devices clear`)',
  ),
  EASGATE_WIPED: command('the device acknowledged a wipe; `easgate devices clear --force` allows it again'),
  EASGATE_NOT_RUNNING: command('`workers.pidFile` names no running gateway'),
  EASGATE_HEALTH: command(
    'the gateway does not answer, answers 503 with this reason, or has no address for probes',
  ),
  EASGATE_FILE: command('a file of the command line cannot be read or parsed'),
  EASGATE_IMPORT_FORMAT: command(
    'the format of the file to import is not known for certain; the message says what it looks like, and `--format` says what it is',
  ),
  EASGATE_FEED_BUSY: command('the feed runs just now; wait for its end'),
  EASGATE_HELD: command(
    'a brake holds the records: more of them than usual would be removed or change (10 %, at least 20); nothing was written. Look at the source; `import --yes` or `feeds confirm` writes them',
  ),
  EASGATE_FEED_SOURCE: command(
    'the source of a feed cannot be reached or read, or answers with an error that may pass; the next try comes after a wait',
  ),
  EASGATE_FEED_CREDENTIALS: command('the source of a feed refuses the credentials, or lacks a permission'),
  EASGATE_FEED_ANSWER: command(
    'the source of a feed answers with what is not understood: its shape may have changed; nothing was written',
  ),
  EASGATE_FEED_CURSOR: command(
    'the source of a feed no longer takes the place where the last run ended: a full run follows',
  ),
  EASGATE_DELIVERY_PROOF: delivery(
    'the token or the signature of a delivery is missing or wrong, or the token belongs to another feed (401, 403)',
  ),
  EASGATE_DELIVERY_TIME: delivery(
    'the signed time of a delivery is missing, or further from now than `signature.windowSeconds`: compare the clocks (400)',
  ),
  EASGATE_DELIVERY_CONTENT: delivery(
    'a delivery is not understood: its path, its media type or its content; nothing was written (400, 404, 405, 409, 415, 422)',
  ),
  EASGATE_DELIVERY_SIZE: delivery(
    'a delivery is larger than allowed, also unpacked; nothing was written (413)',
  ),
  EASGATE_DELIVERY_SLOW: delivery('the body of a delivery came too slowly; nothing was written (408)'),
  EASGATE_DELIVERY_RATE: delivery('a feed gets more deliveries than `maxPerMinute`; come again later (429)'),
  EASGATE_DELIVERY_BUSY: delivery(
    'too many deliveries wait, or the same one is under way; come again later (503)',
  ),
  EASGATE_DELIVERY_STANDBY: delivery(
    'another gateway of the fleet takes deliveries, or none yet; come again later, or ask a load balancer to follow `GET /receive` (503)',
  ),
  EASGATE_DELIVERY_STORE: delivery(
    'the directory cannot be written at the moment; nothing, or a part, was written: send the delivery again (503)',
  ),
  EASGATE_POLICY: command('the policy document has errors; each is listed with line and column'),
  EASGATE_POLICY_FILE: command(
    'the configuration names a policy file, so that no policy is published in the directory',
  ),
  EASGATE_NO_SHADOW: command('no policy runs in the shadow'),
  EASGATE_ROLLOUT: command(
    'a version of the policy is rolled out to a part of the users: finish or abandon the roll-out before the live policy is changed',
  ),
  EASGATE_NO_ROLLOUT: command('no version of the policy is rolled out to a part of the users'),
  EASGATE_ROLLOUT_EXTENT: command(
    'the groups and the share of a roll-out are not valid, or leave out users whom it reached before; the message says which',
  ),
  EASGATE_CONFIRM: command('the change was not confirmed; nothing was changed'),
  EASGATE_POLICY_FACTS: command(
    'the facts are not one JSON object per line, or a recorded request has none; the message says why',
  ),
  EASGATE_ADMIN_FILE: command(
    '`admin.file` cannot be opened or written; the message says why. Phones are not affected',
  ),
  EASGATE_ADMIN_LIMIT: command(
    'there are as many tokens as there may be; revoke some that are no longer used',
  ),
  EASGATE_CONTEXT: command(
    '`--context` is unknown, has no token, or its file cannot be used or can be read by others; the message says which',
  ),
  EASGATE_CONTEXT_AWAY: command(
    'the admin API of `--context` does not answer, or something else answers there',
  ),
  EASGATE_CONTEXT_COMMAND: command(
    'the command works on the machine of the gateway only, not with `--context`; docs/guide/admin.md lists those that do',
  ),
  EASGATE_ADMIN_OFF: command(
    '`admin.listen` is not set, so that there is neither an admin API nor a dashboard',
  ),
  EASGATE_ADMIN_NAME: command('the name of a token is empty, too long, or has control characters'),
  EASGATE_ADMIN_TOKEN: command('no token of the admin API has this id; `easgate tokens list` shows them'),
  EASGATE_ADMIN_EXISTS: command(
    'somebody is an admin already, so that no set-up link is made: that person creates tokens for others',
  ),
  EASGATE_NO_READ_MODEL: command(
    'the read model is not there yet: the control process is building it, or waits for the directory; `easgate status` shows it',
  ),
  EASGATE_WBXML: command('the input is not WBXML of Exchange ActiveSync, or not its XML form'),
  EASGATE_WBXML_HEADER: command('the document does not begin as WBXML 03 01 6A 00 (MS-ASWBXML 2.1)'),
  EASGATE_WBXML_LIMIT: command('the document exceeds the limits on size or depth'),
  EASGATE_WBXML_TEXT: command('a text of the document is not UTF-8'),
  EASGATE_WBXML_TOKEN: command('the document has a token that WBXML does not allow there'),
  EASGATE_WBXML_TRAILING: command('bytes follow the end of the document'),
  EASGATE_WBXML_TRUNCATED: command('the document ends too early'),
  EASGATE_WBXML_UNKNOWN_TAG: command('no code page lists this tag; `--unknown` keeps it'),
  EASGATE_WBXML_XML: command('the XML cannot be written as WBXML; the message shows where'),
  EASGATE_CONFIG: start(
    'the configuration has errors; each is listed with line, column and the expected value',
  ),
  EASGATE_TEMPLATE: start(
    'a text in `messages.templatesDir` has errors; each is listed with line and column',
  ),
  EASGATE_LISTEN: start(
    'the gateway cannot listen on an address: in use, not permitted, or not an address of this host; the message says what to do',
  ),
  EASGATE_REDIS: start(
    'Redis cannot be used: no answer, wrong password, TLS mismatch, or not Redis; the message says which',
  ),
  EASGATE_ALREADY_RUNNING: start(
    'another gateway uses the same `workers.pidFile`; each gateway needs its own',
  ),
  EASGATE_STORE_UNINITIALISED: start('Redis has no directory yet: run `easgate store init` once'),
  EASGATE_STORE_MISSING: start(
    'the directory that this machine used is gone: restore it, or accept the current one (`easgate store accept`)',
  ),
  EASGATE_STORE_OTHER: start(
    'this is another directory than before: check `store.path`, `store.url` and `store.id`',
  ),
  EASGATE_STORE_EPOCH: start(
    'the directory is an old copy with a lower epoch; accept it with `easgate store accept`',
  ),
  EASGATE_STORE_ROLLED_BACK: start(
    'the directory lost more than `store.maxRollbackSeconds` of recent writes; accept it with `easgate store accept`',
  ),
  EASGATE_STORE_SCHEMA: start(
    'the directory was written by an earlier or later version of easgate; an earlier one is brought over with `easgate store migrate`',
  ),
  EASGATE_STORE_IN_USE: start('`easgate store migrate` found a running gateway: stop all gateways first'),
  EASGATE_STORE_STALE: start(
    'Redis is a replica that lost its primary, or accepts no writes and its beat counter stands still',
  ),
  EASGATE_STORE_MEMORY: start(
    '`store.identityFile` is damaged: remove it, then check `easgate store status`',
  ),
  EASGATE_STORE_FULL: start(
    'the disk of the SQLite file is full; the message says whether the change was written',
  ),
  EASGATE_STORE_IO: start(
    'the disk of the SQLite file fails; the message says whether the change was written',
  ),
  EASGATE_STORE_BUSY: start('another process locks the SQLite file for too long'),
  EASGATE_STORE_DAMAGED: start('the SQLite file is damaged: restore a backup'),
  EASGATE_STORE_FILE: start(
    'the SQLite file cannot be opened or written, or was replaced; the message has its path and the remedy',
  ),
  EASGATE_STORE_REFUSED: start(
    'Redis refused the change (no memory, a replica, no permission, a key of another type); nothing was written',
  ),
  EASGATE_CORRUPT_RECORD: start(
    'a record of the directory was written by another program or a newer easgate',
  ),
  EASGATE_NODE: start('this Node.js is too old; the message says where to find a newer one'),
  EASGATE_FAILED: start(
    'any other failure, with the message of the system; also a worker that did not start',
  ),
} as const satisfies Record<string, ProgramErrorInfo>;

/** A code of {@link PROGRAM_ERRORS}. */
export type ProgramErrorCode = keyof typeof PROGRAM_ERRORS;

const api = (status: number, help: string): { readonly status: number; readonly help: string } => ({
  status,
  help,
});

/** Every way the admin API refuses a request; answers of use cases carry codes of {@link PROGRAM_ERRORS}. Codes are stable. */
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
    'more requests a minute than `admin.requestsPerMinute`; Retry-After says when',
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

/** A failure that a person can fix: it has a code and needs no stack trace. */
export class ProgramError extends Error {
  readonly code: ProgramErrorCode | HttpErrorCode;
  constructor(code: ProgramErrorCode | HttpErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
