// Owns the log lines about rejected connections: one line per cause and interval, with the number of connections.
import type { Counts } from '../../metrics/counts.ts';
import { METRICS, REJECTION_CAUSES } from '../../metrics/definitions.ts';
import type { OnTrouble } from '../trouble.ts';

/** Why a connection was rejected before its first request; each is a code in the log. */
export type RefusalCause =
  | 'EASGATE_MAX_CONNECTIONS'
  | 'EASGATE_MAX_CONNECTIONS_PER_ADDRESS'
  | 'EASGATE_MAX_HANDSHAKES'
  /** The peer is not in listen.proxyProtocolFrom. */
  | 'EASGATE_NOT_A_PROXY'
  /** The PROXY header is malformed or missing. */
  | 'EASGATE_PROXY_PROTOCOL'
  /** The certificate is missing, untrusted, or without a user name. */
  | 'EASGATE_CLIENT_CERTIFICATE';

const AGAIN_MS = 10_000;

interface Tally {
  toldAt: number;
  /** Since the last line. */
  connections: number;
  client: string;
}

/** The counters of one worker. */
export class RejectedConnections {
  private readonly counts: Counts;
  private readonly onTrouble: OnTrouble;
  /** At most one entry per cause. */
  private readonly tallies = new Map<RefusalCause, Tally>();

  constructor(counts: Counts, onTrouble: OnTrouble) {
    this.counts = counts;
    this.onTrouble = onTrouble;
  }

  /** `client` is the address, as far as it is known. */
  count(cause: RefusalCause, client: string, now: number): void {
    this.counts.add(METRICS.rejected, REJECTION_CAUSES.values.indexOf(cause));
    let tally = this.tallies.get(cause);
    if (tally === undefined) {
      tally = { toldAt: -Infinity, connections: 0, client };
      this.tallies.set(cause, tally);
    }
    tally.connections++;
    tally.client = client;
    this.tell(cause, tally, now);
  }

  /** Called a few times a second: logs what was counted since the last line of its cause. */
  sweep(now: number): void {
    for (const [cause, tally] of this.tallies) if (tally.connections > 0) this.tell(cause, tally, now);
  }

  private tell(cause: RefusalCause, tally: Tally, now: number): void {
    if (now - tally.toldAt < AGAIN_MS) return;
    const { connections, client } = tally;
    tally.toldAt = now;
    tally.connections = 0;
    this.onTrouble(cause, { connections, client });
  }
}
