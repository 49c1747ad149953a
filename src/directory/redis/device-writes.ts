// Owns writing reports on devices, and decisions that feeds import, to Redis.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { DeviceObservation } from '../../model/device.ts';
import type { ReportOutcome } from '../device-reports.ts';
import { NO_SOURCE, reportsAfter, writeOfDevice, writeOfNewDevice } from '../report-writes.ts';
import type { ImportedChange } from '../store.ts';
import type { SourceText } from '../stored-records.ts';
import type { BulkHashAccess } from './bulk-access.ts';
import type { FieldChange, HashChange, LogField, Unread } from './commit-values.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { HashAccess, HashUpdate, Part } from './hash-writer.ts';
import type { ReadHash } from './packed-reply.ts';
import { placesOf } from './record-places.ts';
import type { RecordPlaces } from './record-places.ts';
import { deviceField, encodeName, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice } from './stored-hashes.ts';

/**
 * The first report of a source is always logged as a change, whatever other sources report: it is written without a read. The write is refused if
 * the source has a report already, or if there is a report without a source, which may be malformed.
 */
const FIRST_OF_SOURCE: Unread = { absent: [deviceField.report(NO_SOURCE)], beginning: '' };

/** Writes reports of devices. */
export class DeviceWriter {
  private readonly keys: RedisKeys;
  /** In the last call, most reports were the first of their source: then it is faster to write first, and to read only the devices whose write is refused. */
  private mostlyNew = true;

  constructor(keys: RedisKeys) {
    this.keys = keys;
  }

  /** Joins the observations with what is stored, and writes them. The outcomes are in their order. */
  async put(
    access: BulkHashAccess,
    observations: readonly DeviceObservation[],
  ): Promise<readonly ReportOutcome[]> {
    const { firsts, several } = placesOf(observations, ({ key }) => key);
    const run: Run = { observations, several, outcomes: observations.map(() => 'older') };
    const parts = byPartition(access, firsts, (at) => partitionOfDevice(deviceAt(run, at)));
    await inParallel(access, parts, (part) => this.putPart(access, part, run));
    return run.outcomes;
  }

  /** Items are places of first observations. */
  private async putPart(access: BulkHashAccess, { partition, items }: Part<number>, run: Run): Promise<void> {
    await access.turn?.(items.length);
    const others = this.mostlyNew ? await this.putFirst(access, partition, items, run) : items;
    if (others.length === 0) return;
    let known = 0;
    const updates = others.map((at): HashUpdate => ({
      key: this.keys.device(deviceAt(run, at), partition),
      beginning: 'r:',
      join: (stored) => {
        const change = changeOf(at, stored, run);
        if (!change.fields.some(({ expected }) => expected === null)) known += 1;
        return change;
      },
    }));
    await updateHashes(access, updates, 'd');
    this.mostlyNew = known < items.length / 2;
  }

  /** Writes those that are the first report of their source. Returns the places of the others. */
  private async putFirst(
    access: BulkHashAccess,
    partition: number,
    items: readonly number[],
    { observations, several, outcomes }: Run,
  ): Promise<readonly number[]> {
    const { source } = observations[items[0] ?? 0] as DeviceObservation;
    const [others, places]: [number[], number[]] = [[], []];
    const [keys, texts]: [string[], string[]] = [[], []];
    const now = Date.now();
    for (const at of items) {
      const observation = observations[at] as DeviceObservation;
      // With several reports on one device, the later ones may depend on the earlier ones.
      const isAlone = observation.source === source && !several.has(at);
      const text = isAlone ? writeOfNewDevice(observation, now).text : null;
      if (text === null) {
        others.push(at);
        continue;
      }
      places.push(at);
      keys.push(this.keys.device(observation.key, partition));
      texts.push(text);
    }
    if (places.length === 0) return others;
    const field = deviceField.report(source);
    const refused = new Set(
      await access.add({ keys, field, texts, news: '=', unread: FIRST_OF_SOURCE }, 'd'),
    );
    for (const [index, at] of places.entries())
      if (refused.has(index + 1)) others.push(at);
      else outcomes[at] = 'news';
    return others;
  }
}

/** The observations of one call of {@link DeviceWriter.put}, and their outcomes. */
interface Run {
  readonly observations: readonly DeviceObservation[];
  readonly several: RecordPlaces['several'];
  readonly outcomes: ReportOutcome[];
}

function deviceAt({ observations }: Run, at: number): DeviceKey {
  return (observations[at] as DeviceObservation).key;
}

