// Owns the numbers and names the pass-through lane runs with, such as time-outs and limits.
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
