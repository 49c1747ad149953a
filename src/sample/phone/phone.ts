// Owns the sample phone: one mail account kept in step as mail apps do, by their reactions to each answer
// (MS-ASCMD 2.2.2 for the statuses; families.ts for what apps make of them).
import { setTimeout } from 'node:timers/promises';
import type { EasCommand } from '../../eas/commands.ts';
import { child, textOf } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { FAMILIES } from './families.ts';
import type { FamilyRules, PhoneFamily } from './families.ts';
import { applyFolders, applySync, pingFolders, syncCollection } from './answers.ts';
import {
  folderSyncRequest,
  pingRequest,
  provisionAcknowledgement,
  provisionRequest,
  settingsRequest,
  syncRequest,
  wipeAcknowledgement,
  wipeQuestion,
} from './requests.ts';
import { Screen } from './screen.ts';
import { Transport } from './transport.ts';
import type { PhoneAccount, PhoneAnswer } from './transport.ts';

/** One exchange, for who watches the phone. */
export interface PhoneEvent {
  readonly command: EasCommand | 'OPTIONS';
  /** HTTP status; 0 = no answer. */
  readonly http: number;
  /** The command's own status; null = said nothing. */
  readonly status: string | null;
}

/** What a phone is made of. */
export interface PhoneOptions extends PhoneAccount {
  readonly family: PhoneFamily;
  /** Accept-Language; default en. */
  readonly languages?: string;
  /** What is held for news: a Ping, or a Sync that may wait (12.1 and later); default ping. */
  readonly push?: 'ping' | 'sync';
  /** Seconds a poll may be held; default 600. */
  readonly heartbeat?: number;
  /** Waits so many milliseconds, or until `signal`; default: real time. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told of every exchange. */
  readonly onEvent?: (event: PhoneEvent) => void;
}

/** What is to be done next, in the order of a mail app. */
type Task = 'options' | 'provision' | 'information' | 'folders' | 'sync' | 'poll' | 'rest';

type WipeOrder = 'RemoteWipe' | 'AccountOnlyRemoteWipe';

const DENIED: ReadonlySet<string> = new Set(['126', '127', '128', '129', '130', '131', '139', '141', '177']);
const PROVISION_FIRST: ReadonlySet<string> = new Set(['142', '143', '144']);
const WIPE = '140';
const STATE_LOST: ReadonlySet<string> = new Set(['132', '133', '134', '135', '136']);
/** Provisioning that leads to the same answer again is not repeated. */
const MAX_PROVISIONS = 2;
const DEFAULT_HEARTBEAT = 600;
const MAX_WAIT_S = 60;

/** A mail app with one account. */
export class Phone {
  readonly screen = new Screen();
  /** Seconds the server asked to wait before the next request; 0 = none. */
  retryAfter = 0;
  private readonly options: PhoneOptions;
  private readonly rules: FamilyRules;
  private readonly transport: Transport;
  private task: Task = 'options';
  private policyKey = '0';
  private folderKey = '0';
  private readonly syncKeys = new Map<string, string>();
  /** Folders that are still to be asked about. */
  private due: string[] = [];
  private heartbeat: number;
  private provisions = 0;
  private wiping = false;

  constructor(options: PhoneOptions) {
    this.options = options;
    this.rules = FAMILIES[options.family];
    this.transport = new Transport(options, this.rules, options.languages ?? 'en');
    this.heartbeat = options.heartbeat ?? DEFAULT_HEARTBEAT;
  }

  async close(): Promise<void> {
    await this.transport.close();
  }

  /** A held poll comes next: everything else is done. */
  get idle(): boolean {
    return this.task === 'poll';
  }

  /**
   * The next request and its consequences. A phone that was refused asks for its folders again, as it does when its user
   * pulls down the list. Does nothing once wiped, or while the password is wanted.
   */
  async step(signal: AbortSignal): Promise<void> {
    this.retryAfter = 0;
    switch (this.task) {
      case 'options':
        await this.ask('OPTIONS', null, signal, () => (this.task = 'provision'));
        break;
      case 'provision':
        await this.provision(signal);
        break;
      case 'information':
        await this.ask('Settings', settingsRequest(this.rules), signal, () => (this.task = 'folders'));
        break;
      case 'folders':
        await this.ask('FolderSync', folderSyncRequest(this.folderKey), signal, (answer) =>
          this.onFolders(answer),
        );
        break;
      case 'sync':
        await this.sync(signal);
        break;
      case 'poll':
        if (this.options.push === 'sync') await this.waitingSync(signal);
        else await this.ping(signal);
        break;
      case 'rest':
        break;
    }
  }

