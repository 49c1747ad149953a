// Owns the limits of the data plane that are not configurable.

/** Largest chunked request body that is sent on with Content-Length (sogod refuses chunked). */
export const BUFFERED_BODY_BYTES = 64 * 1024;
/** Most bytes of pipelined requests buffered during an exchange. */
export const MAX_PIPELINED_BYTES = 64 * 1024;
/** Largest response head of a mail server. */
export const MAX_RESPONSE_HEAD_BYTES = 64 * 1024;
/** Largest request body of Autodiscover. */
export const MAX_AUTODISCOVER_BYTES = 16 * 1024;
/** A client that closed its write side after a complete request still gets an answer within this time. */
export const HALF_CLOSE_GRACE_MS = 2_000;
/** After a refusal during a body: bytes to read and drop, so that a reset does not destroy the refusal. */
export const LINGER_BYTES = 1024 * 1024;
/** The longest time for that. */
export const LINGER_MS = 2_000;
/** Most characters kept of a User-Agent, which may be as long as a head. */
export const MAX_USER_AGENT = 256;
/** Between two sweeps over the deadlines. */
export const SWEEP_INTERVAL_MS = 100;
/** The same while nothing uses the clock of the deadlines. */
export const SLOW_SWEEP_INTERVAL_MS = 750;
