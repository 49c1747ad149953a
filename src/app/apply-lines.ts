// Owns the use case that brings the records of one run, of a feed or of an imported file, into the directory. The run is read and
// looked at as a whole first: what the brakes hold writes nothing.
import type { DirectoryStore, ImportedChange } from '../directory/store.ts';
import { joinDeviceReport } from '../directory/device-reports.ts';
import type { ReportOutcome } from '../directory/device-reports.ts';
import { joinUserReport } from '../directory/user-reports.ts';
import type { FeedPart, RecordKind } from '../feeds/contract.ts';
import type { FeedLine } from '../feeds/record.ts';
import type { DeviceObservation } from '../model/device.ts';
import type { UserObservation } from '../model/user.ts';
import { NONE } from '../name-index.ts';
import { MAX_LISTED, noneWritten, whyNotRemoved } from './apply-outcome.ts';
import type { ApplyOutcome, Refusal, WrittenCounts } from './apply-outcome.ts';
import { heldBy } from './brakes.ts';
import type { Brakes } from './brakes.ts';
import { RunDecisions } from './decision-changes.ts';
import { RunDevices } from './device-changes.ts';
import { KnownRecords, userReports } from './known-records.ts';
import type { TouchedWindow } from './touched-window.ts';
import { RunUsers } from './user-changes.ts';

/** How a run is applied. */
export interface ApplyOptions {
  /** The source that the records are stored under. */
  readonly source: string;
  /** The time of records that name none: when the source was read, or the file was written; milliseconds since the epoch. */
  readonly readAt: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Kinds of which the run brings the whole set: what it does not bring is removed. */
  readonly whole: readonly RecordKind[];
  readonly brakes: Brakes;
  /** Second names by which records without an id are joined (known-records.ts); absent = as a source of any kind is. */
  readonly joinBy?: readonly string[] | undefined;
  /** Somebody looked at the outcome: the brakes do not hold. The source's own count and an empty answer still do. */
  readonly confirmed: boolean;
  /** Whether an allow of the source takes effect. */
  readonly allowDecisions: boolean;
  /** Where records were refused, none is removed: what was refused may be what seems to be missing. */
  readonly removesOnlyUnrefused?: boolean;
  /** What the directory knows, read shortly before; absent = it is read now. */
  readonly known?: KnownRecords;
  /** What earlier runs of the source touched counts too, for the brakes. */
  readonly window?: TouchedWindow;
  /** Everything is computed, nothing is written. */
  readonly dryRun: boolean;
  /** Of the leader that writes (directory/lease.ts); absent = an operator writes. */
  readonly fence?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then: how many records were read, or written. */
  readonly progress?: ((phase: 'read' | 'written', count: number) => void) | undefined;
  /** Called for each device and user that was written, by its key. */
  readonly onOutcome?: ((kind: 'device' | 'user', key: string, outcome: ReportOutcome) => void) | undefined;
  /** Called for each record of which an earlier record of the device counts in its place, with its line. */
  readonly onOutdated?: ((line: number) => void) | undefined;
  /** Called for each record that belongs to no device that is known, with its line. */
  readonly onNotJoined?: ((line: number) => void) | undefined;
}

/** What is applied of a part; the cursor is the runner's. */
type RunPart = Omit<FeedPart, 'cursor'>;

/** Devices or users that a dry run reads at once, to compare them with the run. */
const DRY_RUN_BATCH = 200;

/** Applies a run. @throws what the source throws: then nothing was written; or what the store throws */
export async function applyLines(
  store: DirectoryStore,
  parts: AsyncIterable<RunPart>,
  options: ApplyOptions,
): Promise<ApplyOutcome> {
  const { source, now, signal } = options;
  const known =
    options.known ??
    (await KnownRecords.read(store, { source, now, joinBy: options.joinBy ?? null }, signal));
  const devices = new RunDevices(known, options);
  const users = new RunUsers(known.users, () => userReports(store, source, signal));
  const decisions = new RunDecisions(known, options);
  try {
    return await new Run(store, options, known, { devices, users, decisions }).apply(parts);
  } finally {
    await Promise.all([devices.close(), users.close(), decisions.close()]);
  }
}

/** The records of a run, which wait in files. */
interface RunRecords {
  readonly devices: RunDevices;
  readonly users: RunUsers;
  readonly decisions: RunDecisions;
}

