// Owns the promise that every command with an operation in the admin API does the same with `--context` as on the machine of the
// gateway: the same document, the same exit code.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { configuredFeeds, feedStates } from '../../src/app/feed-runs/configured-feeds.ts';
import { comparePolicies } from '../../src/app/policy-comparison.ts';
import { runFeedByHand } from '../../src/app/feed-runs/run-feed.ts';
import { commandName, defineProgram } from '../../src/cli/program.ts';
import { REMOTE_COMMANDS } from '../../src/cli/remote/commands.ts';
import type { Context } from '../../src/cli/remote/contexts.ts';
import { followRemote } from '../../src/cli/remote/journal.ts';
import { journalOptions } from '../../src/config/journal-settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { IN_MEMORY, ModelFile } from '../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../src/directory/read-model/model-keeper.ts';
import { ModelReader } from '../../src/directory/read-model/model-reader.ts';
import { buildServer } from '../../src/api/server.ts';
import { AuditLog } from '../../src/journal/audit-log.ts';
import type { JournalStore } from '../../src/journal/journal-store.ts';
import { LazyJournal } from '../../src/journal/lazy-journal.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { event } from '../journal/entries.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { GatewayStatus } from '../../src/supervisor/status-server.ts';
import { StatusServer, statusSocket } from '../../src/supervisor/status-server.ts';
import { openLog } from '../../src/telemetry/logger.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { DirectQuestions } from '../support/servers/direct-questions.ts';
import { BY_TEST, decision, deviceReport, userReport } from '../support/servers/directory-records.ts';
import { seen } from '../app/office.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';
import { makeToken } from '../support/servers/make-token.ts';

checkLeaks();

const LOOSE = 'name: loose\nunknownDevice: { action: allow }\n';
const BROKEN = 'name: broken\nrules: [{ action: blok }]\n';

const closing: (() => Promise<unknown> | void)[] = [];
let folder = '';
let refresh: () => Promise<void>;
let context: Context;
let journal: JournalStore;

const file = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-context-'));
  mkdirSync(file('in'));
  mkdirSync(file('easgate'));
  writeFileSync(file('in/a.csv'), 'id,managed,compliant\nPHONE1,true,true\nPHONE2,true,false\n');
  writeFileSync(file('devices.csv'), 'id,managed,compliant\nPHONE7,true,true\n');
  writeFileSync(file('loose.yaml'), LOOSE);
  writeFileSync(file('broken.yaml'), BROKEN);
  writeFileSync(file('own.csv'), 'Phone,State,Who\nPHONE8,ok,älice\nPHONE9,bad,bob\n,ok,carol\n');
  writeFileSync(
    file('own.yaml'),
    '# ä: characters of two bytes count, too\nid: record.Phone\nmanaged: "true"\ncompliant: record.State == "ok"\nowner: record.Who\n',
  );
  writeFileSync(
    file('easgate.yaml'),
    'upstream: { url: "http://127.0.0.1" }\n' +
      'store: { kind: embedded, path: easgate.db }\n' +
      'workers: { pidFile: easgate.pid }\n' +
      'feeds: [{ name: mdm, kind: files, path: in, format: csv, schedule: "0 0 1 1 *" }]\n' +
      'admin: { listen: "127.0.0.1:0", file: admin.db }\n' +
      'control: { enabled: false }\n',
  );
  await runInProcess('store', 'init', '--config', file('easgate.yaml'));
  const store = new EmbeddedStore(file('easgate.db'));
  await store.putUsers([userReport('alice@contoso.com' as UserKey, { groups: ['staff'] })]);
  await store.putDevices([
    deviceReport('good1' as DeviceKey, { model: 'iPhone15C2', os: 'iOS 17.4' }),
    deviceReport('old2' as DeviceKey, { compliant: false }),
    deviceReport('spare4' as DeviceKey, { managed: false }),
  ]);
  await store.recordSeen([
    seen('alice@contoso.com', 'good1', 1),
    seen('alice@contoso.com', 'old2', 30, { lastVerdict: 'quarantine', lastReason: 'notCompliant' }),
    seen('bob', 'lost3', 3, { deviceType: 'Android', lastVerdict: 'block', lastReason: 'individualRule' }),
  ]);
  await store.decide(
    { user: null, device: 'lost3' as DeviceKey },
    { ...decision('block'), reason: 'stolen' },
    BY_TEST,
  );
  await openApi(store);
  for (const words of [
    ['policy', 'publish', file('loose.yaml'), '--yes'],
    ['policy', 'publish', file('loose.yaml'), '--yes', '--comment', 'again'],
    ['feeds', 'run', 'mdm'],
  ])
    await here(words);
});

