// Owns the options of a sample phone, and the events it reports.
import type { EasCommand } from '../../eas/commands.ts';
import type { PhoneFamily } from './families.ts';
import type { PhoneAccount } from './transport.ts';

/** One exchange, as reported. */
export interface PhoneEvent {
  readonly command: EasCommand | 'OPTIONS' | 'Autodiscover';
  /** HTTP status; 0 = no answer. */
  readonly http: number;
  /** The command's own status, or that of its folder; null = none. */
  readonly status: string | null;
}

/** The options of a phone. */
export interface PhoneOptions extends PhoneAccount {
  readonly family: PhoneFamily;
  /** The server, `http(s)://host[:port][/path]`; absent = found by `email`. */
  readonly server?: string;
  readonly email?: string;
  /** Fixed protocol version; absent = the highest common one. */
  readonly version?: string;
  /** Supported protocol versions; default: all. */
  readonly versions?: readonly string[];
  /** Kind of poll: a Ping, or a Sync with Wait (12.1 and later); default ping. */
  readonly push?: 'ping' | 'sync';
  /** An unchanged poll is sent without a body (Sync: 12.1 and later); default no. */
  readonly emptyPolls?: boolean;
  /** Seconds a poll may be held; default 600. */
  readonly heartbeat?: number;
  /** An order to wipe is reported as failed; default no. */
  readonly wipeFails?: boolean;
  /** Waits this number of milliseconds, or until `signal`; default: real time. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Called for every exchange. */
  readonly onEvent?: (event: PhoneEvent) => void;
}
