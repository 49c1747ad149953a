// Owns the promises of `easgate devices wipe`: what the operator must confirm, what is refused, how a wipe is cancelled; and
// what `devices set` and `list` write and show beside it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { askPerson } from '../../src/cli/wipe.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { PartnershipRecord } from '../../src/model/partnership.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { closeAtEnd } from '../support/checks/leaks.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';
import { BY_TEST, decision, deviceReport, userReport } from '../support/servers/directory-records.ts';

const device = 'phone1' as DeviceKey;
const alice = 'alice' as UserKey;
const bob = 'bob' as UserKey;

let folder = '';
let store: EmbeddedStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-wipe-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'directory.db');
  writeFileSync(join(folder, 'easgate.yaml'), `store: { kind: embedded, path: ${path} }\n`);
  store = closeAtEnd(new EmbeddedStore(path));
  await store.putDevices([deviceReport(device, { os: 'iOS 17.5' })]);
});

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), ...words);
const devices = (...words: string[]) => run('devices', ...words);
const wipe = (...words: string[]) => devices('wipe', 'PHONE1', '--reason', 'stolen', ...words);

async function seen(user: UserKey, protocolVersion: string | null, more: Partial<PartnershipRecord> = {}) {
  await store.recordSeen([
    {
      user,
      device,
      firstSeen: 10,
      lastSeen: 1_000,
      deviceType: 'iPhone',
      userAgent: 'Apple-iPhone15C2/2105.123',
      protocolVersion,
      model: null,
      os: null,
      imei: null,
      lastVerdict: 'allow',
      lastReason: 'compliant',
      spellings: [device],
      lastAllowed: null,
      agentChanges: [],
      ...more,
    },
  ]);
}

const onDevice = async () => (await store.getDevice(device))?.decided.decision ?? null;
const onPartnership = async (user: UserKey) => (await store.lookup(user, device)).partnershipDecision;

/** The answer of alice's phone to the wipe that is on the device, if any. */
async function answered(status: 1 | 2): Promise<void> {
  const stored = await onDevice();
  if (stored?.action !== 'wipe') throw new Error('no wipe');
  const told = { requestedAt: stored.wipe.requestedAt, user: alice, at: 86_400_000 };
  await store.noteWipeTold(null, device, told);
  expect(await store.acknowledgeWipe(null, device, { ...told, status })).toBe(true);
}

