// Owns the settings of the pass-through lane.
import type { ForwardingRules } from '../upstream/client-origin.ts';
import type { UpstreamServerSettings } from '../settings.ts';
import type { AdmissionRules } from './messages.ts';

/** Settings of the lane. */
export interface PassThroughSettings extends AdmissionRules, ForwardingRules {
  /** Server for these paths; null = the mail servers of the gateway. */
  readonly server: UpstreamServerSettings | null;
  /** Which Host is sent: the client's, or the server's. */
  readonly hostHeader: 'preserve' | 'upstream';
  /** From the connection to its first complete head; for later ones from the end of `keepAliveTimeoutMs`. */
  readonly headTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** From the last octet of the request to the response head; also the longest pause in a request body. */
  readonly responseTimeoutMs: number;
  /** Longest pause in a response body, and in a tunnel. */
  readonly idleTimeoutMs: number;
  /** Client connections including tunnels; each uses at most one upstream connection at a time. */
  readonly maxConnections: number;
  /** Header for the certificate's user, which a client must not send. Lower case; null = none. */
  readonly certificateHeader: string | null;
}