  /**
   * Steps until a poll would be held, nothing can be done, or the account is refused, and waits where the server asks for
   * it; at most `limit` steps.
   */
  async settle(signal: AbortSignal, limit = 20): Promise<void> {
    for (let count = 0; count < limit; count++) {
      await this.step(signal);
      if (this.idle || this.task === 'rest' || this.screen.state === 'denied') return;
      if (this.screen.state !== 'unreachable') continue;
      if (this.retryAfter === 0) return;
      await this.wait(Math.min(this.retryAfter, MAX_WAIT_S) * 1_000, signal);
    }
  }

  private async wait(ms: number, signal: AbortSignal): Promise<void> {
    await (this.options.wait ?? pause)(ms, signal);
  }

  /** The user enters a password again: the account goes on. */
  tryAgain(): void {
    this.task = 'folders';
  }

  // -------------------------------------------------------------------------------------------------------- commands

  private async provision(signal: AbortSignal): Promise<void> {
    const { version } = this.options;
    this.provisions++;
    if (this.wiping) {
      await this.wipe(signal);
      return;
    }
    this.policyKey = '0';
    await this.ask('Provision', provisionRequest(version, this.rules), signal, async (first) => {
      const order = wipeOrder(first);
      if (order !== null) {
        await this.erase(order, signal);
        return;
      }
      const temporary = textOf(policyKeyOf(first));
      if (temporary === undefined) {
        this.afterProvision();
        return;
      }
      this.policyKey = temporary;
      await this.ask('Provision', provisionAcknowledgement(version, temporary), signal, (second) => {
        this.policyKey = textOf(policyKeyOf(second)) ?? this.policyKey;
        this.afterProvision();
      });
    });
  }

  private afterProvision(): void {
    const version = Number(this.options.version);
    // 14.1 and later said it in the Provision request; before 12.0 there is no such command.
    this.task = version >= 12 && version < 14.1 ? 'information' : 'folders';
  }

  /** Asks for the order (MS-ASPROV 3.1.5.1.2). */
  private async wipe(signal: AbortSignal): Promise<void> {
    await this.ask('Provision', wipeQuestion(), signal, async (answer) => {
      const order = wipeOrder(answer);
      this.wiping = false;
      if (order === null) this.task = 'folders';
      else await this.erase(order, signal);
    });
  }

  private async erase(order: WipeOrder, signal: AbortSignal): Promise<void> {
    await this.ask('Provision', wipeAcknowledgement(order), signal, () => undefined);
    this.forget();
    const whole = order === 'RemoteWipe' && this.rules.erasesDevice;
    this.screen.state = whole ? 'deviceWiped' : 'accountWiped';
    this.task = 'rest';
  }

  private onFolders(answer: PhoneAnswer): void {
    const { root } = answer;
    const status = textOf(child(root ?? undefined, 'Status'));
    if (status !== '1' || root === null) {
      // 9: the server does not know the key (MS-ASCMD 2.2.3.177.4); others are tried once more from the beginning.
      this.forget();
      return;
    }
    this.provisions = 0;
    this.screen.state = 'connected';
    this.folderKey = textOf(child(root, 'SyncKey')) ?? '0';
    for (const gone of applyFolders(this.screen, root)) this.syncKeys.delete(gone);
    this.beginSync();
  }

  private beginSync(): void {
    this.due = this.watched();
    this.task = this.due.length > 0 ? 'sync' : 'poll';
  }

  /** One folder that is due, until it has nothing more. */
  private async sync(signal: AbortSignal): Promise<void> {
    const [id = ''] = this.due;
    const key = this.syncKeys.get(id) ?? '0';
    await this.ask('Sync', syncRequest(this.options.version, id, key), signal, (answer) => {
      if (this.onSync(id, key, answer)) return;
      this.due.shift();
      if (this.task === 'sync' && this.due.length === 0) this.task = 'poll';
    });
  }

  /** A Sync of the first folder that is answered when there is news, or empty when its time is over. */
  private async waitingSync(signal: AbortSignal): Promise<void> {
    const { version } = this.options;
    const [id = ''] = this.watched();
    const key = this.syncKeys.get(id) ?? '0';
    const request = syncRequest(version, id, key, this.heartbeat);
    await this.ask(
      'Sync',
      request,
      signal,
      (answer) => {
        if (this.onSync(id, key, answer)) this.beginSync();
      },
      this.heartbeat,
    );
  }

  /** Returns whether the folder is to be asked about again. */
  private onSync(id: string, key: string, { root }: PhoneAnswer): boolean {
    // An empty answer: nothing changed.
    if (root === null) return false;
    const collection = syncCollection(root);
    const status = textOf(child(collection, 'Status')) ?? textOf(child(root, 'Status')) ?? '1';
    const folder = this.screen.folders.get(id);
    switch (status) {
      case '1':
        if (collection === undefined || folder === undefined) return false;
        this.syncKeys.set(id, textOf(child(collection, 'SyncKey')) ?? '0');
        applySync(folder, collection);
        return key === '0' || child(collection, 'MoreAvailable') !== undefined;
      case '3':
        folder?.messages.clear();
        this.syncKeys.set(id, '0');
        return key !== '0';
      case '5':
      case '16':
        // The server could not, just now.
        this.screen.state = 'unreachable';
        return true;
      case '14':
        this.heartbeat = this.waitLimit(root);
        return false;
      default:
        // 8, 12: the folders changed; the others are cured by that, too.
        this.task = 'folders';
        return false;
    }
  }