afterAll(async () => {
  for (const close of closing.toReversed()) await close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** The API on the files of the configuration. */
async function openApi(store: EmbeddedStore): Promise<void> {
  const config = loadConfig(file('easgate.yaml'));
  const model = ModelFile.open(IN_MEMORY, { store: '', epoch: 0 });
  const lazyJournal = new LazyJournal(() => openJournalStore(journalOptions(config)));
  journal = await lazyJournal.get();
  const admin = AdminStore.open(config.admin.file ?? '');
  const audit = new AuditLog(lazyJournal, () => undefined);
  const status: GatewayStatus = {
    version: '1.2.3',
    pid: 7,
    startedAt: 1_700_000_000_000,
    phase: 'serving',
    policy: { name: null, file: null, hash: null, actions: { unknownDevice: 'quarantine' } },
    warnings: ['one'],
    workers: [null],
    control: null,
  };
  const control = {
    pid: 8,
    uptimeSeconds: 1,
    memoryBytes: 2,
    readModel: {
      phase: 'following' as const,
      path: file('model.db'),
      rows: 3,
      position: '1',
      ageMs: 4,
      seenAgeMs: 5,
      trouble: null,
    },
    leader: { isLeader: true, holder: 'here', fence: 1 },
    warnings: [],
    endingExceptions: ['1 exception ends tomorrow'],
    admin: { url: null, trouble: null },
  };
  const gateway: GatewayStatus = { ...status, control: { state: 'running', pid: 8, status: control } };
  const answers = await StatusServer.open(
    statusSocket(config.workers.pidFile),
    async () => gateway,
    async () => '',
  );
  const server = await buildServer(
    {
      config,
      name: 'gateway.test',
      version: '1.2.3',
      admin,
      audit,
      events: audit,
      compare: (asked, onProgress) => comparePolicies(store, config, asked, onProgress),
      store: () => store,
      model: () => new DirectQuestions(new ModelReader(model.database, store.names)),
      journal: async () => journal,
      feeds: () => ({
        run: (name, how, operator) => {
          const feed = configuredFeeds(config).find((one) => one.name === name);
          if (feed === undefined) throw new Error('no such feed');
          const { signal } = new AbortController();
          return runFeedByHand(store, feedStates(config), feed, { ...how, signal }, operator);
        },
        runNow: () => undefined,
        close: async () => undefined,
      }),
      control: () => control,
      gateway: async () => gateway,
    },
    openLog('silent', 'stdout'),
  );
  await new ModelKeeper(store, model).build();
  refresh = () => new ModelKeeper(store, model).readAll();
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const token = { name: 'the admin', role: 'admin', createdBy: 'test', expiresAt: null } as const;
  const { secret } = makeToken(admin, token, Date.now());
  context = { url, token: secret, ca: null };
  writeFileSync(
    file('easgate/contexts.yaml'),
    `contexts: { test: { url: "${url}", token: "${secret}" } }\n`,
    { mode: 0o600 },
  );
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  closing.push(
    () => store.close(),
    () => admin.close(),
    () => model.close(),
    () => journal.close(),
    () => answers.close(),
    () => server.close(),
  );
}

async function run(words: readonly string[], more: readonly string[]): Promise<Ended> {
  const { exitCode } = process;
  process.exitCode = 0;
  const ended = await runInProcess(...words.map((word) => word.replace('FOLDER', folder)), ...more);
  const code = ended.code === 0 ? process.exitCode : ended.code;
  process.exitCode = exitCode;
  return { ...ended, code };
}

const here = (words: readonly string[]): Promise<Ended> => run(words, ['--config', file('easgate.yaml')]);
const there = (words: readonly string[]): Promise<Ended> => run(words, ['--context', 'test']);

/** What differs by who asks, when, and how often it was asked before. */
const OWN = new Set([
  'owner',
  'by',
  'via',
  'author',
  'createdBy',
  'id',
  'secret',
  'tookMs',
  'lagMs',
  'lastUsedAt',
  'version',
  'stateSince',
  'ended',
  'earlier',
  'history',
]);

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

function same(value: unknown, name = ''): unknown {
  if (OWN.has(name)) return null;
  if (typeof value === 'string')
    return value
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/\d+[smhdw] ago|\bnow(?=$|:)/gm, 'AGO');
  if (Array.isArray(value)) {
    const all = value.map((one) => same(one, name));
    // Rows of a report that are equal in its order may come in any order.
    return name === 'rows' ? all.toSorted(byText) : all;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, same(one, key)]));
}

