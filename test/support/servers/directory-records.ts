// Owns the records that tests write into a directory.
import type { AuditSink } from '../../../src/journal/audit-log.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import type { AccessDecision, DecisionOrigin, WipeDecision } from '../../../src/model/decision.ts';
import type { DeviceObservation } from '../../../src/model/device.ts';
import type { PartnershipRecord } from '../../../src/model/partnership.ts';
import type { PartnershipSignal } from '../../../src/model/signal.ts';
import type { UserObservation } from '../../../src/model/user.ts';

export const alice = 'alice' as UserKey;
export const phone = 'phone1' as DeviceKey;

/** Who changes decisions in tests. */
export const BY_TEST: DecisionOrigin = { by: 'admin', via: 'test', at: 5 };

/** What a feed reports of a device that is managed and compliant. */
export function deviceReport(key: DeviceKey, more: Partial<DeviceObservation> = {}): DeviceObservation {
  return {
    key,
    source: 'mdm',
    observedAt: 1,
    version: 1,
    managed: true,
    compliant: true,
    model: 'iPhone15C2',
    ...more,
  };
}

/** What a feed reports of a user. */
export function userReport(key: UserKey, more: Partial<UserObservation> = {}): UserObservation {
  return { key, source: 'ad', observedAt: 1, version: 1, ...more };
}

export function decision(action: AccessDecision['action']): AccessDecision {
  return { action, owner: 'admin', reason: null, decidedAt: 5, expiresAt: null };
}

/** Names the phone of `user`, under all its spellings, which was not told yet. */
export function wipeDecision(
  requestedAt: number,
  action: WipeDecision['action'] = 'wipe',
  user: string = alice,
  device: DeviceKey = phone,
): WipeDecision {
  return {
    action,
    owner: 'admin',
    reason: 'stolen',
    decidedAt: requestedAt,
    expiresAt: null,
    wipe: {
      requestedAt,
      partnerships: [{ user, spellings: [device, Buffer.from(device).toString('hex')], toldAt: null }],
      state: 'pending',
      acknowledgedAt: null,
      deviceStatus: null,
      acknowledgedBy: null,
    },
  };
}

/** A user who was seen with a device. */
export function seenPartnership(
  user: UserKey,
  device: DeviceKey,
  seenAt: number,
  more: Partial<PartnershipRecord> = {},
): PartnershipRecord {
  return {
    user,
    device,
    firstSeen: seenAt,
    lastSeen: seenAt,
    deviceType: 'iPhone',
    userAgent: 'Apple',
    protocolVersion: '16.1',
    lastVerdict: 'allow',
    lastReason: 'compliant',
    model: null,
    os: null,
    imei: null,
    spellings: [device],
    lastAllowed: seenAt,
    agentChanges: [],
    ...more,
  };
}

/** Every partnership of a directory, in the order of device and user. */
export async function partnershipsOf(store: DirectoryStore): Promise<PartnershipRecord[]> {
  const found: PartnershipRecord[] = [];
  for await (const part of store.scanDevices()) found.push(...part.flatMap((entry) => entry.partnerships));
  return found.sort((a, b) =>
    a.device === b.device ? (a.user < b.user ? -1 : 1) : a.device < b.device ? -1 : 1,
  );
}

/** Changes of tests are recorded nowhere. */
export const UNAUDITED: AuditSink = { record: () => Promise.resolve() };

/** Records partnerships, and returns what is noticed about them. */
export async function noticed(
  store: DirectoryStore,
  batch: readonly PartnershipRecord[],
): Promise<readonly PartnershipSignal[]> {
  const signals: PartnershipSignal[] = [];
  await store.recordSeen(batch, (signal) => signals.push(signal));
  return signals;
}
