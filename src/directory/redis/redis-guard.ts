// Owns the guard in front of Redis: all reads and writes go to the known store. Scripts compare its identity, lost connections
// cause a check, and gateways write the beat.
import { monotonicNow } from '../../clock.ts';
import { everyAbout } from '../../coalesced-timers.ts';
import { SharedDeadline } from '../deadline.ts';
import { isReply, withRemedy } from '../failure.ts';
import { StoreGuard } from '../store-guard.ts';
import type { GuardOptions } from '../store-guard.ts';
import { StoreOutageError } from '../store-identity.ts';
import type { StoreIdentity } from '../store-identity.ts';
import { Freshness, pulse, readIdentity, replaceIdentity } from './redis-identity.ts';
import type { StoredIdentity } from './redis-identity.ts';
import { isCluster, replicationInfo } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import type { RedisKeys } from './redis-keys.ts';
import { STORE_CHANGED } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';
import { ScriptStream } from './script-stream.ts';
import { runScript } from './run-script.ts';
import type { ScriptClient } from './run-script.ts';

/** Interval of the checks of a gateway, and how much earlier they may come. */
const BEAT_MS = 1_000;
const EARLY_MS = 400;
/** After this many checks in a row without an answer the directory counts as away; a single one may meet a busy moment. */
const SILENT_CHECKS = 3;

/** Redis refused a command; scripts check first, so nothing was written. */
class RedisRefusalError extends Error {
  readonly code = 'EASGATE_STORE_REFUSED';
}

/** Access to Redis for everything except waiting for changes. */
export class RedisGuard {
  readonly guard: StoreGuard;
  /** How many scripts were sent. */
  scripts = 0;
  /** Called when everything read before is invalid. */
  onNewEpoch: () => void = () => undefined;
  private readonly client: RedisClient;
  private readonly keys: RedisKeys;
  private readonly freshness: Freshness;
  private readonly endBeat: (() => void) | null;
  /** Limits the commands of {@link client} that the library does not limit (script-command.ts); null = the library limits all. */
  private readonly deadline: SharedDeadline | null;
  /** The identity as stored text; '' = none was read yet. */
  private known = '';
  /**
   * Connections that are new, or were lost since their last check: the server behind them must be checked first. Each check uses the connection that it is for,
   * since another one may lead to another server, or to none.
   */
  private readonly doubted = new Set<RedisClient>();
  private readonly checking = new Map<RedisClient, Promise<void>>();
  /** The connection over which the present epoch was found first; null = it was known before. */
  private newestOn: RedisClient | null = null;
  /** Errors of the latest checks in a row that had no answer, {@link SILENT_CHECKS} at most. */
  private unanswered: readonly Error[] = [];

  constructor(client: RedisClient, keys: RedisKeys, place: string, options: GuardOptions) {
    this.client = client;
    this.keys = keys;
    this.guard = new StoreGuard(place, options);
    this.freshness = new Freshness(place, options.maxRollbackMs, monotonicNow);
    const commandMs = isCluster(client) ? undefined : client.options.commandTimeout;
    this.deadline = commandMs === undefined ? null : new SharedDeadline(commandMs);
    this.watch(client);
    // The result is kept in the guard; the next read or write reports it.
    const beat = (): void =>
      void this.check().then(
        () => this.noteAnswer(null),
        (error: unknown) => this.noteAnswer(error),
      );
    this.endBeat = options.serves ? everyAbout(BEAT_MS, EARLY_MS, beat) : null;
  }

  close(): void {
    this.endBeat?.();
    this.deadline?.close();
    this.guard.close();
  }

  /** The error if the last {@link SILENT_CHECKS} checks had no answer within the time of a look-up; null = they had, or this process does not check. */
  get silence(): Error | null {
    return this.unanswered.length < SILENT_CHECKS ? null : (this.unanswered[0] ?? null);
  }

  private noteAnswer(error: unknown): void {
    if (error instanceof Error && !(error instanceof StoreOutageError))
      this.unanswered = [...this.unanswered.slice(1 - SILENT_CHECKS), error];
    else this.unanswered = [];
  }

  /** The server behind a connection is checked before the first use, and after each loss. */
  watch(connection: RedisClient): void {
    this.doubted.add(connection);
    connection.on('close', () => this.doubted.add(connection));
  }

  /**
   * Call before commands that compare no identity; `on`: a connection that is watched. Rejects when the store must not be used.
   */
  async verified(on: RedisClient = this.client): Promise<void> {
    const { trouble, options } = this.guard;
    const isDoubted = this.doubted.has(on);
    // A gateway checks once a second; look-ups must not wait for each other meanwhile.
    if (trouble !== null && options.serves && !isDoubted) throw trouble;
    if (trouble === null && !isDoubted) return;
    try {
      await this.check(on);
    } catch (error) {
      // Another connection may have found what is wrong with the store while this one is still being made.
      throw this.guard.trouble ?? error;
    }
  }

  /** Checks the identity now; concurrent calls share one check. Rejects when the store must not be used. */
  check(on: RedisClient = this.client): Promise<void> {
    let checking = this.checking.get(on);
    if (checking === undefined) {
      checking = this.look(on).finally(() => this.checking.delete(on));
      this.checking.set(on, checking);
    }
    return checking;
  }

