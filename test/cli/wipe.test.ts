// Owns the promises of `easgate devices wipe`: what is asked of the operator, what is refused, how it is taken back; and
// what `devices set` and `list` write and show beside it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerDevices } from '../../src/cli/devices.ts';
import { registerExplain } from '../../src/cli/explain.ts';
import { ask } from '../../src/cli/wipe.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { PartnershipRecord } from '../../src/directory/records.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { decision, deviceRecord } from '../directory/store-contract.ts';

const device = 'phone1' as DeviceKey;
const alice = 'alice' as UserKey;
const bob = 'bob' as UserKey;

let folder = '';
let store: EmbeddedStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-wipe-'));
  const path = join(folder, 'directory.db');
  writeFileSync(join(folder, 'easgate.yaml'), `store: { kind: embedded, path: ${path} }\n`);
  store = new EmbeddedStore(path);
  await store.putDevice(deviceRecord(device, { os: 'iOS 17.5' }));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

function overrideExit(command: Command, onError: (text: string) => void): void {
  command.exitOverride().configureOutput({ writeErr: onError });
  for (const below of command.commands) overrideExit(below, onError);
}

/** The command in this process: starting one costs a third of a second. */
async function run(...words: string[]): Promise<Ended> {
  let [out, error] = ['', ''];
  const program = new Command('easgate').option('--config <file>');
  registerDevices(program);
  registerExplain(program);
  overrideExit(program, (text) => (error += text));
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await program.parseAsync(['--config', join(folder, 'easgate.yaml'), ...words], { from: 'user' });
    return { code: 0, out, error };
  } catch (failure) {
    if (failure instanceof CommanderError) return { code: 2, out, error };
    const { code, message } = failure as Error & { code: string };
    return { code: 1, out, error: `${code}: ${message}\n` };
  } finally {
    written.mockRestore();
  }
}

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
      ...more,
    },
  ]);
}

const onDevice = async () => (await store.getDevice(device))?.decision ?? null;
const onPartnership = async (user: UserKey) => (await store.lookup(user, [device])).partnershipDecision;

/** The phone's answer to whatever wipe is on the device. */
async function answered(status: 1 | 2): Promise<void> {
  const stored = await onDevice();
  if (stored?.action !== 'wipe') throw new Error('no wipe');
  await store.acknowledgeWipe(null, device, { requestedAt: stored.wipe.requestedAt, status, at: 86_400_000 });
}

describe('easgate devices wipe', () => {
  it('shows what will be erased, and orders it for all users of the device', async () => {
    await seen(alice, '16.1');
    await seen(bob, '14.1');
    const { code, out } = await wipe('--confirm', 'phone1', '--owner', 'carol');
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
      wipe: { state: 'pending', acknowledgedAt: null, deviceStatus: null },
    });
    expect(await onPartnership(alice)).toBeNull();
  });

  it.each([
    ['without --confirm where nobody can be asked', [], 'EASGATE_WIPE_CONFIRM'],
    ['confirmed with another id', ['--confirm', 'phone2'], 'EASGATE_WIPE_CONFIRM'],
    ['of an account without saying whose', ['--account-only', '--confirm', 'phone1'], 'EASGATE_WIPE_USER'],
    ['for a user never seen with it', ['--user', 'eve', '--confirm', 'phone1'], 'EASGATE_WIPE_USER'],
    ['for a reason of blanks', ['--reason', ' ', '--confirm', 'phone1'], 'EASGATE_REASON'],
  ])('refuses a wipe %s, and writes nothing', async (_what, words, error) => {
    await seen(alice, '16.1');
    await seen(bob, '16.1');
    const position = await store.position();
    const ended = await wipe(...words);
    expect(ended.code).toBe(1);
    expect(ended.error).toContain(error);
    expect(await store.position()).toBe(position);
  });

  it.each([
    ['without a reason', ['--confirm', 'phone1']],
    ['that would expire', ['--reason', 'x', '--expires', '7d', '--confirm', 'phone1']],
  ])('takes a wipe %s for wrong usage', async (_what, words) => {
    expect(await devices('wipe', 'PHONE1', ...words)).toMatchObject({ code: 2 });
    expect(await onDevice()).toBeNull();
  });

  it('refuses a device that nobody knows, and names those near it', async () => {
    const ended = await devices('wipe', 'phone12', '--reason', 'x', '--confirm', 'phone12');
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.error).toContain('EASGATE_NOT_FOUND');
    expect(ended.error).toContain('near: phone1');
  });

  it('tells a device through one user only when asked to', async () => {
    await seen(alice, '12.1');
    expect(await wipe('--user', 'ALICE', '--confirm', 'PHONE1')).toMatchObject({ code: 0 });
    expect(await onDevice()).toBeNull();
    expect(await onPartnership(alice)).toMatchObject({ action: 'wipe', wipe: { state: 'pending' } });
  });

  it('shows what the device said of itself', async () => {
    await seen(alice, '16.1', { model: 'iPhone16,1', os: 'iOS 18.1', imei: '350000000000006' });
    const { out } = await wipe('--confirm', 'phone1');
    for (const text of ['iPhone16,1', 'iOS 18.1', '350000000000006']) expect(out).toContain(text);
    expect((await devices('list')).out).toContain('iPhone16,1');
    expect((await devices('show', 'PHONE1')).out).toContain('350000000000006');
  });

  it('says what Outlook mobile does', async () => {
    await seen(alice, '16.1', { userAgent: 'Outlook-iOS-Android/1.0', deviceType: 'Outlook' });
    expect((await wipe('--confirm', 'phone1')).out).toContain(
      'Outlook mobile obeys an account-only wipe alone.',
    );
  });

  it('prints no control characters that a phone called itself by', async () => {
    await seen(alice, '16.1', { userAgent: 'x\u001b[2J\nOwner: somebody else' });
    const { out } = await wipe('--confirm', 'phone1');
    expect(out).toContain('x?[2J?Owner: somebody else');
  });

  it('says which decision it replaces', async () => {
    await store.decide(null, device, decision('block'));
    expect((await wipe('--confirm', 'phone1')).out).toContain('Replaces "block" by admin');
    expect(await onDevice()).toMatchObject({ action: 'wipe' });
  });
});

