// Owns what a sample phone is made of, and what it tells who watches it.
import type { EasCommand } from '../../eas/commands.ts';
import type { PhoneFamily } from './families.ts';
import type { PhoneAccount } from './transport.ts';

/** One exchange, for who watches the phone. */
export interface PhoneEvent {
  readonly command: EasCommand | 'OPTIONS' | 'Autodiscover';
  /** HTTP status; 0 = no answer. */
  readonly http: number;
  /** The command's own status, or that of its folder; null = said nothing. */
  readonly status: string | null;
}

/** What a phone is made of. */
export interface PhoneOptions extends PhoneAccount {
  readonly family: PhoneFamily;
  /** The server, `http(s)://host[:port][/path]`; absent = it is looked for by `email`. */
  readonly server?: string;
  readonly email?: string;
  /** Spoken whatever the server offers; absent = the highest that both know. */
  readonly version?: string;
  /** What the phone speaks; default: all. */
  readonly versions?: readonly string[];
  /** What is held for news: a Ping, or a Sync that may wait (12.1 and later); default ping. */
  readonly push?: 'ping' | 'sync';
  /** A poll that would say the same as the last one is sent without a body (Sync: 12.1 and later); default no. */
  readonly emptyPolls?: boolean;
  /** Seconds a poll may be held; default 600. */
  readonly heartbeat?: number;
  /** An order to wipe is reported as failed; default no. */
  readonly wipeFails?: boolean;
  /** Waits so many milliseconds, or until `signal`; default: real time. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told of every exchange. */
  readonly onEvent?: (event: PhoneEvent) => void;
}
