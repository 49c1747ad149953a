// Owns what the supervisor and its workers say to each other.
import type { ConfigSource } from '../config/load.ts';
import type { PolicySource } from '../config/served-policy.ts';

/**
 * All a worker needs. The configuration is the text that was checked, whatever the file says by now: a worker may be of
 * a newer version than the primary, with other fields and defaults.
 */
export interface StartMessage {
  readonly type: 'start';
  readonly source: ConfigSource;
  /** The policy document that was checked with it; null = it names none. */
  readonly policy: PolicySource | null;
  readonly sampleUrl: string | null;
  /** The open, bound socket to listen on. */
  readonly fd: number;
}

/** Finish and exit. */
export interface DrainMessage {
  readonly type: 'drain';
  readonly timeoutMs: number;
  readonly pollWindowMs: number;
}

/** The certificates on disk are new. */
export interface CertificatesMessage {
  readonly type: 'certificates';
}

/** Another policy document holds from now on. */
export interface PolicyMessage {
  readonly type: 'policy';
  readonly policy: PolicySource;
}

/** Log files were rotated. */
export interface ReopenMessage {
  readonly type: 'reopen';
}

/** How is it? */
export interface HealthMessage {
  readonly type: 'health';
  readonly id: number;
}

/** How a worker is. */
export interface WorkerHealth {
  /** The directory answers. */
  readonly store: boolean;
  /** At least one mail server is in use. */
  readonly mailServer: boolean;
}

/** From the supervisor. */
export type ToWorker =
  | StartMessage
  | DrainMessage
  | CertificatesMessage
  | PolicyMessage
  | ReopenMessage
  | HealthMessage;

/** From a worker: it serves, or it could not start. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'health'; readonly id: number; readonly health: WorkerHealth }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/** The listening socket's descriptor in a worker: behind standard streams and the message channel. */
export const LISTEN_FD = 4;
