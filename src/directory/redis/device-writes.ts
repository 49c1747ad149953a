// Owns writing reports on devices, and decisions that feeds import, to Redis.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { DeviceObservation } from '../../model/device.ts';
import type { ReportOutcome } from '../device-reports.ts';
import { writeOfDevice } from '../report-writes.ts';
import type { ImportedChange } from '../store.ts';
import type { SourceText } from '../stored-records.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { FieldChange, HashAccess, HashChange, HashUpdate, LogField } from './hash-writer.ts';
import type { ReadHash } from './packed-reply.ts';
import { deviceField, encodeName, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice } from './stored-hashes.ts';

/** Observations of one device, in the order in which they came; `at` = the place of the outcome. */
interface Observed {
  readonly device: DeviceKey;
  readonly observations: { readonly at: number; readonly observation: DeviceObservation }[];
}

/** What is assumed of a device before its hash was read: the write is refused if there is one. */
const ASSUMED_NEW: ReadHash = { end: '', values: [] };

/** Writes reports of devices. */
export class DeviceWriter {
  private readonly keys: RedisKeys;
  /** Most devices lately were not stored before: then it is faster to write first, and to read those that were. */
  private mostlyNew = true;

  constructor(keys: RedisKeys) {
    this.keys = keys;
  }

  /** Joins the observations with what is stored, and writes them. The outcomes are in their order. */
  async put(
    access: HashAccess,
    observations: readonly DeviceObservation[],
  ): Promise<readonly ReportOutcome[]> {
    const outcomes: ReportOutcome[] = observations.map(() => 'older');
    const devices = new Map<DeviceKey, Observed>();
    for (const [at, observation] of observations.entries()) {
      const observed = devices.get(observation.key);
      if (observed !== undefined) observed.observations.push({ at, observation });
      else devices.set(observation.key, { device: observation.key, observations: [{ at, observation }] });
    }
    const parts = byPartition(devices.values(), ({ device }) => partitionOfDevice(device));
    await inParallel(parts, async ({ partition, items }) => {
      await access.turn?.(items.length);
      let known = 0;
      const updates = items.map(({ device, observations: of }) => {
        const join = joinOf(of, outcomes);
        return {
          wanted: { key: this.keys.device(device, partition), beginning: 'r:' },
          join: (stored: ReadHash['values']) => {
            if (stored !== null && stored.length > 0) known += 1;
            return join(device, stored);
          },
        };
      });
      const seen = this.mostlyNew ? items.map(() => ASSUMED_NEW) : undefined;
      await updateHashes(access, updates, 'd', seen);
      this.mostlyNew = known < items.length / 2;
    });
    return outcomes;
  }
}

/** Sets the outcomes whenever it is called: the last time counts. */
function joinOf(
  observations: Observed['observations'],
  outcomes: ReportOutcome[],
): (device: DeviceKey, stored: ReadHash['values']) => HashChange {
  return (device, stored) => {
    const before = storedDevice(device, stored).reports;
    let reports: readonly SourceText[] = before;
    const now = Date.now();
    let isNews = false;
    for (const { at, observation } of observations) {
      const { outcome, text, obsolete } = writeOfDevice(reports, observation, now);
      outcomes[at] = outcome;
      if (text === null) continue;
      isNews ||= outcome === 'news';
      const { source } = observation;
      const others = reports.filter((one) => one.source !== source && !obsolete.includes(one.source));
      reports = [...others, { source, text }];
    }
    if (reports === before) return { fields: [], news: '' };
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
    return { fields, news: isNews ? '=' : '', isNew: stored === ASSUMED_NEW.values };
  };
}

/** Writes decisions that a feed imports. `newsOf`: what the log says of a changed decision on a user. */
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
  await inParallel(byPartition(intoDevices, partitionOf), ({ items }) => write(access, items, 'd'));
  await inParallel(byPartition(intoUsers, partitionOf), async ({ items }) => {
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
    wanted: { key, fields: fields.map(({ name }) => name) },
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