describe('easgate devices wipe', () => {
  it('shows what will be erased, and orders it for all users of the device', async () => {
    await seen(alice, '16.1');
    await seen(bob, '14.1');
    const { code, out } = await wipe('--all-users', '--confirm', 'phone1', '--owner', 'carol');
    expect(code).toBe(0);
    for (const text of ['iPhone15C2', 'iOS 17.5', 'alice', 'bob', '16.1', '14.1', '1970-01-01T00:00:01Z'])
      expect(out).toContain(text);
    expect(out).toContain('ERASES THE WHOLE DEVICE');
    expect(out).toMatch(/\nwipe pending since [0-9TZ:.-]+: phone1\n$/);
    expect(await onDevice()).toMatchObject({
      action: 'wipe',
      owner: 'carol',
      reason: 'stolen',
      expiresAt: null,
      wipe: {
        state: 'pending',
        partnerships: [
          { user: alice, spellings: [device], toldAt: null },
          { user: bob, spellings: [device], toldAt: null },
        ],
        acknowledgedAt: null,
        deviceStatus: null,
        acknowledgedBy: null,
      },
    });
    expect(await onPartnership(alice)).toBeNull();
  });

  it.each([
    ['without --confirm where nobody can be asked', ['--all-users'], 'EASGATE_WIPE_CONFIRM'],
    ['confirmed with another id', ['--all-users', '--confirm', 'phone2'], 'EASGATE_WIPE_CONFIRM'],
    ['of an id with two users without saying whose', ['--confirm', 'phone1'], 'EASGATE_WIPE_USER'],
    [
      'of an account of all users',
      ['--account-only', '--all-users', '--confirm', 'phone1'],
      'EASGATE_WIPE_USER',
    ],
    [
      'for a name that may be a user seen with it',
      ['--user', 'x\\alice', '--confirm', 'phone1'],
      'alice was',
    ],
    ['of an account without saying whose', ['--account-only', '--confirm', 'phone1'], 'EASGATE_WIPE_USER'],
    ['for a user never seen with it', ['--user', 'eve', '--confirm', 'phone1'], 'EASGATE_WIPE_USER'],
    ['for a reason of blanks', ['--reason', ' ', '--confirm', 'phone1'], 'EASGATE_REASON'],
  ])('refuses a wipe %s, and writes nothing', async (_what, words, error) => {
    await seen(alice, '16.1');
    await seen(bob, '16.1');
    const position = await store.position();
    const ended = await wipe(...words);
    // A blank reason is no value at all.
    expect(ended.code).toBe(error === 'EASGATE_REASON' ? 2 : 1);
    expect(ended.error).toContain(error);
    expect(await store.position()).toBe(position);
  });

  it.each([
    ['without a reason', ['--confirm', 'phone1']],
    ['that would expire', ['--reason', 'x', '--expires', '7d', '--confirm', 'phone1']],
  ])('reports a wipe %s as wrong usage', async (_what, words) => {
    expect(await devices('wipe', 'PHONE1', ...words)).toMatchObject({ code: 2 });
    expect(await onDevice()).toBeNull();
  });

  it('refuses an unknown device, and suggests similar ids', async () => {
    const ended = await devices('wipe', 'phone12', '--reason', 'x', '--confirm', 'phone12');
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.error).toContain('EASGATE_NOT_FOUND');
    expect(ended.error).toContain('near: phone1');
  });

  it('limits a wipe to the partnership of one user only when --user is given', async () => {
    await seen(alice, '12.1');
    expect(await wipe('--user', 'ALICE', '--confirm', 'PHONE1')).toMatchObject({ code: 0 });
    expect(await onDevice()).toBeNull();
    expect(await onPartnership(alice)).toMatchObject({ action: 'wipe', wipe: { state: 'pending' } });
  });

  it('shows the device information that the device reported', async () => {
    await seen(alice, '16.1', { model: 'iPhone16,1', os: 'iOS 18.1', imei: '350000000000006' });
    const { out } = await wipe('--confirm', 'phone1');
    for (const text of ['iPhone16,1', 'iOS 18.1', '350000000000006']) expect(out).toContain(text);
    expect((await devices('list')).out).toContain('iPhone16,1');
    expect((await devices('show', 'PHONE1')).out).toContain('350000000000006');
  });

  it('warns that Outlook mobile carries out account-only wipes only', async () => {
    await seen(alice, '16.1', { userAgent: 'Outlook-iOS-Android/1.0', deviceType: 'Outlook' });
    expect((await wipe('--confirm', 'phone1')).out).toContain(
      'Outlook mobile carries out account-only wipes only.',
    );
  });

  it('prints no control characters from the name that a phone reported', async () => {
    await seen(alice, '16.1', { userAgent: 'x\u001b[2J\nOwner: somebody else' });
    const { out } = await wipe('--confirm', 'phone1');
    expect(out).toContain('x?[2J?Owner: somebody else');
  });

  it('says which decision it replaces', async () => {
    await store.decide({ user: null, device: device }, decision('block'), BY_TEST);
    expect((await wipe('--confirm', 'phone1')).out).toContain('Replaces "block" by admin');
    expect(await onDevice()).toMatchObject({ action: 'wipe' });
  });
});

describe('an account-only wipe', () => {
  it('is ordered for the only user when the client speaks 16.1', async () => {
    await seen(alice, '16.1');
    const { code, out } = await wipe('--account-only', '--confirm', 'phone1');
    expect(code).toBe(0);
    expect(out).toContain('removes the account of alice');
    expect(out).not.toContain('ERASES');
    expect(await onPartnership(alice)).toMatchObject({ action: 'accountWipe', wipe: { state: 'pending' } });
    expect(await onDevice()).toBeNull();
  });

  it.each([
    ['16.0', 'version 16.0'],
    ['14.1', 'version 14.1'],
    [null, 'an unknown protocol version'],
  ])('is refused for a client of %s, with its version', async (version, named) => {
    await seen(alice, version);
    const { code, error } = await wipe('--account-only', '--confirm', 'phone1');
    expect(code).toBe(1);
    expect(error).toContain('EASGATE_WIPE_VERSION');
    expect(error).toContain(named);
    expect(error).toContain('older ones ignore it');
    expect(await onPartnership(alice)).toBeNull();
  });

  it('is refused for a device without a partnership', async () => {
    const { error } = await wipe('--account-only', '--confirm', 'phone1');
    expect(error).toContain('EASGATE_WIPE_USER: no user was ever seen with phone1');
  });
});

