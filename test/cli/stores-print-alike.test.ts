// Owns the promise that commands print the same whichever store keeps the directory: one story is written by the same commands to a
// SQLite file and to Redis, and each command that reads is compared.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { journalOptions } from '../../src/config/journal-settings.ts';
import { storeOptions } from '../../src/config/store-settings.ts';
import { openStore } from '../../src/directory/open-store.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import { NOW, seen } from '../app/office.ts';
import { event } from '../journal/entries.ts';
import { until } from '../support/checks/until.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

checkLeaksAtEnd();

const KINDS = ['file', 'redis'] as const;
type Kind = (typeof KINDS)[number];

const POLICY = (name: string, ios: string): string => `name: ${name}
targets: { include: { groups: [staff] }, exclude: { groups: [board] } }
rules: [{ name: old Androids, match: { platform: android, osVersion: '< 8' }, action: block }]
unknownDevice: { action: quarantine }
notEnrolled: { action: quarantine }
compliance: [{ name: baseline, require: { compliant: true, minimumOs: { ios: '${ios}' } } }]
noCompliancePolicy: { action: quarantine }
grandfather: { firstSeenBefore: 2026-11-01, activeWithin: 30d, until: 2027-01-31 }
`;

/** Files of the story, in the folder of each store. */
const FILES: Readonly<Record<string, string>> = {
  'devices.csv': `id,managed,compliant,platform,osVersion,owner,serialNumber,imei
GOOD1,true,true,ios,18.1,alice@contoso.com,SER1,
OLD2,true,false,android,7,bob,SER2,
SPARE4,false,,ios,17.0,carol,SER4,
NEVER5,true,true,ios,17.0,dave,SER5,
,true,true,ios,18.1,bob,NOWHERE,
`,
  'fewer.csv': `id,managed,compliant,platform,osVersion,owner
GOOD1,true,true,ios,18.2,alice@contoso.com
OLD2,true,true,android,14,bob
`,
  'users.ndjson': `{"type":"user","user":"alice@contoso.com","enabled":true,"groups":["staff","pilot"],"names":["alice"]}
{"type":"user","user":"bob","enabled":true,"groups":["staff"]}
{"type":"user","user":"carol","enabled":false,"groups":["board"]}
`,
  'policy.yaml': POLICY('First', '17.4'),
  'next.yaml': POLICY('Second', '18.2'),
};

/** The commands that write the story, in order. Each one prints the same on both stores, too. */
const WRITES = [
  'import devices.csv --dry-run',
  'import devices.csv',
  'import devices.csv',
  'import users.ndjson --source ad --format ndjson',
  'policy publish policy.yaml --yes --comment first',
  'policy shadow next.yaml --comment stricter',
  'devices block LOST3 --reason stolen --expires 30d',
  'devices allow OLD2 --user bob --expires 2d --reason trial',
  'devices quarantine SPARE4',
  'users block carol --reason left',
  'users allow bob --expires 1d',
  'users clear bob',
  'devices set TABLET6 --managed yes --compliant yes --owner bob',
  'devices wipe GOOD1 --user alice@contoso.com --reason stolen --confirm good1',
  'policy promote --yes',
  'policy rollback --yes',
  'policy publish next.yaml --group staff --share 10 --yes --comment pilot',
  'policy rollout widen --group board --yes',
  'policy rollout finish --yes',
  'policy rollback --yes',
  'policy publish next.yaml --group pilot --yes',
  'policy rollout abandon --yes --comment later',
  'policy publish next.yaml --group pilot --yes --json',
  'import fewer.csv --replace --source csv',
  'import devices.csv --source mdm2 --json',
];

const READS = [
  'devices list',
  'devices list --sort -lastSeen --limit 2',
  'devices list --state blocked,quarantined',
  'devices list --search old',
  'devices list --reason notCompliant',
  'devices show GOOD1',
  'devices show OLD2',
  'devices show LOST3',
  'devices show NEVER5',
  'devices show NOBODY',
  'users list',
  'users list --search al --sort -devices',
  'users show alice@contoso.com',
  'users show alice',
  'users show carol',
  'partnerships list',
  'partnerships list --limit 1',
  'decisions list',
  'decisions list --action block',
  'decisions list --state active --ends 7d',
  'explain alice@contoso.com GOOD1',
  'explain bob OLD2',
  'explain bob LOST3',
  'explain carol SPARE4',
  'explain nobody UNKNOWN',
  'policy history',
  'policy rollout show',
  'policy diff live next.yaml',
  'policy diff 1 2',
  'report would-block --policy next.yaml',
  'report would-block --policy live',
  'report blocked',
  'report inventory',
  'report stale',
  'report duplicates',
  'report near-misses',
  'report exceptions',
  'report grandfathered',
  'journal query',
  'journal query --kind device_refused --user alice',
  'journal query --device old2 --limit 1',
  'audit query',
  'audit query --by ada',
];

