// Owns the promise that a hindrance is named exactly where an exception has no effect: each case is tried with the exception itself.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { decide } from '../../src/app/decide.ts';
import { showDevice } from '../../src/app/device-details.ts';
import { explainAccess } from '../../src/app/explain-access.ts';
import { standingOfDevice, standingOfUser } from '../../src/app/standing.ts';
import type { Hindrance } from '../../src/app/standing.ts';
import { showUser } from '../../src/app/users.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import { configSchema } from '../../src/config/schema.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import type { AccessDecision, ManualDecision } from '../../src/model/decision.ts';
import { forEverybody } from '../../src/policy/active-policies.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import {
  BY_TEST,
  UNAUDITED,
  alice,
  decision,
  phone,
  seenPartnership,
  userReport,
  wipeDecision,
} from '../support/servers/directory-records.ts';

checkLeaks();

const config = configSchema.parse({
  store: { kind: 'embedded', path: ':memory:' },
  policy: { unknownDevice: 'quarantine', notEnrolled: 'quarantine', notCompliant: 'quarantine' },
});
const active = forEverybody(compileSimplePolicy(config.policy));
const namesake = 'contoso\\alice' as UserKey;
const bob = 'bob' as UserKey;
const now = Date.now();

let store: EmbeddedStore;
beforeEach(async () => {
  store = closeAtEnd(new EmbeddedStore(':memory:'));
  await store.recordSeen([seenPartnership(alice, phone, now - 60_000)]);
});

const onDevice = (one: ManualDecision) => store.decide({ user: null, device: phone }, one, BY_TEST);
const onPartnership = (one: ManualDecision, user = alice) =>
  store.decide({ user, device: phone }, one, BY_TEST);
const onUser = (one: AccessDecision, user = alice) => store.decide({ user, device: null }, one, BY_TEST);
const wiped = (): ManualDecision => {
  const ordered = wipeDecision(now);
  return { ...ordered, wipe: { ...ordered.wipe, state: 'acknowledged', acknowledgedAt: now } };
};
const ended = (one: AccessDecision): AccessDecision => ({ ...one, expiresAt: now - 1_000 });

/** The hindrance of an exception for alice on the phone. */
async function hindrance(): Promise<Hindrance | null | undefined> {
  const { verdicts } = await standingOfDevice(store, config, await showDevice(store, phone), now);
  return verdicts.find(({ user }) => user === alice)?.hindrance;
}

/** What an exception does: it is refused with a code, or the phone gets this. */
async function tried(): Promise<string> {
  try {
    await decide(store, { device: phone, user: alice }, decision('allow'), BY_TEST, UNAUDITED);
  } catch (error) {
    return String((error as { code?: string }).code);
  }
  return (await explainAccess(store, active, { user: alice, device: phone }, now)).verdict.action;
}

const NOTHING = { scope: null, user: null, source: null } as const;
const FOR_ALL = { scope: 'device', user: null, source: null } as const;