describe('an account-only wipe', () => {
  it('is ordered for the only user, of 16.1', async () => {
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
    expect(error).toContain('older ones cannot be told');
    expect(await onPartnership(alice)).toBeNull();
  });

  it('is refused for a device that no user was seen with', async () => {
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
    'is taken back until the device acknowledged it: answered %s',
    async (status) => {
      await wipe('--confirm', 'phone1');
      if (status !== null) await answered(status);
      const { code, out } = await devices('clear', 'phone1');
      expect(code).toBe(0);
      expect(out).toMatch(/^cleared: phone1 \(was: wipe (pending|failed) .*\)\n$/);
      expect(await onDevice()).toBeNull();
    },
  );

  it('is cleared only with --force once it was acknowledged', async () => {
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

  it('is named when another one was taken back', async () => {
    await seen(alice, '16.1');
    await wipe('--account-only', '--confirm', 'phone1');
    const { out } = await devices('clear', 'phone1');
    expect(out).toMatch(
      /^cleared: phone1\nstill to be wiped: alice on phone1: account-only wipe pending since .*\n$/,
    );
  });
});

describe('the question', () => {
  it('is answered by one line', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const answer = ask('Sure? ', input, output);
    input.write('PHONE1\nmore\n');
    expect(await answer).toBe('PHONE1');
    expect(String(output.read())).toContain('Sure? ');
  });

  it('ends with the input', async () => {
    const input = new PassThrough();
    const answer = ask('Sure? ', input, new PassThrough());
    input.end();
    expect(await answer).toBeNull();
  });
});

describe('easgate devices set', () => {
  const unmet = async () => (await store.getDevice(device))?.record?.unmetRequirements;

  it('writes which requirements are not met, which explain shows', async () => {
    const set = ['set', 'PHONE1', '--compliant', 'false', '--requirement', 'encryption', 'minimumOs'];
    expect(await devices(...set)).toMatchObject({ code: 0 });
    expect(await unmet()).toEqual(['encryption', 'minimumOs']);
    expect((await run('explain', 'alice', 'PHONE1')).out).toContain('not compliant: encryption, minimumOs');
    expect(JSON.parse((await run('explain', 'alice', 'PHONE1', '--json')).out)).toMatchObject({
      verdict: { requirement: 'encryption, minimumOs' },
    });
  });

  it('keeps them while other facts are written, and drops them when the device complies', async () => {
    await devices('set', 'PHONE1', '--compliant', 'false', '--requirement', 'encryption');
    await devices('set', 'PHONE1', '--os', 'iOS 18');
    expect(await unmet()).toEqual(['encryption']);
    await devices('set', 'PHONE1', '--compliant', 'true');
    expect(await unmet()).toEqual([]);
  });
});
