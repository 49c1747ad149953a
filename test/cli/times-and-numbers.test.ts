// Owns the promises about how commands print times and counts: one form each, whatever the command.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countTable, othersText } from '../../src/cli/report.ts';
import { changeText } from '../../src/cli/policy-comparison.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { seen } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { deviceReport, userReport } from '../support/servers/directory-records.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

checkLeaks();

let folder = '';
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-times-'));
  writeFileSync(join(folder, 'easgate.yaml'), 'store: { kind: embedded, path: directory.db }\n');
  writeFileSync(join(folder, 'open.yaml'), 'compliance: []\nnoCompliancePolicy: { action: allow }\n');
  const observedAt = Date.now() - 3 * 86_400_000;
  const store = new EmbeddedStore(join(folder, 'directory.db'));
  await store.putDevices([deviceReport('bad1' as DeviceKey, { compliant: false, observedAt })]);
  await store.putUsers([userReport('alice' as UserKey, { groups: ['Staff'], observedAt })]);
  await store.recordSeen([{ ...seen('alice', 'bad1', 3), lastVerdict: 'block' }]);
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (words: string): Promise<Ended> =>
  runInProcess(
    ...words.replace('OPEN', join(folder, 'open.yaml')).split(' '),
    '--config',
    join(folder, 'easgate.yaml'),
  );

const LENGTH = /\b\d+[smhdw] ago\b/;

describe('the times that commands list', () => {
  it.each([
    'devices list',
    'devices show BAD1',
    'users list',
    'users show alice',
    'partnerships list',
    'explain alice BAD1',
    'report inventory',
    'report blocked',
    'policy diff configured OPEN',
  ])('of %s are ISO in UTC, and lengths with --relative', async (words) => {
    const { out } = await run(words);
    expect(out).toMatch(/\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ/);
    expect(out).not.toMatch(LENGTH);
    expect((await run(`${words} --relative`)).out).toMatch(LENGTH);
    // The next command of the process is not concerned.
    expect((await run(words)).out).not.toMatch(LENGTH);
  });
});

describe('counts for people', () => {
  const counts = { all: 12_846, lastDay: 1_204, lastWeek: 999, lastMonth: 1_000 };

  it('have separators', () => {
    expect(countTable('BY REASON', [{ name: 'notCompliant', phones: counts }], 20)).toMatch(
      /notCompliant +12,846 +1,204 +999 +1,000\n/,
    );
    expect(othersText(1_204, '--csv')).toBe('and 1,204 others: --csv\n');
    const none = { all: 0, lastDay: 0, lastWeek: 0, lastMonth: 0 };
    const parts = { keptOut: counts, keptOutLater: none, letIn: none, letInForNow: none, otherwise: none };
    const found = {
      ...parts,
      compared: 20_000,
      phones: [],
      isCut: false,
      byReason: [],
      byGroup: [],
      byModel: [],
    };
    const reach = { inside: 1_500, groupsUnknown: 0, emptyGroups: [] };
    expect(changeText({ ...found, reach })).toMatch(
      /^20,000 phones compared\n[^]*kept out newly +12,846[^]*it decides on 1,500 of 20,000 phones\n/,
    );
  });
});