describe('an exception', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['of an unknown device', async () => undefined],
    ['over a block of the user on the device', () => onPartnership(decision('block'))],
    ['over a quarantine of the user on the device', () => onPartnership(decision('quarantine'))],
    ['beside a quarantine of the device', () => onDevice(decision('quarantine'))],
    ['beside a quarantine of the user', () => onUser(decision('quarantine'))],
    ['beside a block of the device that has ended', () => onDevice(ended(decision('block')))],
    ['beside a block of another user', () => onPartnership(decision('block'), bob)],
    ['beside a wipe of another user', () => onPartnership(wipeDecision(now, 'wipe', bob), bob)],
    ['over an allow that is there', () => onPartnership(decision('allow'))],
  ])('%s helps, and has no hindrance', async (_what, prepare) => {
    await prepare();
    expect(await hindrance()).toBeNull();
    expect(await tried()).toBe('allow');
  });

  it.each<[string, () => Promise<unknown>, Hindrance, string]>([
    [
      'an open wipe of the device',
      () => onDevice(wipeDecision(now)),
      { by: 'openWipe', ...FOR_ALL },
      'EASGATE_WIPE_IN_PLACE',
    ],
    [
      'an open wipe of the user on the device',
      () => onPartnership(wipeDecision(now, 'accountWipe')),
      { by: 'openWipe', scope: 'partnership', user: alice, source: null },
      'EASGATE_WIPE_IN_PLACE',
    ],
    [
      'an open wipe under a name that may be the user',
      () => onPartnership(wipeDecision(now, 'wipe', namesake), namesake),
      { by: 'openWipe', scope: 'partnership', user: namesake, source: null },
      'EASGATE_WIPE_IN_PLACE',
    ],
    ['a wipe that was carried out', () => onDevice(wiped()), { by: 'wiped', ...FOR_ALL }, 'EASGATE_WIPED'],
    [
      'a disabled account',
      () => store.putUsers([userReport(alice, { enabled: false })]),
      { by: 'userDisabled', ...NOTHING },
      'block',
    ],
    [
      'a block of the device for every user',
      () => onDevice(decision('block')),
      { by: 'decision', ...FOR_ALL },
      'block',
    ],
    [
      'a block of the user with every device',
      () => onUser(decision('block')),
      { by: 'decision', scope: 'user', user: alice, source: null },
      'block',
    ],
    [
      'a block of a name that may be the user',
      () => onPartnership(decision('block'), namesake),
      { by: 'decision', scope: 'partnership', user: namesake, source: null },
      'block',
    ],
    [
      'a block that a feed imported',
      () =>
        store.putImported('exchange', [{ device: phone, user: null, decision: { ...decision('block') } }]),
      { by: 'decision', scope: 'device', user: null, source: 'exchange' },
      'block',
    ],
  ])('does not help against %s, which is its hindrance', async (_what, prepare, expected, outcome) => {
    await prepare();
    expect(await hindrance()).toEqual(expected);
    expect(await tried()).toBe(outcome);
  });
});

describe('the standing of a device', () => {
  it('has what the gateway decides now, not what the last request was answered', async () => {
    await onUser(decision('block'));
    const { verdicts } = await standingOfDevice(store, config, await showDevice(store, phone), now);
    expect(verdicts).toMatchObject([
      { user: alice, device: phone, action: 'block', reason: 'individualRule' },
    ]);
    expect((await showDevice(store, phone)).partnerships[0]?.record.lastVerdict).toBe('allow');
  });

  it('names the wipe for which an exception for every user is refused', async () => {
    await onPartnership(wipeDecision(now));
    const standing = await standingOfDevice(store, config, await showDevice(store, phone), now);
    expect(standing.hindrance).toMatchObject({ by: 'openWipe', user: alice });
    await expect(
      decide(store, { device: phone }, decision('allow'), BY_TEST, UNAUDITED),
    ).rejects.toMatchObject({ code: 'EASGATE_WIPE_IN_PLACE' });
  });

  it('is shown without verdicts where the policy cannot be read', async () => {
    const broken = { policy: { ...config.policy, file: '/nonexistent/policy.yaml' } };
    expect((await standingOfDevice(store, broken, await showDevice(store, phone), now)).verdicts).toEqual([]);
  });
});

describe('the standing of a user', () => {
  it('has the devices, and says that a disabled account outweighs an exception', async () => {
    await store.putUsers([userReport(alice, { enabled: false })]);
    const standing = await standingOfUser(store, config, await showUser(store, alice), now);
    expect(standing.verdicts).toMatchObject([{ device: phone, action: 'block', reason: 'userDisabled' }]);
    expect(standing.hindrance).toMatchObject({ by: 'userDisabled' });
  });

  it('lets a policy that lets disabled users pass have its way', async () => {
    await store.putUsers([userReport(alice, { enabled: false })]);
    const folder = mkdtempSync(join(tmpdir(), 'easgate-standing-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, 'name: lenient\ndisabledUsers: ignore\n');
    const lenient = { policy: { ...config.policy, file } };
    const standing = await standingOfUser(store, lenient, await showUser(store, alice), now);
    expect(standing.verdicts).toMatchObject([{ device: phone, action: 'quarantine' }]);
    expect(standing.hindrance).toBeNull();
  });
});