  /** Seconds; the limit is told as the wish was: in minutes before 14.0 (MS-ASCMD 2.2.3.94). */
  private waitLimit(root: WbxmlElement): number {
    const limit = Number(textOf(child(root, 'Limit')) ?? this.heartbeat);
    return Number(this.options.version) < 14 ? limit * 60 : limit;
  }

  private async ping(signal: AbortSignal): Promise<void> {
    const seconds = this.heartbeat;
    const request = pingRequest(seconds, this.watched());
    await this.ask(
      'Ping',
      request,
      signal,
      ({ root }) => {
        const status = textOf(child(root ?? undefined, 'Status'));
        switch (status) {
          case '1':
            break;
          case '2':
            if (pingFolders(root).length > 0) this.beginSync();
            break;
          case '5':
            this.heartbeat = Number(textOf(child(root ?? undefined, 'HeartbeatInterval')) ?? this.heartbeat);
            break;
          default:
            // 7: the folders changed (MS-ASCMD 2.2.3.177.11).
            this.task = 'folders';
        }
      },
      seconds,
    );
  }

  // ----------------------------------------------------------------------------------------------- what all have in common

  /** Sends; handles what every command may be answered with, and leaves the rest to `then`. */
  private async ask(
    command: EasCommand | 'OPTIONS',
    body: WbxmlElement | null,
    signal: AbortSignal,
    then: (answer: PhoneAnswer) => unknown,
    seconds = 0,
  ): Promise<void> {
    let answer: PhoneAnswer;
    try {
      answer = await (command === 'OPTIONS' || body === null
        ? this.transport.options(signal)
        : this.transport.command(command, body, this.policyKey, seconds, signal));
    } catch {
      this.options.onEvent?.({ command, http: 0, status: null });
      this.screen.state = 'unreachable';
      return;
    }
    const { root } = answer;
    const status = root === null ? null : (textOf(child(root, 'Status')) ?? null);
    this.options.onEvent?.({ command, http: answer.status, status });
    if (this.isCommon(answer, status ?? '')) return;
    if (this.screen.state === 'unreachable') this.screen.state = 'connected';
    await then(answer);
  }

  /** Whether the answer was one that any command may get, and is dealt with. */
  private isCommon(answer: PhoneAnswer, status: string): boolean {
    switch (answer.status) {
      case 200:
        break;
      case 401:
        this.screen.state = 'passwordWanted';
        this.screen.passwordPrompts++;
        this.task = 'rest';
        return true;
      case 403:
        if (this.rules.forbiddenMeansProvision) this.provisionOrGiveUp(false);
        else this.deny();
        return true;
      case 449:
        this.provisionOrGiveUp(false);
        return true;
      case 503:
        this.retryAfter = Number(answer.header('retry-after') ?? 60);
        this.screen.state = 'unreachable';
        return true;
      default:
        this.screen.state = 'unreachable';
        return true;
    }
    if (DENIED.has(status)) {
      this.deny();
      return true;
    }
    if (status === WIPE || PROVISION_FIRST.has(status)) {
      this.provisionOrGiveUp(status === WIPE);
      return true;
    }
    if (STATE_LOST.has(status)) {
      this.forget();
      return true;
    }
    return false;
  }

  private deny(): void {
    this.screen.state = 'denied';
    this.provisions = 0;
    this.task = 'folders';
  }

  /** `wipe` = there may be an order to erase behind it. */
  private provisionOrGiveUp(wipe: boolean): void {
    if (this.provisions >= MAX_PROVISIONS) {
      this.deny();
      return;
    }
    this.wiping = wipe;
    this.task = 'provision';
  }

  /** Everything of the mailbox is dropped, and asked for anew. */
  private forget(): void {
    this.folderKey = '0';
    this.syncKeys.clear();
    this.screen.clear();
    this.task = 'folders';
  }

  private watched(): string[] {
    return [...this.screen.folders.values()]
      .filter(({ type }) => this.rules.folderTypes.includes(type))
      .map(({ id }) => id);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

function policyKeyOf({ root }: PhoneAnswer): WbxmlElement | undefined {
  return child(child(child(root ?? undefined, 'Policies'), 'Policy'), 'PolicyKey');
}

function wipeOrder({ root }: PhoneAnswer): WipeOrder | null {
  if (child(root ?? undefined, 'RemoteWipe') !== undefined) return 'RemoteWipe';
  return child(root ?? undefined, 'AccountOnlyRemoteWipe') === undefined ? null : 'AccountOnlyRemoteWipe';
}