/** Sets the outcomes whenever it is called: the last time counts. */
function changeOf(first: number, stored: ReadHash['values'], run: Run): HashChange {
  const { observations, outcomes } = run;
  const places = run.several.get(first) ?? [first];
  const before = storedDevice(deviceAt(run, first), stored).reports;
  let reports: readonly SourceText[] = before;
  const now = Date.now();
  let isNews = false;
  for (const at of places) {
    const observation = observations[at] as DeviceObservation;
    const { outcome, text, obsolete } = writeOfDevice(reports, observation, now);
    outcomes[at] = outcome;
    if (text === null) continue;
    isNews ||= outcome === 'news';
    reports = reportsAfter(reports, { source: observation.source, text }, obsolete);
  }
  if (reports === before) return UNCHANGED;
  const fields: FieldChange[] = [];
  for (const { source, text } of reports) {
    const expected = before.find((one) => one.source === source)?.text ?? null;
    // Whether it is news rests on what other sources say.
    if (expected !== text || !isNews)
      fields.push({ field: deviceField.report(source), expected, next: text });
  }
  for (const { source, text } of before)
    if (!reports.some((one) => one.source === source))
      fields.push({ field: deviceField.report(source), expected: text, next: null });
  // A hash that was read without reports may have decisions or partnerships: each field is then compared by itself.
  return { fields, news: isNews ? '=' : '' };
}

const UNCHANGED: HashChange = Object.freeze({ fields: [], news: '' });

/** Writes decisions that a feed imports. `newsOf`: the text for the change log about a decision on a user. */
export async function putImported(
  access: HashAccess,
  keys: RedisKeys,
  source: string,
  changes: readonly ImportedChange[],
  newsOf: (user: UserKey) => Promise<string>,
): Promise<void> {
  // Of several decisions on one subject, the last one counts.
  const last = new Map(changes.map((change) => [JSON.stringify([change.device, change.user]), change]));
  const onDevices = Map.groupBy(last.values(), ({ device }) => device);
  const onUsers = Map.groupBy(onDevices.get(null) ?? [], ({ user }) => foldedLocalPart(user ?? ''));
  onDevices.delete(null);
  const intoDevices = [...onDevices].map(([device, ofDevice]): ImportedInto => {
    const key = device as DeviceKey;
    const fields = ofDevice.map(({ user, decision }) => ({
      name: deviceField.imported(source, user),
      news: user === null ? key : `${key}:${encodeName(user)}`,
      decision,
    }));
    return { partition: partitionOfDevice(key), key: keys.device(key), fields };
  });
  const intoUsers = [...onUsers].map(([local, ofLocal]): ImportedInto => {
    const fields = ofLocal.map(({ user, decision }) => {
      const name = user ?? ('' as UserKey);
      return { name: userField.imported(local, source, name), news: name, decision };
    });
    return { partition: partitionOfUsers(local), key: keys.users(local), fields };
  });
  await inParallel(access, byPartition(access, intoDevices, partitionOf), ({ items }) =>
    write(access, items, 'd'),
  );
  await inParallel(access, byPartition(access, intoUsers, partitionOf), async ({ items }) => {
    // They are read together: look-ups of one turn of the event loop are (lookup-batch.ts).
    const told = items.map(async (item) => {
      const fields = item.fields.map(async (field) => ({
        ...field,
        news: await newsOf(field.news as UserKey),
      }));
      return { ...item, fields: await Promise.all(fields) };
    });
    await write(access, await Promise.all(told), 'u');
  });
}

interface ImportedInto {
  readonly partition: number;
  readonly key: string;
  readonly fields: readonly {
    readonly name: string;
    readonly news: string;
    readonly decision: ImportedChange['decision'];
  }[];
}

function partitionOf({ partition }: ImportedInto): number {
  return partition;
}

async function write(access: HashAccess, part: readonly ImportedInto[], log: LogField): Promise<void> {
  await access.turn?.(part.length);
  const updates = part.map(({ key, fields }): HashUpdate => ({
    key,
    fields: fields.map(({ name }) => name),
    join: (stored) => {
      const changed: FieldChange[] = [];
      const news: string[] = [];
      for (const [index, field] of fields.entries()) {
        const expected = stored?.[index] ?? null;
        const next = field.decision === null ? null : JSON.stringify(field.decision);
        if (expected === next) continue;
        changed.push({ field: field.name, expected, next });
        news.push(field.news);
      }
      return { fields: changed, news: news.join(' ') };
    },
  }));
  await updateHashes(access, updates, log);
}
