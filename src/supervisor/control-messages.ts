// Owns the messages between the supervisor and the control process.
import type { ConfigSource } from '../config/load.ts';
import type { FeedSample } from '../metrics/text.ts';
import type { QuestionMessage, ReopenMessage } from './messages.ts';

/** The configuration, as the checked text. */
export interface ControlStartMessage {
  readonly type: 'start';
  readonly source: ConfigSource;
}

/** Close everything and exit. */
export interface ControlStopMessage {
  readonly type: 'stop';
}

/** From the supervisor. */
export type ToControl = ControlStartMessage | ControlStopMessage | ReopenMessage | QuestionMessage;

/** The read model as the control process keeps it. */
export interface ModelStatus {
  /**
   * `building`: lists read the directory meanwhile. `rebuilding`: much changed at once, and lists are as old as `ageMs` until it is built
   * anew. `waiting`: for the store, the file or the disk; see `trouble`.
   */
  readonly phase: 'starting' | 'building' | 'following' | 'rebuilding' | 'waiting';
  readonly path: string;
  readonly rows: number;
  /** In the change log; null = none was reached yet. */
  readonly position: string | null;
  /** Since it was last known that nothing newer changed, milliseconds; null = never. Likewise below. */
  readonly ageMs: number | null;
  /** Of what the log does not tell: last seen, last verdict, new phones. */
  readonly seenAgeMs: number | null;
  readonly trouble: string | null;
}

/** Who leads the control processes of one directory. */
export interface LeaderStatus {
  /** This one does. */
  readonly isLeader: boolean;
  /** Name of the leader; null = none is known. */
  readonly holder: string | null;
  /** Counts leaders; writes of an earlier one are refused. */
  readonly fence: number | null;
}

/** The status of the control process. */
export interface ControlStatus {
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly memoryBytes: number;
  readonly readModel: ModelStatus;
  readonly leader: LeaderStatus;
  /** One line for each group of the policy that no user is in. */
  readonly warnings: readonly string[];
  /** One line where exceptions end soon. */
  readonly endingExceptions: readonly string[];
  /** The admin API; null = it is not configured. */
  readonly admin: {
    /** Null = it does not listen; `trouble` says why. */
    readonly url: string | null;
    readonly trouble: string | null;
    /** Why there is no dashboard beside the API; null = there is one. Absent = the control process is of an older version. */
    readonly missing?: string | null;
  } | null;
}

/** The metrics of the control process. */
export interface ControlMetrics {
  /** Packed cells (metrics/counts.ts). */
  readonly cells: string;
  /** Empty unless it leads. */
  readonly feeds: readonly FeedSample[];
}

/** From the control process. */
export type FromControl =
  | { readonly type: 'ready' }
  | { readonly type: 'answer'; readonly id: number; readonly answer: ControlStatus | ControlMetrics }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };
