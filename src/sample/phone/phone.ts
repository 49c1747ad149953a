// Owns the sample phone: one mail account, synchronised like a mail app does. Reactions to answers are in reactions.ts.
import { setTimeout } from 'node:timers/promises';
import type { EasCommand } from '../../eas/commands.ts';
import { child, textOf } from '../../eas/wbxml/element.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { applyFolders, applySync, commonVersion, pingFolders, statusOf, syncCollection } from './answers.ts';
import { Conduct } from './conduct.ts';
import { discoverByJson, discoverByXml } from './autodiscover.ts';
import { PHONE_FAMILIES } from './families.ts';
import type { FamilyRules } from './families.ts';
import { Memory } from './memory.ts';
import type { PhoneOptions } from './options.ts';
import { provisionDevice } from './provisioning.ts';
import type { ProvisionOutcome } from './provisioning.ts';
import { reactionTo } from './reactions.ts';
import {
  changeRequest,
  composeMail,
  folderSyncRequest,
  pingRequest,
  sendMailRequest,
  settingsRequest,
  syncRequest,
} from './requests.ts';
import { Screen } from './screen.ts';
import { EAS_PATH, Transport } from './transport.ts';
import type { PhoneAnswer } from './transport.ts';

const ALL_VERSIONS = ['2.5', '12.0', '12.1', '14.0', '14.1', '16.0', '16.1'];
/** Failures in a row after which {@link Phone.settle} stops to wait. */
const MAX_FAILURES = 5;
const DEFAULT_HEARTBEAT = 600;
const MAX_WAIT_S = 60;

/** A mail app with one account. */
export class Phone {
  readonly screen = new Screen();
  private readonly options: PhoneOptions;
  private readonly user: string;
  private readonly rules: FamilyRules;
  private readonly transport: Transport;
  private readonly memory: Memory;
  private readonly conduct: Conduct;

  constructor(options: PhoneOptions) {
    const { server, email, version, heartbeat } = options;
    this.options = options;
    this.user = options.user ?? email ?? '';
    this.rules = PHONE_FAMILIES[options.family];
    this.transport = new Transport(options, this.user, this.rules);
    const url = server === undefined ? null : new URL(server);
    if (url?.pathname === '/') url.pathname = EAS_PATH;
    this.memory = new Memory(url, version ?? null, heartbeat ?? DEFAULT_HEARTBEAT);
    const rules = {
      family: this.rules,
      canDiscover: email !== undefined,
    };
    this.conduct = new Conduct(rules, this.memory, this.screen);
  }

  async close(): Promise<void> {
    await this.transport.close();
  }

  /** Everything is synchronised; a held poll is next. */
  get idle(): boolean {
    return this.memory.task === 'poll';
  }

  /** Seconds to wait before the next request; 0 = none. */
  get retryAfter(): number {
    return this.conduct.retryAfter;
  }

  /** Number of detected loops; a real app would continue until its battery is empty. */
  get loops(): number {
    return this.conduct.loops;
  }

  /** The protocol version in use; null = not known yet. */
  get version(): string | null {
    return this.memory.version;
  }

  /** The URL of the server; null = not known yet. */
  get server(): string | null {
    return this.memory.server?.href ?? null;
  }

  /**
   * Sends the next request and handles the answer. A refused phone asks for its folders again, as after a pull to
   * refresh. Does nothing once wiped, or while user input is needed.
   */
  async step(signal: AbortSignal): Promise<void> {
    const { memory } = this;
    this.conduct.begin();
    switch (memory.task) {
      case 'discover':
        await this.discover(signal);
        break;
      case 'options':
        await this.ask('OPTIONS', null, signal, (answer) => this.onOptions(answer));
        break;
      case 'provision':
        await this.provision(signal);
        break;
      case 'information':
        await this.ask('Settings', settingsRequest(this.rules), signal, () => {
          memory.described = true;
          memory.task = memory.resume;
        });
        break;
      case 'folders':
        await this.ask('FolderSync', folderSyncRequest(memory.folderKey), signal, (answer) =>
          this.onFolders(answer),
        );
        break;
      case 'sync':
        await this.sync(signal);
        break;
      case 'poll':
        await this.poll(signal);
        break;
      case 'rest':
        break;
    }
  }

  /**
   * Steps until a poll would be held, nothing can be done, or the account is refused, including pauses; at most `limit`
   * steps.
   */
  async settle(signal: AbortSignal, limit = 30): Promise<void> {
    for (let count = 0; count < limit && !this.idle && this.memory.task !== 'rest'; count++) {
      await this.step(signal);
      if (this.conduct.halted) return;
      if (this.retryAfter === 0) continue;
      if (this.memory.failures > MAX_FAILURES) return;
      const ms = Math.min(this.retryAfter, MAX_WAIT_S) * 1_000;
      await (this.options.wait ?? pause)(ms, signal);
    }
  }