/** A document as it is compared; lines of JSON, and texts, as they are but for times. */
function compared({ code, out }: Ended): unknown {
  try {
    return { code, document: same(JSON.parse(out)) };
  } catch {
    return {
      code,
      lines: out
        .split('\n')
        .map((line) => asLine(line))
        .toSorted(byText),
    };
  }
}

function asLine(line: string): unknown {
  try {
    return same(JSON.parse(line));
  } catch {
    return String(same(line)).replaceAll(/\bby \S+/g, 'BY');
  }
}

/** A command line, what takes back what it did, and what comes before it. */
type Row = readonly [words: string, undo?: string | undefined, first?: string];

const ROLL_OUT = 'policy publish FOLDER/loose.yaml --group staff --yes';
const ABANDON = 'policy rollout abandon --yes';

const ROWS: Row[] = [
  ['devices list --json'],
  ['devices list --json --state quarantined,blocked --sort -lastSeen,device --limit 1'],
  ['devices list --json --compliant no --user alice'],
  ['devices list --json --reported no'],
  ['devices list --json --open-wipe'],
  ['devices list --json --exception --reported yes'],
  ['devices show GOOD1 --json'],
  ['devices show GOOD1'],
  ['devices show NOSUCHPHONE --json'],
  ['devices allow OLD2 --reason ok --expires 2099-01-01 --json', 'devices clear OLD2'],
  ['devices block OLD2 --user alice --dry-run --json'],
  ['devices quarantine NEVERSEEN --json', 'devices clear NEVERSEEN'],
  ['devices clear LOST3 --json', 'devices block LOST3 --reason stolen'],
  ['devices wipe GOOD1 --reason lost --dry-run --json'],
  ['devices wipe GOOD1 --reason lost --dry-run'],
  ['devices wipe SPARE4 --reason lost --confirm SPARE4 --json', 'devices clear SPARE4'],
  ['devices wipe GOOD1 --reason lost --json'],
  ['users list --json'],
  ['users list --json --min-devices 2'],
  ['users list --limit 0'],
  ['users show alice --json'],
  ['users show nobody --json'],
  ['users allow bob --json', 'users clear bob'],
  ['users block bob --dry-run --json'],
  ['users quarantine newcomer', 'users clear newcomer'],
  ['users clear bob --json'],
  ['partnerships list --json'],
  ['decisions list --json'],
  ['decisions list --json --action wipe'],
  ['decisions accept GOOD1 --dry-run --json'],
  ['explain alice GOOD1 --json'],
  ['explain alice OLD2'],
  ['simulate --policy live --managed yes --compliant no --json'],
  ['simulate --policy FOLDER/loose.yaml --user alice'],
  ['policy check FOLDER/loose.yaml --json'],
  ['policy check FOLDER/broken.yaml --json'],
  ['policy check FOLDER/broken.yaml'],
  ['policy diff configured live --json'],
  ['policy diff configured FOLDER/loose.yaml --csv'],
  ['policy diff 1 99 --json'],
  ['policy publish FOLDER/loose.yaml --yes --json'],
  ['policy publish FOLDER/broken.yaml --yes --json'],
  ['policy publish FOLDER/loose.yaml --json'],
  ['policy history --json --limit 2'],
  ['policy rollback 1 --yes --json', 'policy rollback 2 --yes'],
  ['policy shadow FOLDER/loose.yaml --json'],
  ['policy shadow --json'],
  ['policy shadow --off --json', 'policy shadow FOLDER/loose.yaml'],
  ['policy promote --yes --json', 'policy shadow FOLDER/loose.yaml'],
  ['policy rollout show'],
  ['policy rollout show --json'],
  ['policy publish FOLDER/loose.yaml --group staff --share 10 --yes --json', ABANDON],
  ['policy rollout show', undefined, ROLL_OUT],
  ['policy rollout show --json', undefined, ROLL_OUT],
  ['policy rollout widen --group board --dry-run', undefined, ROLL_OUT],
  ['policy rollout widen --group staff --yes', undefined, ROLL_OUT],
  ['policy rollout abandon --dry-run --json', undefined, ROLL_OUT],
  ['policy rollout finish', undefined, ROLL_OUT],
  ['policy rollout finish --yes --json', undefined, ROLL_OUT],
  ['policy rollout widen --group board --share 20 --yes --json', ABANDON, ROLL_OUT],
  ['policy rollout abandon --yes --json', undefined, ROLL_OUT],
  ['policy rollout abandon --yes'],
  ['journal query --json'],
  ['journal export'],
  ['audit query --json --operation policy_publish --until 2020-01-01'],
  ['audit query --limit 2 --csv --until 2020-01-01'],
  ['audit export --operation policy_shadow --until 2020-01-01'],
  ['report inventory --json'],
  ['report inventory --csv'],
  ['report blocked'],
  ['report stale --not-seen 20d --json'],
  ['report exceptions --json'],
  ['report duplicates --json'],
  ['report near-misses --json'],
  ['report would-block --policy configured --json'],
  ['report would-block --policy 1 --group staff --share 10 --json'],
  ['report grandfathered --json'],
  ['report grandfathered'],
  ['import FOLDER/devices.csv --dry-run --json'],
  ['import FOLDER/missing.csv --json'],
  ['import FOLDER/own.csv --mapping FOLDER/own.yaml --source own --dry-run --json'],
  ['import FOLDER/own.csv --mapping FOLDER/own.yaml --json'],
  ['import FOLDER/own.csv --mapping FOLDER/missing.yaml --source own --json'],
  ['export devices'],
  ['export devices --format ndjson --sort device --limit 2'],
  ['export users --format ndjson'],
  ['export decisions --action block'],
  ['feeds list --json'],
  ['feeds status --json'],
  ['feeds run mdm --dry-run --json'],
  ['feeds run missing --json'],
  ['feeds confirm mdm --json'],
  ['tokens create script --role viewer --json'],
  ['tokens create script --role viewer --expires never --json'],
  ['tokens list --json'],
  ['tokens revoke nosuchtoken --json'],
  ['status --json'],
];

