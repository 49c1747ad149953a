// Owns the messages between the supervisor and its workers.
import type { ConfigSource } from '../config/load.ts';
import type { PolicySource } from '../config/served-policy.ts';
import type { RolloutExtent } from '../model/policy-version.ts';
import type { ShadowCounts } from '../model/shadow.ts';

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
  /** Of all workers this one writes what concerns the whole gateway into the journal. */
  readonly recordsForGateway: boolean;
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

/** A question; the answer carries the same id. */
export interface QuestionMessage {
  readonly type: 'question';
  readonly question: 'health' | 'status' | 'metrics';
  readonly id: number;
}

/** The health of a worker. */
export interface WorkerHealth {
  /** The directory answers. */
  readonly store: boolean;
  /** Why the directory, which can be read, takes no changes; null = it takes them. Absent = the worker is of an older version. */
  readonly storeRefusal?: string | null;
  /** At least one mail server is in use. */
  readonly mailServer: boolean;
}

/** A version of the policy. */
export interface PolicyInUse {
  readonly version: number;
  readonly name: string | null;
  readonly hash: string;
  /** What an operator should not forget, as long as it is so. */
  readonly warnings: readonly string[];
}

/** A version of the policy that is rolled out to some users. */
export interface PolicyRolloutInUse extends PolicyInUse, RolloutExtent {
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** The status of a worker. */
export interface WorkerStatus {
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly health: WorkerHealth;
  /** Counters since its start, and current numbers, by name. */
  readonly counters: Readonly<Record<string, number>>;
  /** Verdicts found in memory, and look-ups. */
  readonly verdicts: { readonly hits: number; readonly misses: number };
  readonly store: 'embedded' | 'redis';
  /** Versions of the policy of the directory that it uses; null = none. */
  readonly policies: {
    readonly live: PolicyInUse | null;
    readonly shadow: PolicyInUse | null;
    readonly rollout: PolicyRolloutInUse | null;
  };
  /** Position in the change log; null = the directory does not answer. */
  readonly position: string | null;
  /** How the policy in the shadow compares with the live one on its traffic; null = there is none. */
  readonly shadow: ShadowCounts | null;
  /** Age of the state that it decides with, milliseconds. */
  readonly stateAgeMs: number;
  /** CPU time since its start, seconds. */
  readonly cpuSeconds: number;
  /** Memory in use, bytes. */
  readonly memoryBytes: number;
}

/** From the supervisor. */
export type ToWorker =
  | StartMessage
  | DrainMessage
  | CertificatesMessage
  | PolicyMessage
  | ReopenMessage
  | QuestionMessage;

/**
 * Messages from a worker: it serves, could not start, or must be replaced because the directory has another secret; its metrics
 * before it ends.
 */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'outdated' }
  | { readonly type: 'answer'; readonly id: number; readonly answer: WorkerHealth | WorkerStatus | string }
  | { readonly type: 'metrics'; readonly cells: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/** Descriptor of the listening socket in a worker, after the standard streams and the message channel. */
export const LISTEN_FD = 4;
