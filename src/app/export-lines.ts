// Owns the lines of an export: what a list shows, as records that an import reads again.
import type { ModelUser } from '../directory/read-model/model-users.ts';
import type { ModelRow } from '../directory/read-model/model-row.ts';
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { UserRecord } from '../model/user.ts';
import type { DecisionRow } from './decision-list.ts';
import { exactIsoTime } from './times.ts';

/** One line of an export. */
export type ExportLine = Readonly<Record<string, unknown>>;

/** Records read at once. */
const READS = 64;

/**
 * One line for each device, in the order of the rows, with those of its partnerships that the rows have. A device that no feed
 * reports has no record, and no line.
 */
export async function* deviceLines(
  store: DirectoryStore,
  rows: readonly ModelRow[],
): AsyncGenerator<ExportLine> {
  const byDevice = [...Map.groupBy(rows, (row) => row.device)];
  for (let at = 0; at < byDevice.length; at += READS) {
    const part = byDevice.slice(at, at + READS);
    const entries = await Promise.all(part.map(([device]) => store.getDevice(device)));
    for (const [index, [device, ofDevice]] of part.entries()) {
      const line = deviceLine(device, entries[index] ?? null, ofDevice);
      if (line !== null) yield line;
    }
  }
}

function deviceLine(
  device: DeviceKey,
  entry: DeviceEntry | null,
  rows: readonly ModelRow[],
): ExportLine | null {
  const record = entry?.record ?? null;
  if (record === null) return null;
  return {
    type: 'device',
    id: device,
    source: record.source,
    serialNumber: record.serialNumber,
    udid: record.udid,
    imei: record.imei,
    managed: record.managed,
    compliant: record.compliant,
    graceUntil: exactIsoTime(record.graceUntil),
    encrypted: record.encrypted,
    compromised: record.compromised,
    managedMailProfile: record.managedMailProfile,
    platform: record.platform,
    osVersion: record.osVersion,
    os: record.os,
    model: record.model,
    manufacturer: record.manufacturer,
    ownership: record.ownership ?? 'unknown',
    owner: record.owner,
    lastCheckIn: exactIsoTime(record.lastCheckIn),
    unmetRequirements: record.unmetRequirements,
    attributes: record.attributes,
    observedAt: exactIsoTime(record.observedAt),
    partnerships: rows.flatMap(({ user, state, reason, firstSeen, lastSeen }) =>
      user === null
        ? []
        : [{ user, state, reason, firstSeen: exactIsoTime(firstSeen), lastSeen: exactIsoTime(lastSeen) }],
    ),
  };
}

/** One line for each user of the rows that a feed reports, in the order of their names. */
export async function* userLines(
  store: DirectoryStore,
  rows: readonly ModelUser[],
): AsyncGenerator<ExportLine> {
  const records = new Map<UserKey, UserRecord>();
  for (let at = 0; at < rows.length; at += READS) {
    const part = rows.slice(at, at + READS);
    for (const { record } of await Promise.all(part.map(({ user }) => store.joinedUser(user))))
      if (record !== null) records.set(record.key, record);
  }
  for (const { key, aliases, groups, enabled, attributes } of [...records.values()].sort((a, b) =>
    a.key < b.key ? -1 : 1,
  ))
    yield { type: 'user', id: key, aliases, ...(groups !== null && { groups }), enabled, attributes };
}

/** One line for each decision; `source` null = an operator made it. An import refuses those on every device of a user, and wipes: an operator orders them. */
export function* decisionLines(rows: readonly DecisionRow[]): Generator<ExportLine> {
  for (const { device, user, state, source, decision } of rows)
    yield {
      type: 'decision',
      scope: device === null ? 'user' : user === null ? 'device' : 'partnership',
      device,
      user,
      action: decision.action,
      state,
      source,
      reason: decision.reason,
      by: decision.owner,
      decidedAt: exactIsoTime(decision.decidedAt),
      expiresAt: exactIsoTime(decision.expiresAt),
    };
}