/** Commands that do not end by themselves, or whose rows differ: they have tests of their own below. */
const OTHERS = ['journal follow', 'tokens revoke'];

/** Every command that does something. */
function leaves(command: Command = defineProgram()): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap((one) => leaves(one));
}

describe('--context', () => {
  it.each(ROWS)('%s', async (line = '', undo, first) => {
    const words = line.split(' ');
    if (first !== undefined) await here(first.split(' '));
    await refresh();
    const remote = await there(words);
    if (undo !== undefined) await here(undo.split(' '));
    if (first !== undefined) await here(first.split(' '));
    await refresh();
    const local = await here(words);
    if (undo !== undefined) await here(undo.split(' '));
    expect(compared(remote)).toEqual(compared(local));
  });

  it('has a row for every command with an operation', () => {
    const tested = (name: string): boolean =>
      OTHERS.includes(name) || ROWS.some(([line]) => line === name || line.startsWith(`${name} `));
    expect(Object.keys(REMOTE_COMMANDS).filter((name) => !tested(name))).toEqual([]);
    const known = new Set(leaves().map(commandName));
    expect(Object.keys(REMOTE_COMMANDS).filter((name) => !known.has(name))).toEqual([]);
  });

  it('is refused by every other command', async () => {
    const others = leaves().filter((command) => !Object.hasOwn(REMOTE_COMMANDS, commandName(command)));
    expect(others.map(commandName)).toContain('serve');
    for (const command of others) {
      const words = commandName(command).split(' ');
      const given = command.registeredArguments.filter(({ required }) => required).map(() => 'bash');
      const needed = command.options
        .filter(({ mandatory }) => mandatory)
        .flatMap(({ long }) => [long ?? '', 'x']);
      const { code, error } = await there([...words, ...given, ...needed]);
      expect([words, code, error]).toEqual([words, 1, expect.stringContaining('EASGATE_CONTEXT_COMMAND')]);
    }
  });

  it('imports a file', async () => {
    const words = ['import', file('devices.csv'), '--json', '--source'];
    const [remote, local] = [await there([...words, 'one']), await here([...words, 'two'])];
    expect(JSON.parse(remote.out)).toMatchObject({ source: 'one', devices: { accepted: 1 } });
    expect({ ...JSON.parse(remote.out), source: 'two' }).toEqual(JSON.parse(local.out));
  });

  it('leads back from a live version whose record is malformed, and says that nothing can be compared', async () => {
    await here(ROLL_OUT.split(' '));
    const database = new DatabaseSync(file('easgate.db'));
    const { live } = JSON.parse(
      String(database.prepare('SELECT record FROM policies WHERE version = 0').get()?.['record']),
    ) as { readonly live: number };
    database.prepare(`UPDATE policies SET record = '{' WHERE version = ?`).run(live);
    database.close();
    for (const words of [
      'policy rollout abandon --yes --json',
      'policy publish FOLDER/loose.yaml --yes --json',
    ]) {
      const { code, error } = await there(words.split(' '));
      expect([code, error]).toEqual([0, expect.stringContaining('whom this change concerns is not known')]);
    }
    expect((await there(['policy', 'rollout', 'finish', '--yes'])).error).toContain('EASGATE_NO_ROLLOUT');
  });

  it('follows the journal as it is written', async () => {
    const found: JournalEntry[] = [];
    let more = true;
    const following = followRemote(context, { kind: 'device_refused' }, async (entry) => {
      found.push(entry);
      return false;
    }).finally(() => (more = false));
    // One that is written before the stream is open is not in it.
    while (more) {
      await journal.append([event({ at: Date.now() })]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await following;
    expect(found).toMatchObject([{ kind: 'device_refused', user: 'alice', device: 'appl1' }]);
  });

  it('revokes a token, and shows it', async () => {
    const made = JSON.parse((await there('tokens create gone --role viewer --json'.split(' '))).out) as {
      id: string;
    };
    const { code, out } = await there(['tokens', 'revoke', made.id, '--json']);
    expect([code, JSON.parse(out)]).toMatchObject([0, { id: made.id, name: 'gone', role: 'viewer' }]);
    expect((await here(['tokens', 'list', '--json'])).out).not.toContain(made.id);
  });
});