const EXPORTS = [
  'export devices --format ndjson',
  'export devices --format csv',
  'export users --format ndjson',
  'export decisions --format ndjson',
  'export decisions --format csv',
  'journal export',
  'audit export',
];

let root = '';
let redis: TestRedis;
const written = new Map<Kind, readonly Ended[]>();

async function run(kind: Kind, line: string): Promise<Ended> {
  const folder = join(root, kind);
  const words = line.split(' ').map((word) => (Object.hasOwn(FILES, word) ? join(folder, word) : word));
  const ended = await runInProcess('--config', join(folder, 'easgate.yaml'), ...words);
  // A cursor ends with the number of a row in the copy that lists are read from; it is counted in the order of the store.
  const same = (text: string): string =>
    text.replaceAll(folder, 'FOLDER').replaceAll(/(?<=--after |"next": ?")[\w-]+/g, 'CURSOR');
  return { ...ended, out: same(ended.out), error: same(ended.error) };
}

/** Phones of one user stand in a report in the order of the store. */
const inOrder = (ended: Ended): Ended => ({
  ...ended,
  out: ended.out
    .split(/(?<=\n)/)
    .toSorted()
    .join(''),
});

async function tell(kind: Kind): Promise<void> {
  const folder = join(root, kind);
  mkdirSync(folder);
  const store =
    kind === 'file'
      ? 'store: { kind: embedded, path: directory.db }'
      : `store: { kind: redis, url: '${redis.url}', commandTimeoutMs: 30000 }`;
  const settings = 'identity: { domains: [[contoso.com, CONTOSO]] }\nworkers: { pidFile: easgate.pid }\n';
  writeFileSync(join(folder, 'easgate.yaml'), `${store}\n${settings}`);
  for (const [index, [name, text]] of Object.entries(FILES).entries()) {
    const path = join(folder, name);
    writeFileSync(path, text);
    // A record without a time is as old as its file.
    utimesSync(path, NOW / 1_000, NOW / 1_000 - 100 + index);
  }
  const config = loadConfig(join(folder, 'easgate.yaml'));
  const directory = await openStore(storeOptions(config));
  await directory.recordSeen([
    seen('alice@contoso.com', 'good1', 1, { lastAllowed: NOW }),
    seen('bob', 'old2', 3, { lastVerdict: 'quarantine', lastReason: 'notCompliant', model: 'Pixel 8' }),
    seen('bob', 'lost3', 20, { lastVerdict: 'block', lastReason: 'individualRule', lastAllowed: NOW }),
    seen('dave', 'tablet6', 5),
    seen('carol', 'spare4', 90, { lastVerdict: 'quarantine', lastReason: 'notEnrolled' }),
  ]);
  await directory.close();
  const journal = await openJournalStore(journalOptions(config));
  const events = [event({ at: NOW - 9_000 }), event({ at: NOW - 5_000, user: 'bob', device: 'old2' })];
  const append = (): Promise<boolean> =>
    journal.append(events).then(
      () => true,
      () => false,
    );
  // Its connection is made in the background.
  await until(append, 'the journal to be written');
  await journal.close();
  const ended: Ended[] = [];
  for (const [index, line] of WRITES.entries()) {
    vi.setSystemTime(NOW + index * 1_000);
    ended.push(await run(kind, line));
  }
  written.set(kind, ended);
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'easgate-alike-'));
  redis = await startRedis();
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  for (const kind of KINDS) await tell(kind);
  vi.setSystemTime(NOW + 60_000);
});
afterAll(async () => {
  vi.useRealTimers();
  await redis.kill();
  rmSync(root, { recursive: true });
});

describe('on a SQLite file and on Redis', () => {
  it.each(WRITES.map((line, index) => [line, index] as const))(
    '`%s` writes and prints the same',
    (_line, index) => {
      expect(written.get('file')?.[index]?.code).toBe(0);
      expect(written.get('redis')?.[index]).toEqual(written.get('file')?.[index]);
    },
  );

  it.each(READS)('`%s` prints the same, as text and as JSON', async (line) => {
    const shown = line.startsWith('report ') ? inOrder : (ended: Ended): Ended => ended;
    const text = await run('file', line);
    expect(shown(await run('redis', line))).toEqual(shown(text));
    const json = await run('file', `${line} --json`);
    expect(json.code).not.toBe(2);
    expect(shown(await run('redis', `${line} --json`))).toEqual(shown(json));
  });

  it.each(EXPORTS)('`%s` writes the same', async (line) => {
    const ended = await run('file', line);
    expect(ended.code).toBe(0);
    expect(await run('redis', line)).toEqual(ended);
  });
});
