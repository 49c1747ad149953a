// Owns the promises of a roll-out on the command line: whom it concerns before anything changes, each step, its history, and that the live
// policy stays meanwhile.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { seen } from '../app/office.ts';
import { deviceReport, userReport } from '../support/servers/directory-records.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

let folder = '';
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-rollout-'));
  const path = join(folder, 'directory.db');
  writeFileSync(join(folder, 'easgate.yaml'), `store: { kind: embedded, path: ${path} }\n`);
  writeFileSync(
    join(folder, 'open.yaml'),
    'name: open\ncompliance: []\nnoCompliancePolicy: { action: allow }\n',
  );
  writeFileSync(join(folder, 'strict.yaml'), 'name: strict\n');
  const store = new EmbeddedStore(path);
  await store.putUsers([
    userReport('alice' as UserKey, { groups: ['Pilot'] }),
    userReport('bob' as UserKey, { groups: ['Staff'] }),
  ]);
  for (const [user, device] of [
    ['alice', 'one1'],
    ['bob', 'two2'],
    ['carol', 'three3'],
  ] as const) {
    await store.putDevices([deviceReport(device as DeviceKey, { compliant: false })]);
    await store.recordSeen([seen(user, device, 0)]);
  }
  await store.close();
  await policy('publish', join(folder, 'open.yaml'), '--yes');
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), ...words);
const policy = (...words: string[]): Promise<Ended> => run('policy', ...words);
const rollOut = (...words: string[]): Promise<Ended> =>
  policy('publish', join(folder, 'strict.yaml'), '--group', 'Pilot', '--yes', ...words);

describe('policy publish --group', () => {
  it('says with --dry-run who would change, also users whose groups no feed knows, and changes nothing', async () => {
    const { code, out, error } = await rollOut('--dry-run');
    expect(code).toBe(0);
    expect(out).toMatch(/kept out newly +2 /);
    expect(out).toContain(
      'it decides on 1 of 3 phones; 1 are of users whose groups no feed knows: the stricter of both versions decides on them',
    );
    expect(out).toMatch(/\nBY GROUP .*Pilot .*\nUSER .*alice +one1 /s);
    expect(out).not.toContain('bob');
    expect(error).toBe('');
    expect((await policy('history')).out).not.toMatch(/\n2 /);
    const json = JSON.parse((await rollOut('--dry-run', '--json')).out) as object;
    expect(json).toMatchObject({
      version: null,
      change: { keptOut: { all: 2 }, reach: { inside: 1, groupsUnknown: 1, emptyGroups: [] } },
    });
  });

  it('warns of a group that nobody with a phone is in', async () => {
    const { error } = await policy('publish', join(folder, 'strict.yaml'), '--group', 'Pilto', '--dry-run');
    expect(error).toContain('no user with a phone is in group Pilto');
  });

  it('rolls a version out, and explain says which version decided, and why', async () => {
    expect((await rollOut('--comment', 'carefully')).out).toMatch(
      /version 2 decides for group Pilot, on every gateway within a second\n$/,
    );
    expect((await run('explain', 'alice', 'one1')).out).toContain(
      'by version 2, rolled out to group Pilot\n',
    );
    expect((await run('explain', 'bob', 'two2')).out).toContain(
      'by version 1, as the user is outside the roll-out of version 2 to group Pilot\n',
    );
    expect((await run('explain', 'carol', 'three3')).out).toMatch(
      /quarantine .*\nby version 2, the stricter of version 1 and version 2, .*: no feed knows the groups of the user\n/,
    );
    expect(JSON.parse((await run('explain', 'alice', 'one1', '--json')).out)).toMatchObject({
      decidedBy: { version: 2, name: 'strict', why: 'group' },
    });
  });

  it('is refused while another version is rolled out, as is every change of the live policy', async () => {
    await rollOut();
    for (const words of [
      ['publish', join(folder, 'open.yaml'), '--yes'],
      ['publish', join(folder, 'open.yaml'), '--share', '5', '--yes'],
      ['rollback', '1', '--yes'],
    ]) {
      const { code, error } = await policy(...words);
      expect({ code, error }).toEqual({
        code: 1,
        error: expect.stringContaining('EASGATE_ROLLOUT:') as string,
      });
    }
  });

  it.each(['101', '-1', '1.5', 'half'])('refuses the share %s', async (share) => {
    const { code, error } = await policy('publish', join(folder, 'strict.yaml'), `--share=${share}`, '--yes');
    expect(code).not.toBe(0);
    expect(error).toMatch(/EASGATE_(USAGE|ROLLOUT_EXTENT)/);
  });
});

