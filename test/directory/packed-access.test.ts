// Owns the promise that the records behind a verdict are the same after they were packed: they decide alike.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packRecords, sharedText, unpackRecords } from '../../src/directory/packed-access.ts';
import { decideAccess } from '../../src/policy/access.ts';
import { readAccess } from '../../src/policy/access-facts.ts';
import type { Login } from '../../src/policy/access-facts.ts';
import type { DeviceFacts, PartnershipFacts, UserFacts } from '../../src/policy/engine/facts.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { AccessRecords, DeviceState } from '../../src/policy/access-records.ts';

const NOW = Date.parse('2026-12-01T00:00:00Z');
const ACTIVE_MS = 90 * 86_400_000;
const flag = fc.option(fc.boolean());
const time = fc.option(
  fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: NOW }) },
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((one) => !Object.is(one, -0)),
  ),
);
const text = fc.option(fc.string({ maxLength: 12 }));
const attributes = fc.dictionary(
  fc.string({ maxLength: 6 }).filter((name) => name !== '__proto__'),
  fc.oneof(fc.string({ maxLength: 6 }), fc.boolean(), fc.integer()),
  { maxKeys: 3 },
);
const device = fc.record({
  managed: flag,
  compliant: flag,
  encrypted: flag,
  compromised: flag,
  managedMailProfile: flag,
  platform: fc.option(fc.constantFrom('ios', 'android')),
  osVersion: fc.option(fc.constantFrom('17.4', '12')),
  model: text,
  manufacturer: text,
  ownership: fc.option(fc.constantFrom('company', 'personal')),
  os: text,
  lastCheckIn: time,
  graceUntil: time,
  reportedSince: time,
  managedUnmetSince: time,
  compliantUnmetSince: time,
  encryptedUnmetSince: time,
  compromisedUnmetSince: time,
  mailProfileUnmetSince: time,
  unmetRequirements: fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 }),
  attributes,
});
const partnership = fc.record({
  firstSeen: fc.integer({ min: 0, max: NOW }),
  lastSeen: fc.integer({ min: 0, max: NOW }),
  lastAllowed: time,
  deviceType: fc.string({ maxLength: 8 }),
  model: text,
  os: text,
  lastVerdict: fc.constantFrom('', 'allow', 'block'),
  lastReason: fc.constantFrom('', 'compliant'),
  agentChanges: fc.array(fc.integer({ min: 0, max: NOW }), { maxLength: 3 }),
});
const user = fc.record({
  aliases: fc.array(
    fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('al@contoso.com', 'a~@contoso.com', '@contoso.com.au'),
    ),
    { maxLength: 2 },
  ),
  groups: fc.option(
    fc.array(fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('staff', 'it')), { maxLength: 2 }),
  ),
  enabled: flag,
  attributes,
});
const decision = fc.record({
  action: fc.constantFrom('allow' as const, 'block' as const, 'quarantine' as const),
  owner: fc.string({ maxLength: 5 }),
  reason: text,
  decidedAt: fc.integer({ min: 0, max: NOW }),
  expiresAt: time,
});
const named = fc.array(fc.record({ user: fc.string({ maxLength: 5 }), decision }), { maxLength: 2 });
const records = fc.record({
  user: fc.constantFrom('alice', 'bob', '=', 'a|b'),
  device: fc.option(device),
  partnership: fc.option(partnership),
  userRecord: fc.option(user),
  userDevices: fc.array(
    fc.record({
      device: fc.constantFrom('phone1', 'other', 'o|,%'),
      firstSeen: fc.nat(NOW),
      lastAllowed: time,
    }),
    { maxLength: 3 },
  ),
  usersOnDevice: fc.nat(5),
  deviceDecision: fc.option(decision),
  partnershipDecision: fc.constant(null),
  exactDecisions: named,
  namesakeDecisions: named,
  userDecisions: named,
});
const { policy } = compilePolicy({
  rules: [
    { match: { attributes: { threat: 'high' } }, action: 'block' },
    { match: { platform: 'android', osVersion: '< 13', userAttributes: { kind: 'x' } }, action: 'block' },
    { match: { usersOnDevice: '> 3', userAgentChanges: '>= 1' }, action: 'quarantine' },
  ],
  compliance: [
    {
      name: 'all',
      groups: ['staff'],
      require: { compliant: true, encrypted: true, managedMailProfile: true, checkInWithin: '30d' },
      steps: [
        { after: '1d', action: 'quarantine' },
        { after: '9d', action: 'block' },
      ],
    },
  ],
  limits: { devicesPerUser: 1 },
});