describe('a wipe in place', () => {
  it.each([
    ['pending', null, /pending since [0-9T:.Z-]+/],
    ['failed', 2, /failed 1970-01-02T00:00:00.000Z, status 2; asked again/],
    ['acknowledged', 1, /acknowledged 1970-01-02T00:00:00.000Z/],
  ] as const)('is listed, shown and explained: %s', async (_state, status, text) => {
    await seen(alice, '16.1');
    await wipe('--confirm', 'phone1');
    if (status !== null) await answered(status);
    expect((await devices('list')).out).toMatch(text);
    expect((await devices('show', 'phone1')).out).toMatch(new RegExp(`wipe: phone1: wipe ${text.source}`));
    expect((await run('explain', 'alice', 'phone1')).out).toMatch(text);
  });

  it.each([
    ['pending', ['--user', 'alice'], null, 'to cancel the wipe: easgate devices clear phone1 --user alice\n'],
    ['acknowledged', [], 1, 'to let it in again: easgate devices clear phone1 --force\n'],
  ] as const)(
    'is shown with the command that clears it, and without one that does not: %s',
    async (_state, whom, status, text) => {
      await seen(alice, '16.1');
      await wipe(...whom, '--confirm', 'phone1');
      if (status !== null) await answered(status);
      const { out } = await devices('show', 'phone1');
      expect(out).toContain(text);
      expect(out).not.toContain('devices allow');
    },
  );

  it.each(['allow', 'block', 'quarantine'])('is not undone by %s', async (action) => {
    await wipe('--confirm', 'phone1');
    const { code, error } = await devices(action, 'phone1');
    expect(code).toBe(1);
    expect(error).toMatch(/EASGATE_WIPE_IN_PLACE.*devices clear phone1\n/);
    expect(await onDevice()).toMatchObject({ action: 'wipe' });
  });

  it('is not ordered twice', async () => {
    await wipe('--confirm', 'phone1');
    const before = await onDevice();
    expect((await wipe('--confirm', 'phone1')).error).toContain('EASGATE_WIPE_IN_PLACE');
    expect(await onDevice()).toEqual(before);
  });

  it.each([null, 2] as const)(
    'can be cancelled until the device acknowledged it: answered %s',
    async (status) => {
      await seen(alice, '16.1');
      await wipe('--confirm', 'phone1');
      if (status !== null) await answered(status);
      const { code, out } = await devices('clear', 'phone1');
      expect(code).toBe(0);
      expect(out).toMatch(/^cleared: phone1 \(was: wipe (pending|failed) .*\)\n$/);
      expect(await onDevice()).toBeNull();
    },
  );

  it('is cleared only with --force once it was acknowledged', async () => {
    await seen(alice, '16.1');
    await wipe('--confirm', 'phone1');
    await answered(1);
    const refused = await devices('clear', 'phone1');
    expect(refused.code).toBe(1);
    expect(refused.error).toMatch(/EASGATE_WIPED: .*acknowledged .*devices clear phone1 --force\n/);
    expect(await onDevice()).toMatchObject({ action: 'wipe' });
    expect((await devices('allow', 'phone1')).error).toContain('EASGATE_WIPED');
    expect(await devices('clear', 'phone1', '--force')).toMatchObject({ code: 0 });
    expect(await onDevice()).toBeNull();
  });

  it('is named when another wipe was cancelled', async () => {
    await seen(alice, '16.1');
    await wipe('--account-only', '--confirm', 'phone1');
    const wiped =
      /wipe still pending: alice on phone1: account-only wipe pending since .*: easgate devices clear phone1 --user alice\n$/;
    const nothing = await devices('clear', 'phone1');
    expect(nothing.out).toMatch(new RegExp(`^nothing to clear: no decision on phone1\n${wiped.source}`));
    await store.decide({ user: null, device: device }, decision('quarantine'), BY_TEST);
    const { out } = await devices('clear', 'phone1');
    expect(out).toMatch(new RegExp(`^cleared: phone1 \\(was: quarantine\\)\n${wiped.source}`));
    expect((await devices('clear', 'phone1', '--user', 'alice')).out).toMatch(/^cleared: alice on phone1 /);
    expect(await onPartnership(alice)).toBeNull();
  });

  it.each([
    ['the device', []],
    ['another name of the user', ['--user', 'x\\alice']],
  ])('of one account is not undone by a block of %s', async (_what, words) => {
    await seen(alice, '16.1');
    await wipe('--account-only', '--confirm', 'phone1');
    const { error } = await devices('block', 'phone1', ...words);
    expect(error).toMatch(/EASGATE_WIPE_IN_PLACE: alice on phone1: .*devices clear phone1 --user alice\n/);
    expect(await onDevice()).toBeNull();
  });

  it('of one account does not prevent a block of other users', async () => {
    await seen(alice, '16.1');
    await seen(bob, '16.1');
    await wipe('--account-only', '--user', 'alice', '--confirm', 'phone1');
    expect(await devices('block', 'phone1', '--user', 'bob')).toMatchObject({ code: 0 });
  });

  it('of the device is not undone by a decision on one of its users', async () => {
    await seen(alice, '16.1');
    await wipe('--confirm', 'phone1');
    const { error } = await devices('allow', 'phone1', '--user', 'alice');
    expect(error).toMatch(/EASGATE_WIPE_IN_PLACE: phone1: .*devices clear phone1\n/);
  });

  it('of a device without a partnership names no user, and says so', async () => {
    const { out } = await wipe('--confirm', 'phone1');
    expect(out).toContain('it has no partnership');
    expect(await onDevice()).toMatchObject({ wipe: { partnerships: [] } });
  });
});

