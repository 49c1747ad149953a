// Owns a directory in memory with a few users, devices and decisions, for tests of use cases.
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { PartnershipRecord } from '../../src/model/partnership.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { BY_TEST, decision, deviceReport, wipeDecision } from '../support/servers/directory-records.ts';

export const DAY_MS = 86_400_000;
/** The current time of tests whose functions are given it. */
export const NOW = Date.parse('2026-12-01T10:00:00Z');

export function seen(
  user: string,
  device: string,
  daysAgo: number,
  more: Partial<PartnershipRecord> = {},
  now = NOW,
): PartnershipRecord {
  return {
    user: user as UserKey,
    device: device as DeviceKey,
    firstSeen: now - 100 * DAY_MS,
    lastSeen: now - daysAgo * DAY_MS,
    deviceType: 'iPhone',
    userAgent: 'Apple-iPhone15C2/2105.219',
    protocolVersion: '16.1',
    lastVerdict: 'allow',
    lastReason: 'compliant',
    model: null,
    os: null,
    imei: null,
    spellings: [device],
    lastAllowed: null,
    agentChanges: [],
    ...more,
  };
}

/**
 * alice with a compliant phone and an old one, bob with a blocked Android, and a reported device without a partnership. Times, such as
 * the end of an exception a day ago, are relative to `now`, in milliseconds since the epoch.
 */
export async function openOffice(
  store: DirectoryStore = new EmbeddedStore(':memory:'),
  now = NOW,
): Promise<DirectoryStore> {
  const key = (text: string): DeviceKey => text as DeviceKey;
  await store.putDevices([deviceReport(key('good1'), { model: 'iPhone15C2', os: 'iOS 17.4' })]);
  await store.putDevices([
    deviceReport(key('old2'), { compliant: false, model: 'SM-G991B', os: 'Android 9' }),
  ]);
  await store.putDevices([deviceReport(key('spare4'), { managed: false, compliant: null })]);
  await store.recordSeen([
    seen('alice@contoso.com', 'good1', 1, {}, now),
    seen('alice@contoso.com', 'old2', 30, { lastVerdict: 'quarantine', lastReason: 'notCompliant' }, now),
    seen(
      'contoso\\bob',
      'lost3',
      3,
      {
        deviceType: 'Android',
        model: 'Pixel 8',
        lastVerdict: 'block',
        lastReason: 'individualRule',
      },
      now,
    ),
  ]);
  await store.decide(
    { user: null, device: key('lost3') },
    { ...decision('block'), reason: 'stolen', decidedAt: now - DAY_MS },
    BY_TEST,
  );
  await store.decide(
    { user: 'alice@contoso.com' as UserKey, device: key('old2') },
    {
      ...decision('allow'),
      owner: 'erin',
      decidedAt: now - 9 * DAY_MS,
      expiresAt: now - DAY_MS,
    },
    BY_TEST,
  );
  await store.decide(
    { user: 'eve@contoso.com' as UserKey, device: key('never5') },
    {
      ...decision('allow'),
      expiresAt: now + DAY_MS,
    },
    BY_TEST,
  );
  await store.decide({ user: null, device: key('spare4') }, wipeDecision(now - 2 * DAY_MS), BY_TEST);
  return store;
}

/** The office at the current time of the machine, for what reads that clock: the admin API. */
export function openOfficeToday(): Promise<DirectoryStore> {
  return openOffice(undefined, Date.now());
}
