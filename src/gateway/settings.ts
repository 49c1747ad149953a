// Owns the numbers the data plane runs with, in the units it needs (milliseconds, bytes). Knows no YAML.
import type { HeadLimits } from '../http/request-head.ts';

/** Where the mail server is and how patient the gateway is with it. */
export interface UpstreamSettings {
  readonly host: string;
  readonly port: number;
  /** The one path every request goes to. */
  readonly path: string;
  /** `host:port` to send as Host, or `null` to pass the phone's. */
  readonly hostHeader: string | null;
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxIdleConnections: number;
  readonly idleConnectionMs: number;
}

/** Bounds of the client side. */
export interface ClientSettings extends HeadLimits {
  readonly maxBodyBytes: number;
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxConnections: number;
  /** 0 = no limit. */
  readonly maxRequestsPerConnection: number;
  /** Added to the heartbeat a phone asks for. */
  readonly heldPollMarginMs: number;
}

/** How requests are named. */
export interface IdentitySettings {
  readonly userClaim: 'refuse' | 'rewrite' | 'ignore';
  readonly bearerClaim: string;
  readonly trustedProxies: readonly string[];
  /** Lower-case host names this gateway answers for; empty = any. */
  readonly publicHosts: readonly string[];
}

/** Everything the data plane is told. */
export interface GatewaySettings {
  readonly address: string;
  readonly port: number;
  readonly upstream: UpstreamSettings;
  readonly client: ClientSettings;
  readonly identity: IdentitySettings;
  readonly retryAfterSeconds: number;
}

/** Longest heartbeat a server accepts (MS-ASCMD Ping HeartbeatInterval, Sync Wait). */
export const MAX_HEARTBEAT_SECONDS = 3540;
/** A chunked request body up to this size is sent on with Content-Length (sogod refuses chunked). */
export const BUFFERED_BODY_BYTES = 64 * 1024;
/** Bytes of pipelined requests kept while an exchange is under way. */
export const MAX_PIPELINED_BYTES = 64 * 1024;
/** Response head from the mail server. */
export const MAX_RESPONSE_HEAD_BYTES = 64 * 1024;
/** A client that sent FIN behind a complete request still gets a quick answer; later it counts as gone. */
export const HALF_CLOSE_GRACE_MS = 2_000;
/** After a refusal with the body still arriving: read and drop this much, so that the refusal is not lost to a reset. */
export const LINGER_BYTES = 1024 * 1024;
export const LINGER_MS = 2_000;
/** How often deadlines are looked at. */
export const SWEEP_INTERVAL_MS = 100;
