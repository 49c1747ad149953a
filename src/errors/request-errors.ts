// Owns the table of errors of requests by phones: code, HTTP status, source, and the explanation for the operator. Pure data.

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
    'on a pass-through connection: the path or the query is that of Exchange ActiveSync, or the path has escapes, dots or separators that servers read differently',
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
    'the user name is empty, too long, requests impersonation (#, ! or *), has /, a second \\ or a second @, or has characters that directories ignore or map to others (RFC 4518); the client received the 401 of the mail server and asks its user again',
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
    help: 'the directory did not answer in time, or not to so many look-ups at once, and no usable verdict is known',
  },
  EASGATE_DECISION_OVERTAKEN: {
    status: 503,
    source: 'internal',
    help: 'the decision changed repeatedly during the look-up; the phone retries in a second',
  },
  EASGATE_CREDENTIALS_UNKNOWN: {
    status: 503,
    source: 'internal',
    help: 'the credentials could not be checked with an OPTIONS request to the mail server: it does not answer, or its answer proves nothing (it must demand credentials and offer Exchange ActiveSync, MS-ASHTTP 2.2.3.1.2 and 2.2.4; see EASGATE_OPTIONS_OPEN)',
  },
  EASGATE_CREDENTIALS_BUSY: {
    status: 503,
    source: 'internal',
    help: 'the credentials could not be checked within 15 seconds: the mail server answers too slowly for the number of refused phones that ask at once',
  },
  EASGATE_CREDENTIALS_LIMITED: {
    status: 503,
    source: 'internal',
    help: 'the credentials are not checked at the moment: there were too many wrong ones from this address or for this user within a minute',
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
