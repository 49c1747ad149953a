// Owns the sample phone's state between requests: server, keys, next task, back-off.

/** The next task, in the order of a mail app. */
export type Task =
  | 'discover'
  | 'options'
  | 'provision'
  | 'information'
  | 'folders'
  | 'sync'
  | 'poll'
  | 'rest';

/** Seconds of the first pause after a failure; doubled with each failure (Android's SyncManager). */
const FIRST_PAUSE_S = 30;
const LONGEST_PAUSE_S = 3_600;
/** Most immediate repeats; more would be a loop. */
const MAX_TURNS = 10;
/** Consecutive polls that were not held and brought nothing. */
const MAX_RESTLESS_POLLS = 20;

/** Plain data with a few rules. */
export class Memory {
  task: Task;
  server: URL | null;
  version: string | null;
  policyKey = '0';
  folderKey = '0';
  readonly syncKeys = new Map<string, string>();
  /** Folders still to be synchronised. */
  due: string[] = [];
  heartbeat: number;
  /** Most folders watched by a Ping. */
  maxFolders = Infinity;
  /** The meaning of an empty poll at the server (MS-ASCMD 2.2.1.13, 2.2.1.21); null = none. */
  cachedPoll: string | null = null;
  /** The task after Provision. */
  resume: Task = 'folders';
  /** The server has the device information. */
  described = false;
  /** Rounds of Provision since the last success. */
  provisions = 0;
  /** The next Provision asks for a wipe order. */
  wiping = false;
  rediscovered = false;
  moves = 0;
  /** Failures since the last success. */
  failures = 0;
  private turns = 0;
  private restlessPolls = 0;

  constructor(server: URL | null, version: string | null, heartbeat: number) {
    this.server = server;
    this.version = version;
    this.heartbeat = heartbeat;
    this.task = server === null ? 'discover' : 'options';
  }

  /** The version as a number; before OPTIONS it is 2.5, which everybody understands. */
  get level(): number {
    return Number(this.version ?? '2.5');
  }

  /** Drops the mailbox, to synchronise it again. */
  forget(): void {
    this.folderKey = '0';
    this.syncKeys.clear();
    this.due = [];
    this.cachedPoll = null;
    this.task = 'folders';
  }

  /** A command succeeded. */
  wentWell(): void {
    this.failures = 0;
    this.moves = 0;
    this.rediscovered = false;
  }

  /** Everything is synchronised; a poll follows. */
  settled(): void {
    this.task = 'poll';
    this.turns = 0;
  }

  /** Mail arrived, or a poll was held. */
  progress(): void {
    this.turns = 0;
    this.restlessPolls = 0;
  }

  /** Counts an immediate repeat; false when there were too many. */
  mayTurn(): boolean {
    return this.within(++this.turns <= MAX_TURNS);
  }

  /** Counts a poll that was answered at once; false when there were too many. */
  mayPoll(): boolean {
    return this.within(++this.restlessPolls <= MAX_RESTLESS_POLLS);
  }

  private within(limits: boolean): boolean {
    if (!limits) this.progress();
    return limits;
  }

  /** Seconds until the next try after one more failure. */
  nextPause(): number {
    this.failures++;
    return Math.min(FIRST_PAUSE_S * 2 ** (this.failures - 1), LONGEST_PAUSE_S);
  }
}
