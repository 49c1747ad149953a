// Owns what the supervisor and its workers say to each other.
import type { Config } from '../config/schema.ts';

/** All a worker needs; the configuration is the checked one, whatever the file says by now. */
export interface StartMessage {
  readonly type: 'start';
  readonly config: Config;
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

/** From the supervisor. */
export type ToWorker = StartMessage | DrainMessage | CertificatesMessage;

/** From a worker: it serves, or it could not start. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/** The listening socket's descriptor in a worker: behind standard streams and the message channel. */
export const LISTEN_FD = 4;
