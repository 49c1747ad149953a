// Owns the numbers and names the pass-through lane runs with, and what it tells of a finished request.
import type { HttpErrorCode } from '../../errors.ts';
import type { ForwardingRules } from '../upstream/client-origin.ts';
import type { UpstreamServerSettings } from '../settings.ts';
import type { AdmissionRules } from './messages.ts';

/** What the lane is told. */
export interface PassThroughSettings extends AdmissionRules, ForwardingRules {
  /** Where these paths go; null = to the mail servers of the gateway. */
  readonly server: UpstreamServerSettings | null;
  /** Which Host is sent: the client's, or that of the server. */
  readonly hostHeader: 'preserve' | 'upstream';
  /** From the connection to its first whole head; for later ones it counts from the end of `keepAliveTimeoutMs`. */
  readonly headTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** From the last octet of the request to the response head; also between two octets of a request body. */
  readonly responseTimeoutMs: number;
  /** Between two octets of a response body, and of a tunnel. */
  readonly idleTimeoutMs: number;
  /** Client connections, tunnels among them; each has at most one upstream connection in use. */
  readonly maxConnections: number;
  /** Header that a client may not send: it tells the mail server whom a certificate names. Lower case; null = none. */
  readonly certificateHeader: string | null;
}

/** One finished request, for the access log. The path comes without its query, which may hold secrets. */
export interface PassThroughLine {
  /** Empty, like `path`, when no request could be read. */
  readonly method: string;
  readonly path: string;
  /** 101 for a tunnel, 499 when the client left before its response. */
  readonly status: number;
  readonly error: HttpErrorCode | null;
  /** Name of the mail server it was sent to; null = to none. */
  readonly upstream: string | null;
  /** The client's, or what a trusted proxy says of it. */
  readonly address: string;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Octets written to the client, heads among them. */
  readonly bytesOut: number;
}