class Run {
  private readonly store: DirectoryStore;
  private readonly options: ApplyOptions;
  private readonly known: KnownRecords;
  private readonly devices: RunDevices;
  private readonly users: RunUsers;
  private readonly decisions: RunDecisions;
  private readonly read = { device: 0, user: 0, group: 0, decision: 0, refused: 0 };
  private readonly stated: Partial<Record<RecordKind, number>> = {};
  private readonly refused = new Noted();
  private readonly withProblems = new Noted();
  private readonly sameDevice = new Noted();
  private written = 0;

  constructor(
    store: DirectoryStore,
    options: ApplyOptions,
    known: KnownRecords,
    { devices, users, decisions }: RunRecords,
  ) {
    this.store = store;
    this.options = options;
    this.known = known;
    this.devices = devices;
    this.users = users;
    this.decisions = decisions;
  }

  async apply(parts: AsyncIterable<RunPart>): Promise<ApplyOutcome> {
    await this.readAll(parts);
    await this.devices.joinNameless();
    const notRemoved: string[] = [];
    const removesDevices = this.removes('device', () => this.known.presentDevices, notRemoved);
    const { users } = this.known;
    const removesUsers = this.removes('user', () => users.presentCount, notRemoved);
    const removesGroups = this.removes('group', () => users.groupCount, notRemoved);
    const { source, readAt } = this.options;
    const changes = await this.users.changes({ source, readAt, removesUsers, removesGroups });
    // A list of decisions is whole where the list of devices is.
    const decisions = await this.decisions.outcome(removesDevices);
    const touched = [this.devices.touched(removesDevices), ...changes.touched, decisions.touched];
    const { window, brakes } = this.options;
    const held = this.options.confirmed ? [] : heldBy(window?.with(touched) ?? touched, brakes);
    const counts = { devices: noneWritten(), users: noneWritten() };
    if (held.length === 0) {
      counts.devices.older = this.devices.outdated;
      if (!this.options.dryRun) window?.add(touched);
      // A run that ends in the middle, or is spread over time, has blocked everybody before it frees anybody.
      await this.writeDevices(this.devices.restrictions(removesDevices), counts.devices);
      await this.writeUsers(changes.restrictions(), counts.users);
      await this.putDecisions(decisions.restrictions());
      await this.writeDevices(this.devices.releases(), counts.devices);
      await this.writeUsers(changes.releases(), counts.users);
      await this.putDecisions(decisions.releases());
    }
    const { joined, notJoined, possibleMatches, firstNotJoined } = this.devices;
    return {
      source,
      dryRun: this.options.dryRun,
      read: this.read,
      ...counts,
      decisions: held.length === 0 ? decisions.counts : { ...decisions.counts, applied: 0, removed: 0 },
      joined,
      notJoined: { count: notJoined, possibleMatches, first: firstNotJoined },
      refused: this.refused.list,
      withProblems: this.withProblems.list,
      sameDevice: this.sameDevice.list,
      held,
      notRemoved,
    };
  }

  private async readAll(parts: AsyncIterable<RunPart>): Promise<void> {
    let read = 0;
    for await (const { lines, gone, members, count } of parts) {
      this.options.signal?.throwIfAborted();
      for (const line of lines) await this.add(line);
      for (const { kind, sourceId } of gone ?? []) this.addGone(kind, sourceId);
      if (members !== undefined) this.users.addGroup(members);
      Object.assign(this.stated, count);
      read += lines.length;
      this.options.progress?.('read', read);
    }
  }

  private async add(line: FeedLine): Promise<void> {
    this.read[line.type]++;
    const { source } = this.options;
    if (line.type !== 'refused' && line.problems.length > 0)
      this.withProblems.add(line.line, line.problems.join('; '));
    if (line.type === 'refused') this.refused.add(line.line, line.reason);
    else if (line.type === 'device') {
      const note = await this.devices.add({ ...line, source });
      if (note !== null) this.sameDevice.add(line.line, note);
    } else if (line.type === 'user') await this.users.addUser(line);
    else if (line.type === 'group') this.users.addGroup(line);
    else await this.decisions.add(line);
  }

  private addGone(kind: RecordKind, sourceId: string): void {
    if (kind === 'group') {
      this.users.addGroup({ id: sourceId, members: [] });
      return;
    }
    if (kind === 'device') {
      for (const key of this.known.devicesWithSourceId(sourceId)) this.devices.gone.add(key);
      return;
    }
    this.users.addGone(sourceId);
  }