  /** Runs a script on the known store; the text of the known schema precedes the values. `on`: a connection of its own. */
  async script(
    script: Script,
    keys: readonly string[],
    values: readonly string[],
    on: ScriptClient = this.client,
  ): Promise<unknown> {
    // A bulk has a connection of its own, and goes on while the other one is made anew: its scripts compare the identity.
    const isDoubted = !(on instanceof ScriptStream) && this.doubted.has(this.client);
    if (this.guard.trouble !== null || isDoubted) await this.verified();
    const { known } = this;
    // On a Cluster all keys that a script uses are named, so that none is missing while its slot is moved.
    const names =
      !(on instanceof ScriptStream) && isCluster(on) && script.usesSupport
        ? [...keys, ...this.keys.support(keys[0] ?? '')]
        : keys;
    const deadline = on === this.client ? this.deadline : null;
    this.scripts += 1;
    try {
      return await runScript(on, script, names, [known, ...values], deadline);
    } catch (error) {
      if (!isReply(error)) throw error;
      if (!error.message.startsWith(STORE_CHANGED)) throw refusal(error);
    }
    await this.check();
    this.scripts += 1;
    try {
      return await runScript(on, script, names, [this.known, ...values], deadline);
    } catch (error) {
      if (!isReply(error)) throw error;
      if (!error.message.startsWith(STORE_CHANGED)) throw refusal(error);
    }
    if (!(on instanceof ScriptStream)) return this.guard.fail(this.torn());
    // It was made later than the connection that was checked, and may lead to another server, while the store is the known one.
    on.leave();
    return this.script(script, keys, values);
  }

  /**
   * Runs reads that are not scripts. `read` gets the text of the known schema, compares that of the store with it after its own commands, and
   * returns null if they differ: then the identity is checked, and `read` is called again.
   */
  async compared<T>(read: (known: string) => Promise<T | null>): Promise<T> {
    await this.verified();
    try {
      const found = await read(this.known);
      if (found !== null) return found;
      await this.check();
      return (await read(this.known)) ?? this.guard.fail(this.torn());
    } catch (error) {
      throw isReply(error) ? refusal(error) : error;
    }
  }

  /** The store has its identity, and a partition has another one or none. */
  private torn(): StoreOutageError {
    return new StoreOutageError(
      'EASGATE_STORE_OTHER',
      `parts of ${this.guard.place} are another store, or gone: put the right one back, or accept this one with ` +
        '`easgate store accept`',
    );
  }

  /**
   * Call when entries of the log that were read before over a connection are gone, though earlier ones are there: the store lost writes. The first
   * gateway raises the epoch; wipes are suspended.
   */
  async lostWrites(on: RedisClient): Promise<void> {
    const { generation } = this.guard;
    await this.check(on);
    if (this.guard.generation !== generation) return;
    const found = await readIdentity(on, this.keys);
    if (found.identity === null) return;
    this.guard.tellLost();
    await this.raiseEpoch(on, found.text, found.identity);
    await this.check(on);
  }

  private async look(on: RedisClient): Promise<void> {
    const { known } = this.guard;
    const found = this.guard.options.serves
      ? await this.pulsed(on, known?.beat ?? 0)
      : await readIdentity(on, this.keys);
    // The answer may be from before an epoch that a check of another connection brought meanwhile.
    if (this.guard.epoch !== (known?.epoch ?? 0)) return this.look(on);
    await this.take(on, this.inTime(found, known?.beat ?? 0));
  }

  private async pulsed(on: RedisClient, beat: number): Promise<StoredIdentity> {
    const { keys, guard } = this;
    const found = await pulse(on, keys, this.known, beat);
    const info = (): Promise<string> => replicationInfo(on, keys.beat);
    const stale = await this.freshness.judge(found, guard.known, info);
    if (stale !== null) guard.fail(stale);
    guard.noteBeat(found.refusal);
    return found;
  }

  /**
   * Answers over several connections may arrive in another order than that of their questions: a beat that is behind what an answer brought meanwhile,
   * and not behind what was known when it was asked for, is no loss.
   */
  private inTime(found: StoredIdentity, asked: number): StoredIdentity {
    const { identity } = found;
    const known = this.guard.known?.beat ?? 0;
    if (identity === null || identity.beat < asked || identity.beat >= known) return found;
    return { ...found, identity: { ...identity, beat: known } };
  }

  private async take(on: RedisClient, { identity, text }: StoredIdentity): Promise<void> {
    const { keys, guard } = this;
    const { generation } = guard;
    this.doubted.delete(on);
    if (identity !== null) this.leaveFormer(on, identity);
    if (guard.see(identity) && identity !== null) {
      await this.raiseEpoch(on, text, identity);
      await this.take(on, await readIdentity(on, keys));
      return;
    }
    this.known = text;
    if (guard.generation === generation) return;
    this.newestOn = on;
    this.onNewEpoch();
  }

  /** If another connection has found a later epoch in this run, this one leads to a former primary, and is made anew: its address may lead elsewhere by now. */
  private leaveFormer(on: RedisClient, { id, epoch }: StoreIdentity): void {
    const { guard, newestOn } = this;
    const isFormer = id === guard.known?.id && epoch < guard.epoch;
    if (isFormer && newestOn !== null && newestOn !== on && !isCluster(on)) on.disconnect(true);
  }

  /** The first gateway raises it; the others find it raised. */
  private async raiseEpoch(on: RedisClient, text: string, identity: StoreIdentity): Promise<void> {
    const { keys, guard } = this;
    const raised = { ...identity, epoch: identity.epoch + 1 };
    await replaceIdentity(on, keys, text, raised).catch((error: unknown) =>
      guard.fail(
        new StoreOutageError(
          'EASGATE_STORE_STALE',
          `${guard.place} lost writes and takes none: ${String(error)}`,
        ),
      ),
    );
  }
}

function refusal(error: Error): Error {
  const { message } = error;
  return new RedisRefusalError(`Redis refused the command, and nothing was written: ${withRemedy(message)}`, {
    cause: error,
  });
}