  /** The user enters the password again, or pulls to refresh after an error: the account continues. */
  tryAgain(): void {
    const { memory } = this;
    if (memory.server === null) memory.task = 'discover';
    else memory.task = memory.version === null ? 'options' : 'folders';
  }

  // ------------------------------------------------------------------------------------------------ what its user does

  /** Marks a message as read. Returns whether the server accepted it. */
  markRead(message: string, signal: AbortSignal): Promise<boolean> {
    return this.change(message, 'read', signal);
  }

  /** Deletes a message. Returns whether the server accepted it. */
  deleteMessage(message: string, signal: AbortSignal): Promise<boolean> {
    return this.change(message, 'delete', signal);
  }

  /** Sends a message. Returns whether the server took it. */
  async sendMail(to: string, subject: string, text: string, signal: AbortSignal): Promise<boolean> {
    const from = this.options.email ?? `${this.user}@example.com`;
    const mime = composeMail(from, to, subject, text);
    const body = sendMailRequest(this.memory.version ?? '2.5', `${Date.now()}`, mime);
    const answer = await this.exchange('SendMail', body, signal);
    // Success is an answer without a body (MS-ASCMD 2.2.1.17). Any failure leaves the message in the outbox; if it is about the
    // account, the next request gets it too.
    return answer?.status === 200 && answer.bytes.length === 0;
  }

  private async change(message: string, what: 'read' | 'delete', signal: AbortSignal): Promise<boolean> {
    const { memory } = this;
    const folder = this.screen.folderWith(message);
    const key = memory.syncKeys.get(folder?.id ?? '');
    if (folder === undefined || key === undefined) return false;
    let taken = false;
    const body = changeRequest(memory.version ?? '2.5', folder.id, key, message, what);
    await this.ask('Sync', body, signal, (answer) => {
      taken = true;
      const shown = folder.messages.get(message);
      if (what === 'delete') folder.messages.delete(message);
      else if (shown !== undefined) shown.read = true;
      this.onSync(folder.id, key, answer);
    });
    return taken;
  }

  // ----------------------------------------------------------------------------------------------------------- commands

  private async discover(signal: AbortSignal): Promise<void> {
    const { memory, transport } = this;
    const email = this.options.email ?? '';
    const search = this.rules.autodiscover === 'xml' ? discoverByXml : discoverByJson;
    const found = await search(email, async (url, request) => {
      const answer = await transport.send(url, request, signal).catch(() => null);
      this.options.onEvent?.({ command: 'Autodiscover', http: answer?.status ?? 0, status: null });
      return answer;
    });
    switch (found.kind) {
      case 'server':
        memory.server = found.url;
        memory.task = 'options';
        break;
      case 'refused':
        this.conduct.react(reactionTo(this.options.family, 'OPTIONS', found.http, null), 'OPTIONS', null);
        break;
      case 'nothing':
        this.conduct.halt('failed', 'rest');
    }
  }

  private onOptions(answer: PhoneAnswer): void {
    const { version, versions = ALL_VERSIONS } = this.options;
    const { memory } = this;
    memory.version = version ?? commonVersion(answer.header('ms-asprotocolversions'), versions);
    if (memory.version === null) this.conduct.halt('failed', 'rest');
    else memory.task = memory.folderKey === '0' ? 'provision' : 'folders';
  }

  private async provision(signal: AbortSignal): Promise<void> {
    const { memory, options } = this;
    const outcome = await provisionDevice(
      {
        version: memory.version ?? '2.5',
        rules: this.rules,
        wiping: memory.wiping,
        canWipe: options.wipeFails !== true,
        setPolicyKey: (key) => (memory.policyKey = key),
      },
      async (body) => {
        let good: PhoneAnswer | null = null;
        await this.ask('Provision', body, signal, (answer) => (good = answer));
        return good;
      },
      async (body) => void (await this.exchange('Provision', body, signal)),
    );
    this.afterProvision(outcome);
  }

  private afterProvision(outcome: ProvisionOutcome): void {
    const { memory } = this;
    switch (outcome) {
      case 'provisioned': {
        memory.wiping = false;
        // From 14.1 on the Provision request has the device information; before 12.0 there is no Settings command.
        const separately = memory.level >= 12 && memory.level < 14.1;
        if (!separately) memory.described = true;
        memory.task = memory.described ? memory.resume : 'information';
        break;
      }
      case 'refused':
        break;
      case 'wrongKey':
        this.conduct.provisionOrGiveUp('Provision', false);
        break;
      case 'notWiped':
        memory.wiping = false;
        this.conduct.deny();
        break;
      case 'RemoteWipe':
      case 'AccountOnlyRemoteWipe':
        memory.forget();
        this.screen.clear();
        this.conduct.halt(
          outcome === 'RemoteWipe' && this.rules.erasesDevice ? 'deviceWiped' : 'accountWiped',
          'rest',
        );
    }
  }