  private removes(kind: RecordKind, before: () => number, notRemoved: string[]): boolean {
    if (!this.options.whole.includes(kind)) return false;
    const stated = this.stated[kind];
    if (this.options.removesOnlyUnrefused === true && this.read.refused > 0) {
      notRemoved.push(`${this.read.refused} records were refused: no ${kind} is removed`);
      return false;
    }
    // A record that was refused is one of the source's all the same, and may be any of those that seem to be missing.
    const why = whyNotRemoved(kind, {
      read: this.read[kind],
      refused: this.read.refused,
      before: before(),
      stated,
    });
    if (why !== null) notRemoved.push(why);
    return why === null;
  }

  private async writeDevices(
    batches: AsyncIterable<readonly DeviceObservation[]>,
    counts: WrittenCounts,
  ): Promise<void> {
    for await (const batch of batches)
      await this.write(batch, counts, 'device', (some) => this.putDevices(some));
  }

  private async writeUsers(
    batches: AsyncIterable<readonly UserObservation[]>,
    counts: WrittenCounts,
  ): Promise<void> {
    for await (const batch of batches) await this.write(batch, counts, 'user', (some) => this.putUsers(some));
  }

  private async write<
    Observation extends { readonly key: string; readonly removed?: boolean | null | undefined },
  >(
    batch: readonly Observation[],
    counts: WrittenCounts,
    kind: 'device' | 'user',
    put: (batch: readonly Observation[]) => Promise<readonly ReportOutcome[]>,
  ): Promise<void> {
    this.options.signal?.throwIfAborted();
    const outcomes = await put(batch);
    for (const [index, outcome] of outcomes.entries()) {
      const isRemoval = batch[index]?.removed === true;
      this.options.onOutcome?.(kind, batch[index]?.key ?? '', outcome);
      if (outcome === 'older') counts.older++;
      else if (outcome === 'stored') counts.unchanged++;
      else if (isRemoval) counts.removed++;
      else counts.accepted++;
    }
    this.written += batch.length;
    this.options.progress?.('written', this.written);
  }

  private async putDevices(batch: readonly DeviceObservation[]): Promise<readonly ReportOutcome[]> {
    if (!this.options.dryRun) return this.store.putDevices(batch, this.options.fence);
    const outcomes: ReportOutcome[] = [];
    for (const some of inParts(batch, DRY_RUN_BATCH)) {
      const entries = await this.store.getDevices(some.map(({ key }) => key));
      for (const [index, observation] of some.entries()) {
        const reports = entries[index]?.reports ?? [];
        const before = reports.find(({ source }) => source === observation.source) ?? null;
        const others = reports.filter((one) => one !== before);
        outcomes.push(outcomeOf(joinDeviceReport(before, observation, this.options.now, others)));
      }
    }
    return outcomes;
  }

  private async putUsers(batch: readonly UserObservation[]): Promise<readonly ReportOutcome[]> {
    if (!this.options.dryRun) return this.store.putUsers(batch, this.options.fence);
    const outcomes: ReportOutcome[] = [];
    for (const some of inParts(batch, DRY_RUN_BATCH)) {
      // Of users that are new nothing is stored.
      const keys = some.map(({ key }) => key).filter((key) => this.known.users.numberOf(key) !== NONE);
      const reports = await this.store.getUserReports(this.options.source, keys);
      const before = new Map(keys.map((key, index) => [key, reports[index] ?? null]));
      for (const observation of some)
        outcomes.push(
          outcomeOf(joinUserReport(before.get(observation.key) ?? null, observation, this.options.now)),
        );
    }
    return outcomes;
  }

  private async putDecisions(batches: AsyncIterable<readonly ImportedChange[]>): Promise<void> {
    if (this.options.dryRun) return;
    for await (const batch of batches) {
      this.options.signal?.throwIfAborted();
      await this.store.putImported(this.options.source, batch, this.options.fence);
      this.written += batch.length;
      this.options.progress?.('written', this.written);
    }
  }
}

/** Records that there is something to say about: the first ones are listed. */
class Noted {
  private readonly first: Refusal[] = [];
  private count = 0;

  add(line: number, reason: string): void {
    this.count++;
    if (this.first.length < MAX_LISTED) this.first.push({ line, reason });
  }

  get list(): { readonly count: number; readonly first: readonly Refusal[] } {
    return { count: this.count, first: this.first };
  }
}

function outcomeOf(joined: { readonly isNews: boolean } | null): ReportOutcome {
  return joined === null ? 'older' : joined.isNews ? 'news' : 'stored';
}

function* inParts<One>(all: readonly One[], size: number): Generator<readonly One[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}
