// Owns keeping a read model: built from the whole store, kept by its change log; a full read of the store now and then brings what the
// log does not tell, such as last seen. Where much changed at once, the model is rebuilt beside the one that is read.
import { setTimeout as pause } from 'node:timers/promises';
import { threadBusyMs } from '../../clock.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { DirectoryStore, LogPosition } from '../store.ts';
import { LogNews } from './log-news.ts';
import { IdSet } from './id-set.ts';
import { buildFile } from './model-build.ts';
import { IN_MEMORY } from './model-file.ts';
import type { ModelFile } from './model-file.ts';
import type { LoadLimits } from './model-load.ts';
import { ModelWriter } from './model-writer.ts';
import { READS, UserKeeper } from './user-keeper.ts';

/** Shortest time between two full reads. */
const FULL_READ_MS = 10_000;
// A full read is followed by a pause of this many times its processor time: it takes a twentieth of a core, and of a store. Its length says
// less: where others leave it the processor only now and then, new phones would be missing for minutes.
const FULL_READ_SHARE = 20;
/** How often what is known is confirmed in the file, where nothing changes. */
const CONFIRM_MS = 1_000;
/** More changed devices than this during one full read are read after it. */
const MAX_OVERTAKEN = 50_000;
/** A full read ends early when it writes more rows than this, and more than a fiftieth of all: a build takes less time than its rest. */
const MANY_ROWS = 5_000;
const MANY_SHARE = 50;
/** How long a reader trusts the model without another sign of its keeper: while it follows the log, and in a step of a build. */
const KEPT_MS = 10_000;
const BUILD_KEPT_MS = 120_000;
/** Before a build that follows a loss of changes, writers are given so long to finish: what they write meanwhile would be lost too. */
const MAX_SETTLE_MS = 60_000;
const SETTLE_MS = 1_000;
/** With so many changes in one {@link SETTLE_MS}, somebody is writing many. */
const BUSY_CHANGES = 2_000;

/** Decisions on a user with every device. */
const USERS_OWN = 'device IS NULL';

/** Called during a build with the number of rows so far. */
export type OnRows = (rows: number) => void;

/** What a keeper may be given, for tests. */
export interface KeeperOptions extends LoadLimits {
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** See {@link MANY_ROWS}. */
  readonly manyRows?: number;
  /** See {@link SETTLE_MS}. */
  readonly settleMs?: number;
  /** See threadBusyMs. */
  readonly busyMs?: () => number;
}

/** Keeps one file. One method at a time. */
export class ModelKeeper {
  private readonly store: DirectoryStore;
  private readonly file: ModelFile;
  private writer: ModelWriter;
  private users: UserKeeper;
  private readonly manyRows: number;
  private readonly settleMs: number;
  private readonly limits: LoadLimits;
  private readonly now: () => number;
  private readonly busyMs: () => number;
  private position: LogPosition;
  /** The position that the file has. */
  private written: LogPosition = '';
  private confirmedAt = 0;
  private fullReadDueAt = 0;
  private newsAt = 0;
  private keptAt = 0;
  /** Changes were lost: the file is older than the log. */
  private isLost = false;
  /** During a full read: devices and users that were read anew, as the log named them. */
  private overtaken: Set<string> | null = null;

  constructor(
    store: DirectoryStore,
    file: ModelFile,
    {
      now = Date.now,
      manyRows = MANY_ROWS,
      settleMs = SETTLE_MS,
      busyMs = threadBusyMs,
      ...limits
    }: KeeperOptions = {},
  ) {
    this.store = store;
    this.file = file;
    this.writer = new ModelWriter(file, store.names, now);
    this.users = new UserKeeper(store, file, this.writer);
    this.manyRows = manyRows;
    this.settleMs = settleMs;
    this.limits = limits;
    this.now = now;
    this.busyMs = busyMs;
    const { position, complete, fullReadAt } = file.state();
    this.position = position;
    if (complete) this.fullReadDueAt = fullReadAt + FULL_READ_MS;
  }

  /** Reads everything, where the file is new. */
  async build(onRows: OnRows = () => undefined): Promise<void> {
    if (!this.file.state().complete) await this.rebuild(onRows);
  }

  /**
   * Follows the log for one step: waits for changes for a few seconds at most. Reads all of the store where that is due, and builds the
   * model anew where changes were lost.
   */
  async step(onRows: OnRows = () => undefined): Promise<void> {
    if (this.isLost) {
      await this.settle();
      await this.rebuild(onRows);
    } else if (this.now() >= this.fullReadDueAt) await this.readAll(onRows);
    if (!this.isLost) await this.takeChanges();
  }

