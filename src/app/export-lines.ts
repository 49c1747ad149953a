// Owns the lines of an export: what a list shows, as records that an import reads again.
import type { DirectoryStore } from '../directory/store.ts';
import type { UserKey } from '../identity/keys.ts';
import type { UserRecord } from '../model/user.ts';
import type { DecisionRow } from './decision-list.ts';
import type { InventoryRow } from './inventory.ts';
import { userMatcher } from './users.ts';
import type { UserFilter, UserRow } from './users.ts';

/** One line of an export. */
export type ExportLine = Readonly<Record<string, unknown>>;

/**
 * One line for each device, in the order of the rows, with those of its partnerships that the rows have. A device that no feed
 * reports has no record, and no line.
 */
export function* deviceLines(rows: readonly InventoryRow[]): Generator<ExportLine> {
  for (const [device, ofDevice] of Map.groupBy(rows, (row) => row.device)) {
    const record = ofDevice[0]?.listing?.record ?? null;
    if (record === null) continue;
    yield {
      type: 'device',
      id: device,
      source: record.source,
      serialNumber: record.serialNumber,
      udid: record.udid,
      imei: record.imei,
      managed: record.managed,
      compliant: record.compliant,
      graceUntil: iso(record.graceUntil),
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
      lastCheckIn: iso(record.lastCheckIn),
      unmetRequirements: record.unmetRequirements,
      attributes: record.attributes,
      observedAt: iso(record.observedAt),
      partnerships: ofDevice.flatMap(({ partnership, state }) =>
        partnership === null
          ? []
          : [
              {
                user: partnership.record.user,
                state,
                reason: partnership.record.lastReason,
                firstSeen: iso(partnership.record.firstSeen),
                lastSeen: iso(partnership.record.lastSeen),
              },
            ],
      ),
    };
  }
}

/**
 * One line for each user of the rows that a feed reports; users who were never seen with a device too where the filter asks
 * for nothing but a name.
 */
export async function userLines(
  store: DirectoryStore,
  rows: readonly UserRow[],
  { user: name, ...others }: UserFilter,
): Promise<ExportLine[]> {
  const records = new Map<UserKey, UserRecord>();
  for (const { user } of rows) {
    const record = (await store.getUser(user))?.record ?? null;
    if (record !== null) records.set(record.key, record);
  }
  if (Object.values(others).every((value) => value === undefined)) {
    const isUser = name === undefined ? null : userMatcher(store, name);
    for await (const part of store.scanUsers())
      for (const { key, record } of part)
        if (record !== null && (isUser === null || isUser(key))) records.set(key, record);
  }
  return [...records.values()]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, aliases, groups, enabled, attributes }) => ({
      type: 'user',
      id: key,
      aliases,
      ...(groups !== null && { groups }),
      enabled,
      attributes,
    }));
}

/** One line for each decision. An import refuses those on every device of a user, and wipes: an operator orders them. */
export function* decisionLines(rows: readonly DecisionRow[]): Generator<ExportLine> {
  for (const { device, user, state, decision } of rows)
    yield {
      type: 'decision',
      scope: device === null ? 'user' : user === null ? 'device' : 'partnership',
      device,
      user,
      action: decision.action,
      state,
      reason: decision.reason,
      by: decision.owner,
      decidedAt: iso(decision.decidedAt),
      expiresAt: iso(decision.expiresAt),
    };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
