// Owns writing reports on devices, and decisions that feeds import, to Redis.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { deviceReportText, readDeviceReport } from '../../model/device.ts';
import type { DeviceObservation, DeviceReport } from '../../model/device.ts';
import { joinDeviceReport } from '../device-reports.ts';
import type { ReportOutcome } from '../device-reports.ts';
import type { ImportedChange } from '../store.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { FieldChange, HashAccess, HashUpdate, LogField } from './hash-writer.ts';
import { deviceField, encodeName, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';

/** Observations of one device, in the order in which they came; `at` = the place of the outcome. */
interface Observed {
  readonly device: DeviceKey;
  readonly observations: { readonly at: number; readonly observation: DeviceObservation }[];
}

/** Joins the observations with what is stored, and writes them. The outcomes are in their order. */
export async function putDevices(
  access: HashAccess,
  keys: RedisKeys,
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
  await inParallel(parts, (part) =>
    updateHashes(
      access,
      part.map((observed) => updateOf(keys, observed, outcomes)),
      { name: 'd' },
    ),
  );
  return outcomes;
}

/** Sets the outcomes whenever it is joined: the last time counts. */
function updateOf(
  keys: RedisKeys,
  { device, observations }: Observed,
  outcomes: ReportOutcome[],
): HashUpdate {
  const sources = [...new Set(observations.map(({ observation }) => observation.source))];
  return {
    wanted: { key: keys.device(device), fields: sources.map((source) => deviceField.report(source)) },
    join: (stored) => {
      // A malformed report is overwritten.
      const reports = sources.map((source, index): DeviceReport | null =>
        new TolerantReader().read(stored?.[index], (text) => readDeviceReport(device, source, text)),
      );
      const now = Date.now();
      const changed = new Set<number>();
      let isNews = false;
      for (const { at, observation } of observations) {
        const place = sources.indexOf(observation.source);
        const joined = joinDeviceReport(reports[place] ?? null, observation, now);
        outcomes[at] = joined === null ? 'older' : joined.isNews ? 'news' : 'stored';
        if (joined === null) continue;
        reports[place] = joined.report;
        changed.add(place);
        isNews ||= joined.isNews;
      }
      const fields: FieldChange[] = [];
      for (const place of changed) {
        const [source, report] = [sources[place], reports[place]];
        if (source === undefined || report === null || report === undefined) continue;
        const expected = stored?.[place] ?? null;
        fields.push({ field: deviceField.report(source), expected, next: deviceReportText(report) });
      }
      return { fields, news: isNews ? device : '' };
    },
  };
}

/** Writes decisions that a feed imports. */
export async function putImported(
  access: HashAccess,
  keys: RedisKeys,
  source: string,
  changes: readonly ImportedChange[],
): Promise<void> {
  // Of several decisions on one subject, the last one counts.
  const last = new Map(changes.map((change) => [JSON.stringify([change.device, change.user]), change]));
  const onDevices = Map.groupBy(last.values(), ({ device }) => device);
  const onUsers = onDevices.get(null) ?? [];
  onDevices.delete(null);
  const devices = [...onDevices].map(([device, ofDevice]) => {
    const key = device as DeviceKey;
    const fields = ofDevice.map(({ user, decision }) => ({
      name: deviceField.imported(source, user),
      decision,
    }));
    return { partition: partitionOfDevice(key), key: keys.device(key), news: key, fields };
  });
  const locals = [...Map.groupBy(onUsers, ({ user }) => foldedLocalPart(user ?? ''))].map(
    ([local, ofLocal]) => {
      const users = ofLocal.map(({ user }) => user as UserKey);
      const fields = ofLocal.map(({ decision }, index) => ({
        name: userField.imported(source, users[index] as UserKey),
        decision,
      }));
      const news = users.map(encodeName).join(' ');
      return { partition: partitionOfUsers(local), key: keys.users(local), news, fields };
    },
  );
  await inParallel(
    byPartition(devices, ({ partition }) => partition),
    (part) => write(access, part, { name: 'd' }),
  );
  await inParallel(
    byPartition(locals, ({ partition }) => partition),
    (part) => write(access, part, { name: 'u' }),
  );
}

interface ImportedInto {
  readonly key: string;
  readonly news: string;
  readonly fields: readonly { readonly name: string; readonly decision: ImportedChange['decision'] }[];
}

function write(access: HashAccess, part: readonly ImportedInto[], log: LogField): Promise<void> {
  const updates = part.map(({ key, news, fields }): HashUpdate => ({
    wanted: { key, fields: fields.map(({ name }) => name) },
    join: (stored) => {
      const changed = fields.flatMap(({ name, decision }, index): FieldChange[] => {
        const expected = stored?.[index] ?? null;
        const next = decision === null ? null : JSON.stringify(decision);
        return expected === next ? [] : [{ field: name, expected, next }];
      });
      return changed.length === 0 ? null : { fields: changed, news };
    },
  }));
  return updateHashes(access, updates, log);
}