  /** Reads all of the store: brings every row up to date, and removes what the store no longer has. */
  async readAll(onRows: OnRows = () => undefined): Promise<void> {
    // Where changes were lost, a build reads all of it anyway.
    if (await this.hasLost()) {
      await this.settle();
      await this.rebuild(onRows);
      return;
    }
    const startedAt = this.now();
    const busyBefore = this.busyMs();
    const many = Math.max(this.manyRows, this.lastId('phones') / MANY_SHARE);
    const most = this.file.path === IN_MEMORY ? Infinity : this.writer.written + many;
    this.overtaken = new Set();
    try {
      await this.readAllUsers();
      if (!(await this.readAllDevices(most)) || this.isLost) {
        await this.rebuild(onRows);
        return;
      }
    } finally {
      this.overtaken = null;
    }
    this.fullReadDueAt = this.fullReadAfter(busyBefore);
    this.file.write(() => this.file.setState({ fullReadAt: startedAt, position: this.position }));
  }

  /**
   * Reads everything into a file beside this one, which then takes its place: until then the old one is read. In memory, where nobody
   * else reads, only an empty one is built.
   */
  private async rebuild(onRows: OnRows): Promise<void> {
    const { store, file, now } = this;
    if (file.path === IN_MEMORY && file.isComplete()) {
      this.isLost = false;
      this.position = await store.position();
      this.fullReadDueAt = 0;
      return;
    }
    const startedAt = now();
    const busyBefore = this.busyMs();
    const start = await store.position();
    const news = new LogNews(store, start);
    const next = file.path === IN_MEMORY ? file : file.makeNext();
    const before = file.isComplete() ? file : null;
    let newsAt = performance.now();
    try {
      await buildFile({ store, file: next, before, now, limits: this.limits }, async (rows) => {
        if (performance.now() - newsAt < CONFIRM_MS) return;
        newsAt = performance.now();
        onRows(rows);
        // The transaction of a build in memory is the one of this file.
        if (next !== file) this.keep(BUILD_KEPT_MS);
        await news.take();
      });
      await news.take();
    } catch (error) {
      if (next !== file) next.discard();
      throw error;
    }
    next.write(() =>
      next.setState({
        // After a restart, the log says again that changes were lost.
        position: news.isLost ? start : news.position,
        confirmedAt: startedAt,
        fullReadAt: startedAt,
        keptUntil: now() + BUILD_KEPT_MS,
      }),
    );
    if (next !== file) file.replaceBy(next);
    this.writer = new ModelWriter(file, store.names, now);
    this.users = new UserKeeper(store, file, this.writer);
    this.position = news.position;
    this.isLost = news.isLost;
    await this.users.read(news.users);
    await this.readDevices([...news.devices]);
    this.fullReadDueAt = this.fullReadAfter(busyBefore);
    this.confirmedAt = 0;
    if (!this.isLost) this.confirm(this.position);
  }

  private fullReadAfter(busyBefore: number): number {
    return this.now() + Math.max(FULL_READ_MS, (this.busyMs() - busyBefore) * FULL_READ_SHARE);
  }

  /** Waits until nobody writes many changes, for so long at most. */
  private async settle(): Promise<void> {
    const end = performance.now() + MAX_SETTLE_MS;
    while (performance.now() < end) {
      this.keep(BUILD_KEPT_MS);
      const position = await this.store.position();
      await pause(this.settleMs);
      if (!this.store.isBefore(position, await this.store.position())) return;
      const { changes, trimmed } = await this.store.changesAfter(position);
      if (!trimmed && changes.length < BUSY_CHANGES) return;
    }
  }

  /** Tells readers now and then that the file is not left behind. */
  private keep(forMs: number): void {
    const now = this.now();
    if (Math.abs(now - this.keptAt) < CONFIRM_MS) return;
    this.keptAt = now;
    this.file.write(() => this.file.setState({ keptUntil: now + forMs }));
  }

