// Owns the fields of a finished request that the logs use. The gateway's exchange has these fields; the logs do not
// import it.

/** A verdict, as far as logs tell it. */
interface ToldVerdict {
  readonly action: string;
  readonly reason: string;
  readonly rule: string | null;
}

/** One finished request of the EAS lane. */
export interface FinishedRequest {
  readonly method: string;
  readonly command: string | null;
  /** Set for requests of Autodiscover. */
  readonly autodiscover: { readonly form: string } | null;
  readonly user: string | null;
  readonly device: string | null;
  readonly deviceType: string | null;
  readonly userAgent: string | null;
  readonly protocolVersion: string | null;
  /** The verdict that it was answered by. */
  readonly verdict: ToldVerdict | null;
  /** The verdict that released the phone and thereby ended the request; null = there was none. */
  readonly releasedBy: ToldVerdict | null;
  /** Set while a remote wipe is under way: `directive` when this response ordered it. */
  readonly wipe: string | null;
  readonly status: number;
  readonly error: string | null;
  /** A held poll: Ping, or Sync that waits. */
  readonly held: boolean;
  /** Number of attempts at a mail server; 0 = the gateway answered. */
  readonly attempts: number;
  readonly server: { readonly settings: { readonly name: string } } | null;
  readonly upstreamReused: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/** One finished request of the pass-through lane. The path has no query, which may contain secrets. */
export interface FinishedPassage {
  /** Empty, like `path`, when no request could be read. */
  readonly method: string;
  readonly path: string;
  /** 101 for a tunnel, 499 when the client left before its response. */
  readonly status: number;
  readonly error: string | null;
  /** Name of the mail server it was sent to; null = to none. */
  readonly upstream: string | null;
  /** The client's address, or the one that a trusted proxy reported. */
  readonly address: string;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Octets written to the client, including heads. */
  readonly bytesOut: number;
}
