// Owns what the sample phone remembers between requests: where its server is, keys, what is to be asked next, patience.

/** What is to be done next, in the order of a mail app. */
export type Task =
  | 'discover'
  | 'options'
  | 'provision'
  | 'information'
  | 'folders'
  | 'sync'
  | 'poll'
  | 'rest';

/** Seconds of the first pause after a failure, doubled from failure to failure (Android's SyncManager). */
const FIRST_PAUSE_S = 30;
const LONGEST_PAUSE_S = 3_600;
/** What is repeated at once so often without end would be a loop. */
const MAX_TURNS = 10;
/** Polls in a row that were not held and brought nothing. */
const MAX_RESTLESS_POLLS = 20;

/** Plain data with a few rules. */
export class Memory {
  task: Task;
  server: URL | null;
  version: string | null;
  policyKey = '0';
  folderKey = '0';
  readonly syncKeys = new Map<string, string>();
  /** Folders that are still to be asked about. */
  due: string[] = [];
  heartbeat: number;
  /** Folders watched by a Ping at most. */
  maxFolders = Infinity;
  /** What an empty poll stands for at the server (MS-ASCMD 2.2.1.13, 2.2.1.21); null = nothing. */
  cachedPoll: string | null = null;
  /** What goes on after Provision. */
  resume: Task = 'folders';
  /** The server knows what the device is. */
  described = false;
  /** Rounds of Provision since a command went well. */
  provisions = 0;
  /** The next Provision asks for an order to wipe. */
  wiping = false;
  rediscovered = false;
  moves = 0;
  /** Failures since something went well. */
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

  /** Everything of the mailbox is dropped, and asked for anew. */
  forget(): void {
    this.folderKey = '0';
    this.syncKeys.clear();
    this.due = [];
    this.cachedPoll = null;
    this.task = 'folders';
  }

  /** A command was answered well. */
  wentWell(): void {
    this.failures = 0;
    this.moves = 0;
    this.rediscovered = false;
  }

  /** Everything is done: what follows is a poll. */
  settled(): void {
    this.task = 'poll';
    this.turns = 0;
  }

  /** Mail came, or a poll was held: asking was of use. */
  progress(): void {
    this.turns = 0;
    this.restlessPolls = 0;
  }

  /** Something is asked again at once; false when that leads nowhere. */
  mayTurn(): boolean {
    return this.within(++this.turns <= MAX_TURNS);
  }

  /** A poll was answered at once; false when that leads nowhere. */
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