  private async readAllUsers(): Promise<void> {
    const users = new IdSet(this.lastId('users'));
    const aliases = new IdSet(this.lastId('aliases'));
    const decisions = new IdSet(this.lastId('decisions'));
    for await (const part of this.store.scanUsers(false)) {
      const read = part.filter(({ key }) => this.overtaken?.has(key) !== true);
      const ids = await this.users.put(read);
      for (const id of ids.users) users.add(id);
      for (const id of ids.aliases) aliases.add(id);
      for (const id of ids.decisions) decisions.add(id);
      await this.takeNews();
    }
    // Rows that changed during the full read were read again: their ids may be gone, or new.
    const names = [...users.missing()].flatMap((id) => this.nameAt<UserKey>('users', 'user', id));
    names.push(...[...aliases.missing()].flatMap((id) => this.nameAt<UserKey>('aliases', 'alias', id)));
    for (const id of decisions.missing())
      names.push(...this.nameAt<UserKey>('decisions', 'user', id, USERS_OWN));
    await this.users.read(new Set(names));
  }

  /** False = it ended early, as it wrote too many rows. */
  private async readAllDevices(most: number): Promise<boolean> {
    const found = new IdSet(this.lastId('phones'));
    const decisions = new IdSet(this.lastId('decisions'));
    const since = this.now();
    for await (const part of this.store.scanDevices()) {
      this.file.write(() => {
        for (const entry of part) {
          // It was read later than this part, because the log named it.
          if (this.overtaken?.has(entry.key) === true) continue;
          const ids = this.writer.putDevice(entry.key, entry, since);
          for (const id of ids.phones) found.add(id);
          for (const id of ids.decisions) decisions.add(id);
        }
      });
      await this.takeNews();
      if (this.isLost || this.writer.written > most) return false;
    }
    const gone = [...found.missing()].flatMap((id) => this.nameAt<DeviceKey>('phones', 'device', id));
    for (const id of decisions.missing())
      gone.push(...this.nameAt<DeviceKey>('decisions', 'device', id, 'device IS NOT NULL'));
    await this.readDevices([...new Set(gone)]);
    return true;
  }

  private lastId(table: string): number {
    return Number(this.file.statement(`SELECT max(id) AS id FROM ${table}`).get()?.['id'] ?? 0);
  }

  private nameAt<Name extends string>(table: string, column: string, id: number, only = 'TRUE'): Name[] {
    const row = this.file
      .statement(`SELECT ${column} AS name FROM ${table} WHERE id = ? AND ${only}`)
      .get(id);
    return row === undefined ? [] : [String(row['name']) as Name];
  }

  /** During a full read, which may take a minute: what the log says meanwhile. */
  private async takeNews(): Promise<void> {
    if (this.now() - this.newsAt < CONFIRM_MS || (this.overtaken?.size ?? 0) > MAX_OVERTAKEN) return;
    this.newsAt = this.now();
    const end = await this.store.position();
    if (this.store.isBefore(this.position, end)) await this.takeChanges();
    else this.confirm(this.position);
  }

  /** Takes what the log has; returns whether changes were lost. In memory nothing is built anew. */
  private async hasLost(): Promise<boolean> {
    if (this.file.path === IN_MEMORY) return false;
    if (this.store.isBefore(this.position, await this.store.position())) await this.takeChanges();
    return this.isLost;
  }

  private async takeChanges(): Promise<void> {
    const { changes, position, trimmed, isPartial } = await this.store.changesAfter(this.position);
    // Everything may have changed: what follows in the log is not enough.
    if (trimmed) {
      this.isLost = true;
      return;
    }
    const users = changes.flatMap(({ user, device }) => (device === null && user !== null ? user : []));
    const devices = changes.flatMap(({ device }) => device ?? []);
    for (const name of [...users, ...devices]) this.overtaken?.add(name);
    await this.users.read(new Set(users));
    await this.readDevices([...new Set(devices)]);
    this.position = position;
    if (isPartial !== true) this.confirm(position);
  }

  private confirm(position: LogPosition): void {
    const now = this.now();
    if (position === this.written && now - this.confirmedAt < CONFIRM_MS) return;
    this.written = position;
    this.confirmedAt = now;
    this.keptAt = now;
    this.file.write(() => this.file.setState({ position, confirmedAt: now, keptUntil: now + KEPT_MS }));
  }

  private async readDevices(devices: readonly DeviceKey[]): Promise<void> {
    for (let at = 0; at < devices.length; at += READS) {
      const part = devices.slice(at, at + READS);
      const entries = await this.store.getDevices(part);
      const since = this.now();
      this.file.write(() => {
        for (const [index, device] of part.entries())
          this.writer.putDevice(device, entries[index] ?? null, since);
      });
      this.keep(KEPT_MS);
    }
  }
}
