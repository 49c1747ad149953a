// Owns the promises of `easgate policy rollback` and `promote` on the command line: whom they concern, and that they ask.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { shadowText } from '../../src/cli/policy-versions.ts';
import { seen } from '../app/office.ts';
import { deviceReport, userReport } from '../support/servers/directory-records.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

let folder = '';
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-versions-'));
  const path = join(folder, 'directory.db');
  writeFileSync(join(folder, 'easgate.yaml'), `store: { kind: embedded, path: ${path} }\n`);
  writeFileSync(
    join(folder, 'open.yaml'),
    'name: open\ncompliance: []\nnoCompliancePolicy: { action: allow }\n',
  );
  writeFileSync(join(folder, 'strict.yaml'), 'name: strict\n');
  const store = new EmbeddedStore(path);
  await store.putDevices([deviceReport('good1' as DeviceKey, { compliant: false })]);
  await store.recordSeen([seen('alice', 'good1', 0)]);
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), ...words);

describe('policy rollback', () => {
  beforeEach(async () => {
    await run('policy', 'publish', join(folder, 'strict.yaml'), '--yes');
    await run('policy', 'publish', join(folder, 'open.yaml'), '--yes');
  });

  it('says whom it concerns, and changes nothing unless somebody agrees', async () => {
    const { code, out, error } = await run('policy', 'rollback');
    expect(code).toBe(1);
    expect(out).toMatch(/^1 phones compared\n\n.*\nkept out newly +1 /);
    expect(error).toContain('EASGATE_CONFIRM');
    expect((await run('policy', 'history')).out).toMatch(/^VERSION.*\n2 +live /);
  });

  it('makes the version live with --yes', async () => {
    expect((await run('policy', 'rollback', '--yes')).out).toMatch(/version 1 is live again\n$/);
    expect((await run('policy', 'history')).out).toMatch(/\n1 +live /);
    const again = await run('policy', 'rollback', '2', '--yes', '--json');
    expect(JSON.parse(again.out)).toMatchObject({ version: 2, change: { letIn: { all: 1 } } });
  });

  it('leaves the version that it replaces marked in the history, with why it was promoted', async () => {
    await run('policy', 'shadow', join(folder, 'strict.yaml'), '--comment', 'a draft');
    await run('policy', 'promote', '--comment', 'it proved good', '--yes');
    expect((await run('policy', 'history')).out).toMatch(/\n3 +live .* a draft; it proved good /);
    await run('policy', 'rollback', '--yes');
    expect((await run('policy', 'history')).out).toMatch(
      /\n3 +rolled back 20\d\d-\S+Z .* a draft; it proved good .*\n2 +live /,
    );
  });

  it('without a version to go back to says so', async () => {
    await run('policy', 'rollback', '--yes');
    expect((await run('policy', 'rollback', '--yes')).error).toContain('EASGATE_NOT_FOUND');
  });
});

it('policy promote without a policy in the shadow says so before it asks', async () => {
  const { code, error } = await run('policy', 'promote');
  expect(code).toBe(1);
  expect(error).toBe(
    'EASGATE_NO_SHADOW: no policy runs in the shadow; to begin: easgate policy shadow FILE\n',
  );
  expect((await run('policy', 'diff', 'live', 'shadow')).error).toContain('EASGATE_NO_SHADOW');
});

it('policy shadow lists as many phones as --limit says, and counts the others', () => {
  const [live, shadow] = [
    { action: 'allow', reason: 'reportOnly', rule: 'policy.mode' },
    { action: 'block', reason: 'notCompliant', rule: 'policy.notCompliant' },
  ] as const;
  const phones = ['one', 'two', 'three'].map((id) => ({
    user: 'alice' as UserKey,
    device: id as DeviceKey,
    live,
    shadow,
    at: 1,
  }));
  const counts = { compared: 9, different: 5, phonesDifferent: 3, phones };
  expect(shadowText(2, counts, 2)).toMatch(
    /^version 2 in the shadow: 9 decisions compared, 5 different, on 3 phones\n\nUSER.*\n.* one .*\n.* two .*\nand 1 other: --limit or --json\n$/,
  );
  expect(shadowText(2, counts, 3)).toMatch(/ three .*\n$/);
});

it('policy shadow counts the phones that differ by the reasons of both policies', () => {
  const [live, shadow] = [
    { action: 'allow', reason: 'compliant' },
    { action: 'block', reason: 'osTooOld' },
  ] as const;
  const changes = [{ live, shadow, phones: 1_204 }];
  const counts = { compared: 9_000, different: 5_000, phonesDifferent: 1_204, changes, phones: [] };
  expect(shadowText(2, counts, 2)).toMatch(
    /9,000 decisions compared, 5,000 different, on 1,204 phones\n\nPHONES +LIVE +SHADOW\n1,204 +allow \(compliant\) +block \(osTooOld\)\n/,
  );
});

it('explain names the other names of a user on a line of their own', async () => {
  const store = new EmbeddedStore(join(folder, 'directory.db'));
  await store.putUsers([userReport('alice@example.com' as UserKey, { aliases: ['alice'] })]);
  await store.close();
  expect((await run('explain', 'alice@example.com', 'good1')).out).toMatch(/\n\n.* is also .*\nOF /);
});

describe('report grandfathered', () => {
  it('lists who is let in only because of an earlier time of first use', async () => {
    const until = new Date(Date.now() + 86_400_000).toISOString();
    writeFileSync(
      join(folder, 'before.yaml'),
      `grandfather: { firstSeenBefore: ${new Date().toISOString()}, until: ${until} }\n`,
    );
    expect((await run('report', 'grandfathered')).out).toContain('the policy has no `grandfather`');
    const store = new EmbeddedStore(join(folder, 'directory.db'));
    const week = 7 * 86_400_000;
    await store.recordSeen([
      { ...seen('bob', 'good1', 0), firstSeen: Date.now() - week, lastAllowed: Date.now() - week },
    ]);
    await store.close();
    await run('policy', 'publish', join(folder, 'before.yaml'), '--yes');
    const { out } = await run('report', 'grandfathered');
    expect(out).toMatch(/let in only because of that +\d/);
    expect(out).toMatch(/bob +good1 .*block|bob +good1 .*quarantine/);
    expect((await run('report', 'grandfathered', '--csv')).out).toContain('bob,good1,');
  });
});
