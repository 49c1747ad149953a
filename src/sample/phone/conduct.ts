// Owns the sample phone's handling of unsuccessful answers: it carries out the reactions of reactions.ts.
import type { EasCommand } from '../../eas/commands.ts';
import { child, textOf } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { FamilyRules } from './families.ts';
import type { Memory, Task } from './memory.ts';
import type { Reaction } from './reactions.ts';
import type { AccountState, Screen } from './screen.ts';
import type { PhoneAnswer } from './transport.ts';

/** Provision that leads to the same answer again is not repeated. AOSP repeats it without end. */
const MAX_PROVISIONS = 2;
/** AOSP: MAX_REDIRECTS. */
const MAX_MOVES = 3;
/** Pause after a detected loop. */
const LOOP_PAUSE_S = 60;
/** A poll of at least this length was held. */
const HELD_MS = 1_000;

/** Properties of a phone that matter here. */
export interface ConductRules {
  readonly family: FamilyRules;
  /** The server can be looked for. */
  readonly canDiscover: boolean;
}

/** Updates memory and screen as an answer requires. */
export class Conduct {
  /** Seconds to wait before the next request; 0 = none. */
  retryAfter = 0;
  /** Number of detected loops. */
  loops = 0;
  /** The last step needs its user or more time. */
  halted = false;
  private readonly rules: ConductRules;
  private readonly memory: Memory;
  private readonly screen: Screen;

  constructor(rules: ConductRules, memory: Memory, screen: Screen) {
    this.rules = rules;
    this.memory = memory;
    this.screen = screen;
  }

  /** Starts a new step. */
  begin(): void {
    this.retryAfter = 0;
    this.halted = false;
  }

  /** `answer` null = no answer with relevant headers. */
  react(reaction: Reaction, command: EasCommand | 'OPTIONS', answer: PhoneAnswer | null): void {
    const { memory, screen } = this;
    switch (reaction) {
      case 'goOn':
        break;
      case 'deny':
        this.deny();
        break;
      case 'password':
        screen.passwordPrompts++;
        this.halt('passwordWanted', 'rest');
        break;
      case 'locked':
        this.halt('locked', 'rest');
        break;
      case 'expired':
        this.halt('passwordExpired', 'rest');
        break;
      case 'giveUp':
        this.halt('failed', 'rest');
        break;
      case 'stopPush':
        memory.task = 'rest';
        break;
      case 'provision':
      case 'wipe':
      case 'describe':
        if (reaction === 'describe') memory.described = false;
        this.provisionOrGiveUp(command, reaction === 'wipe');
        break;
      case 'wait':
      case 'waitForFolders':
      case 'full':
        if (reaction === 'waitForFolders') memory.task = 'folders';
        this.later(answer, reaction === 'full' ? 'full' : 'unreachable');
        break;
      case 'rediscover':
        this.rediscover(answer);
        break;
      case 'move':
        this.move(answer);
        break;
      case 'startOver':
        memory.forget();
        screen.clear();
        this.turn();
        break;
      case 'startFolderOver':
        this.startFolderOver();
        this.turn();
        break;
      case 'askFolders':
        memory.task = 'folders';
        this.turn();
        break;
      case 'sendAll':
        memory.cachedPoll = null;
        this.turn();
        break;
      case 'takeLimit':
        this.takeLimit(answer?.root ?? undefined);
        this.turn();
        break;
      case 'again':
        this.turn();
    }
  }

  /** Shows `state`; the next step is `task`. */
  halt(state: AccountState, task: Task): void {
    this.screen.state = state;
    this.memory.task = task;
    this.halted = true;
  }

  deny(): void {
    this.memory.provisions = 0;
    this.halt('denied', 'folders');
  }

  private later(answer: PhoneAnswer | null, state: AccountState): void {
    const pause = this.memory.nextPause();
    const asked = Number(answer?.header('retry-after') ?? 0);
    this.retryAfter = asked > 0 ? asked : pause;
    this.screen.state = state;
  }

  /** A poll ended after this time; a short one was not held. */
  pollEnded(milliseconds: number): void {
    if (milliseconds >= HELD_MS) this.memory.progress();
    else if (!this.memory.mayPoll()) this.rest();
  }

  /** Continues at once, unless that has been fruitless for a while. */
  private turn(): void {
    if (!this.memory.mayTurn()) this.rest();
  }

  private rest(): void {
    this.loops++;
    this.retryAfter = LOOP_PAUSE_S;
  }

  private startFolderOver(): void {
    const { memory, screen } = this;
    const [id = ''] = memory.due.length > 0 ? memory.due : this.watched();
    screen.folders.get(id)?.messages.clear();
    memory.syncKeys.delete(id);
    memory.cachedPoll = null;
    memory.due = [id];
    memory.task = 'sync';
  }

  /** Adopts the server's limits: heartbeat and folders of a Ping, wait of a Sync (minutes before 14.0, MS-ASCMD 2.2.3.94). */
  private takeLimit(root: WbxmlElement | undefined): void {
    const { memory } = this;
    const seconds = textOf(child(root, 'HeartbeatInterval'));
    const limit = textOf(child(root, 'Limit'));
    const folders = textOf(child(root, 'MaxFolders'));
    if (seconds !== undefined) memory.heartbeat = Number(seconds);
    if (limit !== undefined) memory.heartbeat = Number(limit) * (memory.level < 14 ? 60 : 1);
    if (folders !== undefined) memory.maxFolders = Number(folders);
    memory.cachedPoll = null;
  }

  /** `wipe` = Provision may contain a wipe order. */
  provisionOrGiveUp(command: EasCommand | 'OPTIONS', wipe: boolean): void {
    const { memory } = this;
    // "Provision first" in answer to Provision ends it (AOSP: RESULT_FORBIDDEN).
    if (command === 'Provision' && !wipe) {
      this.deny();
      return;
    }
    if (memory.provisions >= MAX_PROVISIONS) {
      this.loops++;
      this.deny();
      return;
    }
    memory.provisions++;
    if (memory.task !== 'provision' && memory.task !== 'information') memory.resume = memory.task;
    memory.wiping = wipe;
    memory.task = 'provision';
  }

  private rediscover(answer: PhoneAnswer | null): void {
    const { memory } = this;
    if (!this.rules.canDiscover || memory.rediscovered) {
      this.later(answer, 'unreachable');
      return;
    }
    memory.rediscovered = true;
    memory.task = 'discover';
  }

  private move(answer: PhoneAnswer | null): void {
    const { memory } = this;
    const location = answer?.header('x-ms-location') ?? '';
    const there = URL.canParse(location) ? new URL(location) : null;
    memory.moves++;
    if (memory.server === null || there === null || memory.moves > MAX_MOVES) {
      this.halt('failed', 'rest');
    } else if (this.rules.family.takesOfLocation === 'host') {
      const moved = new URL(memory.server);
      moved.hostname = there.hostname;
      memory.server = moved;
    } else if (there.protocol === 'https:') {
      memory.server = there;
    } else {
      this.halt('failed', 'rest');
    }
  }

  /** The folders that are synchronised. */
  watched(): string[] {
    return [...this.screen.folders.values()]
      .filter(({ type }) => this.rules.family.folderTypes.includes(type))
      .map(({ id }) => id)
      .slice(0, this.memory.maxFolders);
  }
}