  private onFolders({ root }: PhoneAnswer): void {
    const { memory } = this;
    if (root === null) return;
    this.screen.state = 'connected';
    memory.folderKey = textOf(child(root, 'SyncKey')) ?? '0';
    for (const gone of applyFolders(this.screen, root)) memory.syncKeys.delete(gone);
    this.beginSync();
  }

  private beginSync(): void {
    const { memory } = this;
    memory.due = this.conduct.watched();
    if (memory.due.length > 0) memory.task = 'sync';
    else memory.settled();
  }

  /** Synchronises one due folder until it has no more changes. */
  private async sync(signal: AbortSignal): Promise<void> {
    const { memory } = this;
    const [id = ''] = memory.due;
    const key = memory.syncKeys.get(id) ?? '0';
    await this.ask('Sync', syncRequest(memory.version ?? '2.5', id, key), signal, (answer) => {
      if (this.onSync(id, key, answer)) return;
      memory.due.shift();
      if (memory.due.length === 0) memory.settled();
    });
  }

  /** Returns whether the folder must be synchronised again. */
  private onSync(id: string, key: string, { root }: PhoneAnswer): boolean {
    const collection = root === null ? undefined : syncCollection(root);
    const folder = this.screen.folders.get(id);
    // An empty answer: nothing changed.
    if (collection === undefined || folder === undefined) return false;
    this.memory.syncKeys.set(id, textOf(child(collection, 'SyncKey')) ?? '0');
    if (applySync(folder, collection)) this.memory.progress();
    return key === '0' || child(collection, 'MoreAvailable') !== undefined;
  }

  private async poll(signal: AbortSignal): Promise<void> {
    const { memory, options } = this;
    const watched = this.conduct.watched();
    const [id = ''] = watched;
    const key = memory.syncKeys.get(id) ?? '0';
    const seconds = memory.heartbeat;
    const syncs = options.push === 'sync';
    const meaning = syncs ? `${id} ${key} ${seconds}` : `${watched.join(' ')} ${seconds}`;
    const empty = options.emptyPolls === true && memory.cachedPoll === meaning;
    const whole = syncs
      ? syncRequest(memory.version ?? '2.5', id, key, seconds)
      : pingRequest(seconds, watched);
    const begun = performance.now();
    const onAnswer = (answer: PhoneAnswer): void => {
      // The server remembers a Sync only while it brings no changes, a Ping always.
      memory.cachedPoll = !syncs || answer.root === null ? meaning : null;
      if (syncs ? this.onSync(id, key, answer) : pingFolders(answer.root).length > 0) this.beginSync();
    };
    await this.ask(syncs ? 'Sync' : 'Ping', empty ? null : whole, signal, onAnswer, seconds);
    this.conduct.pollEnded(performance.now() - begun);
  }

  // -------------------------------------------------------------------------------------------- shared by all commands

  /** Sends a request and reports the exchange. Null = no answer. */
  private async exchange(
    command: EasCommand | 'OPTIONS',
    body: WbxmlElement | string | null,
    signal: AbortSignal,
    seconds = 0,
  ): Promise<PhoneAnswer | null> {
    const { memory, transport } = this;
    const { server, policyKey } = memory;
    if (server === null) return null;
    const version = memory.version ?? '2.5';
    const answer = await (
      command === 'OPTIONS'
        ? transport.options(server, signal)
        : transport.command(server, { command, body, version, policyKey, seconds }, signal)
    ).catch(() => null);
    const status = statusOf(command, answer?.root ?? null);
    this.options.onEvent?.({ command, http: answer?.status ?? 0, status });
    return answer;
  }

  /** Sends a request; calls `then` on success, and reacts to all other answers by the table. */
  private async ask(
    command: EasCommand | 'OPTIONS',
    body: WbxmlElement | null,
    signal: AbortSignal,
    then: (answer: PhoneAnswer) => void,
    seconds = 0,
  ): Promise<void> {
    const { memory } = this;
    const answer = await this.exchange(command, body, signal, seconds);
    if (answer === null) {
      this.conduct.halt('unreachable', memory.task);
      return;
    }
    const status = statusOf(command, answer.root);
    const reaction = reactionTo(this.options.family, command, answer.status, status);
    if (reaction !== 'goOn') {
      this.conduct.react(reaction, command, answer);
      return;
    }
    memory.wentWell();
    if (command !== 'Provision' && command !== 'Settings' && command !== 'OPTIONS') memory.provisions = 0;
    // An earlier error is no longer shown.
    if (this.screen.state !== 'new') this.screen.state = 'connected';
    then(answer);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