// First of all: values that are kept once are those of the process, and the records below take all of their room.
// Threat: anybody can make up device types, without a password. The memory of all verdicts would grow until the next restart.
it('keeps a value of a feed once, however many device types phones made up before', () => {
  for (let made = 0; made < 20_000; made += 1) sharedText(`made up ${made}`);
  const model = 'a model of a feed';
  const one = {
    device: { model } as DeviceState,
    deviceDecision: null,
    partnershipDecision: null,
    namesakeDecisions: [],
  };
  const line = packRecords(one, { user: 'alice', device: 'phone1' });
  expect(line).not.toContain(model);
  expect(unpackRecords(line, { user: 'alice', device: 'phone1' }).device?.model).toBe(model);
});

/** All facts: some are made when they are read. */
function factsOf(from: AccessRecords, login: Login): object {
  const { user, device, partnership, decisions } = readAccess(from, login, NOW).facts;
  return {
    user: valuesOf(user, OF_USER),
    device: device === null ? null : valuesOf(device, OF_DEVICE),
    partnership: valuesOf(partnership.at(NOW, ACTIVE_MS), OF_PARTNERSHIP),
    decisions,
  };
}

type All<Facts> = Readonly<Record<keyof Facts, true>>;
const OF_USER: All<UserFacts> = { names: true, groups: true, enabled: true, attributes: true };
const OF_DEVICE: All<DeviceFacts> = {
  managed: true,
  compliant: true,
  encrypted: true,
  compromised: true,
  managedMailProfile: true,
  platform: true,
  osVersion: true,
  os: true,
  model: true,
  manufacturer: true,
  ownership: true,
  lastCheckIn: true,
  graceUntil: true,
  reportedSince: true,
  unmetSince: true,
  attributes: true,
};
const OF_PARTNERSHIP: All<PartnershipFacts> = {
  deviceId: true,
  deviceType: true,
  told: true,
  firstSeen: true,
  lastAllowed: true,
  rank: true,
  devicesOfUser: true,
  usersOnDevice: true,
  userAgentChanges: true,
};

function valuesOf<Facts extends object>(facts: Facts, names: All<Facts>): object {
  return Object.fromEntries(Object.keys(names).map((name) => [name, Reflect.get(facts, name) as unknown]));
}

it('decides by packed records as by the records themselves', () => {
  if (policy === null) throw new Error('the policy is broken');
  fc.assert(
    fc.property(
      records,
      fc.constantFrom('alice', 'alice@contoso.com', 'alice@'),
      fc.boolean(),
      (made, user, isAlike) => {
        const login = { user, device: 'phone1', deviceType: 'iPhone' };
        // The device of the look-up is mostly among those of the user, with the times of the partnership.
        const own = made.partnership === null ? [] : [{ device: 'phone1', ...made.partnership }];
        const given: AccessRecords = isAlike ? { ...made, userDevices: [...made.userDevices, ...own] } : made;
        const unpacked = unpackRecords(packRecords(given, login), login);
        expect(decideAccess(policy, readAccess(unpacked, login, NOW), NOW)).toEqual(
          decideAccess(policy, readAccess(given, login, NOW), NOW),
        );
        expect(factsOf(unpacked, login)).toEqual(factsOf(given, login));
      },
    ),
    { numRuns: 2_000 },
  );
});

it('writes times as the distance to the time before, which is short: the times of all devices of a user are kept', () => {
  const lengthOf = (distance: number): number => {
    const userDevices = Array.from({ length: 50 }, (_, index) => ({
      device: `phone${index}`,
      firstSeen: NOW + index * distance,
      lastAllowed: NOW + index * distance,
    }));
    const one = { device: null, deviceDecision: null, partnershipDecision: null, namesakeDecisions: [] };
    const login = { user: 'alice', device: 'phone1' };
    const line = packRecords({ ...one, userDevices }, login);
    expect(unpackRecords(line, login).userDevices?.map(({ firstSeen }) => firstSeen)).toEqual(
      userDevices.map(({ firstSeen }) => firstSeen),
    );
    return line.length;
  };
  expect(lengthOf(1)).toBeLessThan(50 * 4);
  expect(lengthOf(86_400_000)).toBeLessThan(50 * 9);
});