describe('the question', () => {
  it('reads one line as its answer', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const answer = askPerson('Sure? ', input, output);
    input.write('PHONE1\nmore\n');
    expect(await answer).toBe('PHONE1');
    expect(String(output.read())).toContain('Sure? ');
  });

  it('ends when the input ends', async () => {
    const input = new PassThrough();
    const answer = askPerson('Sure? ', input, new PassThrough());
    input.end();
    expect(await answer).toBeNull();
  });
});

describe('a manual decision', () => {
  const upn = 'alice@eas.test' as UserKey;

  it('of a device says that it applies to all of its users', async () => {
    await seen(alice, '16.1');
    const { out } = await devices('block', 'PHONE1');
    expect(out).toBe(
      'block: phone1\n  applies to every user of the device (seen: alice), under every spelling of its id\n',
    );
  });

  it('of a device names the users that it does not hold for', async () => {
    await store.decide({ user: alice, device: device }, decision('allow'), BY_TEST);
    const { out } = await devices('quarantine', 'phone1');
    expect(out).toContain('does not apply to alice: allow by admin');
  });

  it('that allows a user names the login names that it does not cover', async () => {
    await seen(upn, '16.1');
    const { out, error } = await devices('allow', 'phone1', '--user', 'alice');
    expect(out).toContain('applies only to the login alice');
    expect(out).toContain('does not apply to alice@eas.test, seen with the device');
    expect(error).toBe('');
    expect((await devices('allow', 'phone1', '--user', 'alice@eas.test')).out).toContain(
      'does not apply to other spellings of the login, such as alice or DOMAIN\\alice',
    );
  });

  it('that blocks a user names the login names that it covers', async () => {
    await seen('x\\alice' as UserKey, '16.1');
    await seen('alice@other.test' as UserKey, '16.1');
    const { out } = await devices('block', 'phone1', '--user', 'alice@eas.test');
    expect(out).toContain(
      'applies to alice@eas.test, and to all logins named alice except those of another DNS domain (seen: x\\alice)',
    );
    expect(out).toContain('does not apply to alice@other.test, of another DNS domain');
  });

  it('says what it replaces, and what is stronger', async () => {
    await store.decide({ user: upn, device: device }, { ...decision('block'), reason: 'lost' }, BY_TEST);
    await store.decide({ user: alice, device: device }, decision('quarantine'), BY_TEST);
    const { out } = await devices('allow', 'phone1', '--user', 'alice');
    expect(out).toContain('replaces quarantine on alice on phone1 by admin');
    expect(out).toContain(
      'has no effect while a stricter decision is in force: block on alice@eas.test by admin',
    );
    expect(await onPartnership(alice)).toMatchObject({ action: 'allow' });
  });

  it('says nothing of a decision that has expired', async () => {
    await store.decide({ user: upn, device: device }, { ...decision('block'), expiresAt: 1 }, BY_TEST);
    await store.decide({ user: null, device: device }, { ...decision('block'), expiresAt: 1 }, BY_TEST);
    expect((await devices('allow', 'phone1', '--user', 'alice')).out).not.toContain('has no effect');
    expect((await devices('quarantine', 'phone1')).out).not.toContain(`does not apply to ${upn}`);
  });

  it('lists a login name with an accent among those that a block covers', async () => {
    await seen('x\\àlice' as UserKey, '16.1');
    const { out } = await devices('block', 'phone1', '--user', 'alice');
    expect(out).toContain('(seen: x\\àlice)');
  });

  it('replaces a decision on another alias of the user', async () => {
    const smtp = 'a.smith@eas.test' as UserKey;
    await store.decide({ user: smtp, device: device }, decision('allow'), BY_TEST);
    await store.putUsers([userReport(alice, { aliases: [smtp], groups: [] })]);
    const { out } = await devices('block', 'phone1', '--user', 'a.smith@eas.test');
    expect(out).toContain('replaces allow on a.smith@eas.test on phone1');
    expect((await store.lookup(alice, device)).exactDecisions.map(({ user }) => user)).toEqual([alice]);
    await store.decide({ user: smtp, device: device }, decision('allow'), BY_TEST);
    expect((await devices('clear', 'phone1', '--user', 'alice')).out.split('\n')).toHaveLength(3);
    expect((await store.lookup(alice, device)).exactDecisions).toEqual([]);
  });

  it.each([
    [['TYPO'], 'no feed reported typo, and it has no partnership'],
    [['phone1', '--user', 'bob'], 'bob was never seen with phone1, only alice'],
  ])('warns of a device or user that was never seen: %s', async (words, warning) => {
    await seen(alice, '16.1');
    const { code, error } = await devices('block', ...words);
    expect(code).toBe(0);
    expect(error).toContain(`easgate: warning: ${warning}`);
  });

  it('to clear that does not exist is reported', async () => {
    const { code, out } = await devices('clear', 'NEVEREXISTED');
    expect([code, out]).toEqual([0, 'nothing to clear: no decision on neverexisted\n']);
  });
});

describe('easgate devices set', () => {
  const unmet = async () => (await store.getDevice(device))?.record?.unmetRequirements;

  it('stores which requirements are not met, and explain shows them', async () => {
    const set = ['set', 'PHONE1', '--compliant', 'false', '--requirement', 'encryption', 'minimumOs'];
    expect(await devices(...set)).toMatchObject({ code: 0 });
    expect(await unmet()).toEqual(['encryption', 'minimumOs']);
    expect((await run('explain', 'alice', 'PHONE1')).out).toContain('encryption, minimumOs');
    expect(JSON.parse((await run('explain', 'alice', 'PHONE1', '--json')).out)).toMatchObject({
      verdict: { requirement: 'encryption, minimumOs' },
    });
  });

  it('keeps unmet requirements while other facts are written, and drops them when the device complies', async () => {
    await devices('set', 'PHONE1', '--compliant', 'false', '--requirement', 'encryption');
    await devices('set', 'PHONE1', '--os', 'iOS 18');
    expect(await unmet()).toEqual(['encryption']);
    await devices('set', 'PHONE1', '--compliant', 'true');
    expect(await unmet()).toEqual([]);
  });
});