describe('policy rollout', () => {
  it('show says so where there is none', async () => {
    expect((await policy('rollout', 'show')).out).toBe('no version is rolled out to a part of the users\n');
    for (const verb of ['widen', 'finish', 'abandon'])
      expect((await policy('rollout', verb, '--yes')).error).toContain('EASGATE_NO_ROLLOUT');
  });

  it('widens to more users, and never to fewer', async () => {
    await rollOut('--share', '10');
    const wider = await policy('rollout', 'widen', '--group', 'Staff', '--share', '20%', '--yes');
    expect(wider.out).toMatch(
      /kept out newly +1 .*version 2 decides for group Pilot, group Staff and 20 % of all users/s,
    );
    expect((await policy('rollout', 'widen', '--share', '5', '--yes')).error).toContain(
      'EASGATE_ROLLOUT_EXTENT: it reaches 20 % of all users already, and only grows',
    );
    expect((await policy('rollout', 'show')).out).toMatch(
      /^version 2 is rolled out to group Pilot, group Staff and 20 % of all users, since .*\ncompared with version 1/,
    );
  });

  it('asks before it changes anything, and --dry-run does not', async () => {
    await rollOut();
    const asked = await policy('rollout', 'finish');
    expect(asked.error).toContain('EASGATE_CONFIRM');
    expect(asked.out).toMatch(/kept out newly +1 /);
    expect((await policy('rollout', 'abandon', '--dry-run')).out).toMatch(/let in newly +2 /);
    expect((await policy('rollout', 'show')).out).toContain('version 2 is rolled out');
  });

  it('finishes for everybody, and rollback goes back to the version before', async () => {
    await rollOut();
    expect((await policy('rollout', 'finish', '--yes')).out).toMatch(/version 2 is live, .*\n$/);
    expect((await run('explain', 'bob', 'two2')).out).toContain('by version 2\n');
    expect((await policy('rollback', '--yes')).out).toContain('version 1 is live again');
  });

  it('is abandoned for nobody', async () => {
    await rollOut();
    expect((await policy('rollout', 'abandon', '--yes')).out).toMatch(
      /version 2 is no longer rolled out: version 1 decides for everybody within a second\n$/,
    );
    expect((await run('explain', 'alice', 'one1')).out).toContain('by version 1\n');
  });
});

it('policy history says when a version was in the shadow, rolled out to whom, and published', async () => {
  await policy('shadow', join(folder, 'strict.yaml'));
  const time = '\\d{4}-\\d\\d-\\d\\dT\\S+Z';
  expect((await policy('history')).out).toMatch(
    new RegExp(
      `SHADOW +ROLLED OUT +TO +PUBLISHED .*\\n2 +shadow +${time} +- +- +- .*\\n1 +live +- +- +- +${time} `,
    ),
  );
  await policy('promote', '--group', 'Pilot', '--share', '10', '--yes');
  expect((await policy('history')).out).toMatch(
    new RegExp(`\\n2 +rollout +${time} +${time} +group Pilot and 10 % of all users +- `),
  );
  await policy('rollout', 'finish', '--yes');
  expect((await policy('history')).out).toMatch(
    new RegExp(`\\n2 +live +${time} +${time} +group Pilot and 10 % of all users +${time} `),
  );
  const entries = JSON.parse((await policy('history', '--json')).out) as object[];
  expect(entries[0]).toMatchObject({ version: 2, rolledOutTo: { groups: ['Pilot'], share: 10 } });
});

it('policy history says when a version was added where its steps were not kept yet', async () => {
  const store = new EmbeddedStore(join(folder, 'directory.db'));
  const stored = await store.policies.state();
  const {
    steps: _steps,
    rollout: _rollout,
    ...earlier
  } = JSON.parse(stored ?? '') as Record<string, unknown>;
  await store.policies.replace(stored, JSON.stringify(earlier), null);
  await store.close();
  expect((await policy('history')).out).toMatch(/\n1 +live +- +- +- +added \d{4}-\S+Z /);
});

describe('report would-block', () => {
  it('is about the users of a roll-out alone', async () => {
    const words = ['report', 'would-block', '--policy', join(folder, 'strict.yaml'), '--csv'];
    const devices = async (...more: string[]): Promise<string[]> =>
      [...(await run(...words, ...more)).out.matchAll(/\w,(\w+\d),/g)]
        .map(([, device]) => device ?? '')
        .sort();
    expect(await devices()).toEqual(['one1', 'three3', 'two2']);
    expect(await devices('--group', 'Staff')).toEqual(['three3', 'two2']);
    expect(await devices('--share', '100')).toEqual(['one1', 'three3', 'two2']);
    await rollOut();
    expect(await devices('--group', 'Pilot')).toEqual(['one1', 'three3']);
  });
});
