// Owns a made-up directory for the tests of the dashboard: one phone for each state and reason, and as many others as a test wants.
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import type { DeviceObservation } from '../../../src/model/device.ts';
import type { PartnershipRecord } from '../../../src/model/partnership.ts';
import type { UserObservation } from '../../../src/model/user.ts';
import { wipeDecision } from '../../support/servers/directory-records.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** A phone: user, id, type, model, system, last verdict, its reason, seen so many minutes ago. */
type Phone = readonly [string, string, string, string, string, string, string, number];

const PHONES: readonly Phone[] = [
  ['clara', 'androidc1462783', 'Android', 'Pixel 8', 'Android 14', 'quarantine', 'notEncrypted', 1],
  ['ben', 'applf17qn3k20dd', 'iPhone', 'iPhone 15', 'iOS 18.1', 'quarantine', 'unknownDevice', 2],
  ['greta', 'sec1a9c07e4b2f31', 'Android', 'Galaxy S23', 'Android 14', 'block', 'individualRule', 4],
  ['farid', 'sec55d0bb8a9021c', 'Android', 'Galaxy A13', 'Android 11', 'quarantine', 'osTooOld', 7],
  ['elif', 'applq8w2m5v0x9', 'iPad', 'iPad Air', 'iPadOS 17.6', 'quarantine', 'notEnrolled', 11],
  ['dimitri', 'applk21zz80p4c', 'iPhone', 'iPhone 13', 'iOS 17.5', 'allow', 'individualRule', 12],
  ['hana', 'appld0n7r33e1t', 'iPhone', 'iPhone 12', 'iOS 17.0', 'quarantine', 'notCheckedIn', 16],
  ['ivo', 'androida77e0c35d1', 'Android', 'Pixel 7a', 'Android 15', 'block', 'tooManyDevices', 21],
  ['jana', 'androidb902fe1140', 'Android', 'Pixel 6', 'Android 13', 'wipe', 'wipeRequested', 2_880],
  ['kofi', 'applm6t4y9u2i8', 'iPhone', 'iPhone SE', 'iOS 17.2', 'quarantine', 'notCompliant', 24],
  ['lena', 'applx3c5v7b9n1', 'iPhone', 'iPhone 14', 'iOS 17.3', 'allow', 'inGracePeriod', 25],
  ['olga', 'win10b7c2aa91ef0', 'WindowsMail', 'Windows Mail', 'Windows 10', 'block', 'deviceRule', 44],
  ['pavel', 'sec0f0e1d2c3b4a5', 'Android', 'Galaxy S21', 'Android 13', 'quarantine', 'compromised', 65],
];

const platformOf = (os: string): string | null =>
  os.startsWith('Android') ? 'android' : os.startsWith('i') ? 'ios' : null;

function partnership(phone: Phone, now: number): PartnershipRecord {
  const [user, device, deviceType, model, os, lastVerdict, lastReason, minutes] = phone;
  return {
    user: `${user}@example.com` as UserKey,
    device: device as DeviceKey,
    firstSeen: now - 60 * DAY,
    lastSeen: now - minutes * MINUTE,
    deviceType,
    userAgent: `${deviceType}/1.0`,
    protocolVersion: '16.1',
    lastVerdict,
    lastReason,
    model,
    os,
    imei: null,
    spellings: [device, device.toUpperCase()],
    lastAllowed: now - 3 * DAY,
    agentChanges: [],
  };
}

function report([, device, , model, os, , reason]: Phone, now: number): DeviceObservation {
  return {
    key: device as DeviceKey,
    source: 'mdm',
    observedAt: now - 12 * MINUTE,
    version: 1,
    managed: reason !== 'notEnrolled',
    compliant: reason !== 'notCompliant',
    encrypted: reason !== 'notEncrypted',
    compromised: reason === 'compromised',
    model,
    os,
    platform: platformOf(os),
    osVersion: os.replace(/^\D+/, ''),
    owner: 'Example Ltd',
    ownership: 'company',
    lastCheckIn: now - (reason === 'notCheckedIn' ? 34 * DAY : 12 * MINUTE),
  };
}

function person(
  name: string,
  groups: readonly string[],
  aliases: readonly string[],
  enabled: boolean,
  now: number,
): UserObservation {
  return {
    key: `${name}@example.com` as UserKey,
    source: 'directory',
    observedAt: now - 192 * MINUTE,
    version: 1,
    aliases,
    groups,
    enabled,
    attributes: name === 'clara' ? { department: 'Engineering' } : {},
  };
}

/** The directory; `more` = further compliant phones. */
export async function openFleet(more = 0, now = Date.now()): Promise<DirectoryStore> {
  const store = new EmbeddedStore(':memory:');
  const others = Array.from({ length: more }, (_, place): Phone => {
    const id = String(place).padStart(5, '0');
    return [`user${id}`, `appl${id}zz`, 'iPhone', 'iPhone 15', 'iOS 18.1', 'allow', 'compliant', 120 + place];
  });
  const phones = [...PHONES, ...others];
  await store.putDevices(
    phones.filter(([, , , , , , reason]) => reason !== 'unknownDevice').map((one) => report(one, now)),
  );
  await store.putUsers([
    person('clara', ['engineering', 'everyone'], ['c.berg@example.com'], true, now),
    person('ben', ['sales', 'everyone'], [], true, now),
    person('pavel', ['everyone'], [], false, now),
  ]);
  await store.recordSeen(phones.map((one) => partnership(one, now)));
  const decide = async (
    user: string | null,
    device: string,
    action: 'allow' | 'block',
    reason: string,
    daysAgo: number,
    expiresAt: number | null,
  ): Promise<void> => {
    const at = now - daysAgo * DAY;
    await store.decide(
      { user: user as UserKey | null, device: device as DeviceKey },
      { action, owner: 'nora', reason, decidedAt: at, expiresAt },
      { by: 'nora', via: 'api', at },
    );
  };
  await decide(
    'clara@example.com',
    'androidc1462783',
    'allow',
    'Encryption is running, ticket 4711',
    4,
    now - 2 * DAY,
  );
  await decide(null, 'sec1a9c07e4b2f31', 'block', 'lost', 1, null);
  await decide('dimitri@example.com', 'applk21zz80p4c', 'allow', 'Travels until Friday', 1, now + 2 * DAY);
  await store.decide(
    { user: null, device: 'androidb902fe1140' as DeviceKey },
    wipeDecision(now - 2 * DAY, 'wipe', 'jana@example.com', 'androidb902fe1140' as DeviceKey),
    { by: 'nora', via: 'api', at: now - 2 * DAY },
  );
  return store;
}
