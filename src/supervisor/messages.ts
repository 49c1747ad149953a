// Owns the messages between the supervisor and its workers.
import type { ConfigSource } from '../config/load.ts';
import type { PolicySource } from '../config/served-policy.ts';

/**
 * Everything that a worker needs. The configuration is sent as the checked text, whatever the file contains now: a
 * worker may run a newer version than the primary, with other fields and defaults.
 */
export interface StartMessage {
  readonly type: 'start';
  readonly source: ConfigSource;
  /** The policy document that was checked with the configuration; null = the configuration names none. */
  readonly policy: PolicySource | null;
  readonly sampleUrl: string | null;
  /** The open, bound socket to listen on. */
  readonly fd: number;
}

/** Finish the current work and exit. */
export interface DrainMessage {
  readonly type: 'drain';
  readonly timeoutMs: number;
  readonly pollWindowMs: number;
}

/** Certificates changed on disk: read them again. */
export interface CertificatesMessage {
  readonly type: 'certificates';
}

/** Use another policy document from now on. */
export interface PolicyMessage {
  readonly type: 'policy';
  readonly policy: PolicySource;
}

/** Log files were rotated. */
export interface ReopenMessage {
  readonly type: 'reopen';
}

/** Report your health. */
export interface HealthMessage {
  readonly type: 'health';
  readonly id: number;
}

/** The health of a worker. */
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

/** Messages from a worker: it serves, or it could not start. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'health'; readonly id: number; readonly health: WorkerHealth }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/** Descriptor of the listening socket in a worker, after the standard streams and the message channel. */
export const LISTEN_FD = 4;
