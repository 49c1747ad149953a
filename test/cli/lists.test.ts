// Owns the promises of lists on the command line: options, tables, JSON, and messages beside them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { ModelFile } from '../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../src/directory/read-model/model-keeper.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { seen } from '../app/office.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';
import { BY_TEST, decision, deviceReport } from '../support/servers/directory-records.ts';

let folder = '';
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-lists-'));
  const path = join(folder, 'directory.db');
  writeFileSync(join(folder, 'easgate.yaml'), `store: { kind: embedded, path: ${path} }\n`);
  const store = new EmbeddedStore(path);
  const now = Date.now();
  await store.putDevices([deviceReport('good1' as DeviceKey)]);
  await store.recordSeen([
    { ...seen('alice', 'good1', 0), lastSeen: now - 3_600_000 * 5 },
    {
      ...seen('bob', 'bad2', 0),
      lastSeen: now - 86_400_000 * 20,
      lastVerdict: 'block',
      lastReason: 'notCompliant',
    },
  ]);
  await store.decide(
    { user: null, device: 'bad2' as DeviceKey },
    { ...decision('block'), reason: 'x\u001b[2Jy' },
    BY_TEST,
  );
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), ...words);
const firstCells = (out: string): string[] =>
  out
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ +/)[0] ?? '');

describe('a list', () => {
  it('accepts filters, a descending sort with a minus, and a limit', async () => {
    expect(firstCells((await run('devices', 'list', '--state', 'blocked')).out)).toEqual(['bad2']);
    expect(firstCells((await run('devices', 'list', '--seen', '7d')).out)).toEqual(['good1']);
    expect(firstCells((await run('devices', 'list', '--not-seen', '7d')).out)).toEqual(['bad2']);
    expect(firstCells((await run('devices', 'list', '--sort', '-lastSeen')).out)).toEqual(['good1', 'bad2']);
    const { out, error } = await run('devices', 'list', '--sort', '-lastSeen', '--limit', '1');
    expect(firstCells(out)).toEqual(['good1']);
    expect(error).toMatch(/^1 of 2; the next page: --after (\S+)\n$/);
    const next = /--after (\S+)/.exec(error)?.[1] ?? '';
    const second = await run('devices', 'list', '--sort', '-lastSeen', '--limit', '1', '--after', next);
    expect(firstCells(second.out)).toEqual(['bad2']);
    expect(second.error).toMatch(/^the last page\n/);
  });

  it('accepts several values separated by commas, and repeated options', async () => {
    const both = [
      ['--state', 'allowed,blocked'],
      ['--state', 'allowed', '--state', 'blocked'],
    ];
    for (const words of both)
      expect(firstCells((await run('devices', 'list', ...words)).out)).toEqual(['bad2', 'good1']);
  });

  it('prints times in ISO form, or as durations with --relative', async () => {
    expect((await run('partnerships', 'list')).out).toMatch(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n/);
    const { out } = await run('partnerships', 'list', '--relative', '--user', 'alice');
    expect(out).toMatch(/5h ago\n$/);
  });

  it.each([
    ['devices', { device: 'bad2', user: 'bob', state: 'blocked' }],
    ['partnerships', { device: 'bad2', user: 'bob', state: 'blocked' }],
    ['users', { user: 'alice', devices: 1, states: { allowed: 1 } }],
    ['decisions', { device: 'bad2', user: null, state: 'active', decision: { action: 'block' } }],
  ])('of %s is an array with --json, with ISO times', async (noun, row) => {
    const { out } = await run(noun, 'list', '--json');
    const rows = JSON.parse(out) as unknown[];
    expect(rows[0]).toMatchObject(row);
    expect(out).not.toMatch(/(?:At|Seen)": \d/);
  });

  it.each(['devices', 'partnerships', 'users', 'decisions'])(
    'of %s says so when it is empty',
    async (noun) => {
      const { out, error } = await run(noun, 'list', '--user', 'nobody');
      expect(out).toBe(`no ${noun}\n`);
      expect(error).toMatch(/^no user nobody is known\n/);
      expect((await run(noun, 'list', '--user', 'nobody', '--json')).out).toBe('[]\n');
    },
  );

  it.each([
    [['--sort', 'size'], 'EASGATE_FILTER'],
    [['--limit', '0'], 'EASGATE_FILTER'],
    [['--limit', 'many'], 'EASGATE_FILTER'],
    [['--state', 'open'], 'EASGATE_FILTER'],
    [['--managed', 'perhaps'], 'EASGATE_USAGE'],
    [['--seen', 'yesterday'], 'EASGATE_TIME'],
    [['--nope'], 'EASGATE_USAGE'],
  ])('refuses %s', async (words, code) => {
    const { code: exit, out, error } = await run('devices', 'list', ...words);
    expect([exit > 0, out]).toEqual([true, '']);
    expect(error).toContain(code);
  });

  it.each([
    [['devices', 'list', '--limit', '0']],
    [['devices', 'list', '--after', 'x']],
    [['devices', 'list', '--seen', 'yesterday']],
    [['devices', 'list', '--managed', 'perhaps']],
    [['devices', 'set', 'good1', '--managed', 'unknown']],
    [['devices', 'block', 'not an id']],
    [['devices', 'block', 'good1', '--expires', 'yesterday']],
    [['users', 'block', 'a\u0000b']],
    [['journal', 'query', '--kind', 'nothing']],
    [['policy', 'rollback', 'first']],
    [['wbxml', 'encode', '--format', 'xml']],
  ])('with exit code 2 refuses the value in %j', async (words) => {
    expect((await run(...words)).code).toBe(2);
  });

  it('takes yes and no, and true and false, alike', async () => {
    for (const word of ['yes', 'true', 'YES']) {
      expect(firstCells((await run('devices', 'list', '--managed', word)).out)).toEqual(['good1']);
      expect((await run('devices', 'set', 'good1', '--compliant', word)).code).toBe(0);
    }
  });

  it('never prints control characters from stored data', async () => {
    for (const noun of ['devices', 'decisions']) expect((await run(noun, 'list')).out).toContain('x?[2Jy');
  });
});

describe('--dry-run', () => {
  it.each([
    [['devices', 'allow', 'bad2']],
    [['users', 'block', 'alice']],
    [['devices', 'wipe', 'good1', '--reason', 'x']],
  ])('of %j shows what it would do, and writes nothing', async (words) => {
    const before = (await run('decisions', 'list', '--json')).out;
    const { code, out } = await run(...words, '--dry-run');
    expect([code, out]).toEqual([0, expect.stringMatching(/^dry run, nothing is written:\n/)]);
    const json = JSON.parse((await run(...words, '--dry-run', '--json')).out) as object;
    expect(json).toMatchObject({ dryRun: true });
    expect((await run('decisions', 'list', '--json')).out).toBe(before);
    expect((await run('audit', 'query')).out).toBe('no entries\n');
  });
});

describe('a list beside a control process', () => {
  it('is read from its read model while that is up to date, and says how old it is', async () => {
    const path = join(folder, 'directory.db');
    const store = new EmbeddedStore(path);
    const file = ModelFile.open(join(folder, 'read-model.db'), { store: 'one', epoch: 1 });
    const now = Date.now();
    await new ModelKeeper(store, file).build();
    file.write(() => file.setState({ confirmedAt: now, keptUntil: now + 100_000 }));
    await store.recordSeen([seen('carol', 'new3', 0)]);
    const { out, error } = await run('devices', 'list');
    expect(firstCells(out)).toEqual(['bad2', 'good1']);
    expect(error).toMatch(
      /^from the read model of the control process, \d+\.\d s old; new phones and last seen as of \S+/,
    );
    expect((await run('users', 'list')).out).not.toContain('carol');
    expect((await run('decisions', 'list')).error).toContain('from the read model');
    // It is being rebuilt.
    file.write(() => file.setState({ confirmedAt: now - 90_000 }));
    const old = await run('devices', 'list');
    expect(firstCells(old.out)).toEqual(['bad2', 'good1']);
    expect(old.error).toMatch(/^from the read model of the control process, (?:9\d|\d{3})\.\d s old/);
    file.write(() => file.setState({ keptUntil: now - 1 }));
    const stale = await run('devices', 'list');
    expect(firstCells(stale.out)).toEqual(['bad2', 'good1', 'new3']);
    expect(stale.error).toBe('');
    writeFileSync(
      join(folder, 'easgate.yaml'),
      `store: { kind: embedded, path: ${path} }\ncontrol: { enabled: true }\n`,
    );
    expect((await run('devices', 'list')).error).toMatch(/^read from the directory just now: the read model/);
    file.close();
    await store.close();
  });
});

describe('easgate users show', () => {
  it('has the devices of a user with their state', async () => {
    const { out } = await run('users', 'show', 'bob');
    expect(out).toMatch(/^user bob\n\nDEVICE .* NOW +LAST VERDICT .*\nbad2 +bob .* block \(notCompliant\)/);
  });

  it.each([
    ['the device', ['devices', 'block', 'good1']],
    ['the user', ['users', 'block', 'alice']],
  ] as const)('tells a block of %s from the answer to the last request, before it', async (_what, words) => {
    await run(...words);
    for (const show of [
      ['users', 'show', 'alice'],
      ['devices', 'show', 'good1'],
    ])
      expect((await run(...show)).out).toMatch(/ block \(individualRule\) +allow \(compliant\) /);
  });

  it('an exception that a block of the user or a disabled account outweighs says so', async () => {
    await run('users', 'block', 'alice');
    await run('users', 'set', 'alice', '--enabled', 'no');
    const { out } = await run('devices', 'allow', 'good1', '--user', 'alice', '--owner', 'carol');
    expect(out).toMatch(
      / has no effect while alice is blocked with every device, by .*: easgate users clear alice\n/,
    );
    expect(out).toContain('has no effect while the account of alice is disabled');
    expect((await run('users', 'allow', 'alice')).out).toContain('the account of alice is disabled');
    for (const words of [
      ['devices', 'block', 'good1', '--user', 'alice'],
      ['users', 'block', 'alice'],
    ])
      expect((await run(...words)).out).not.toContain('has no effect');
  });

  it('names the user whom an alias stands for, and all other names', async () => {
    await run('users', 'set', 'zoe@example.com', '--alias', 'zoe', 'zz');
    expect((await run('users', 'show', 'zoe')).out).toMatch(/^user zoe\nalso named: zoe@example\.com, zz\n/);
    expect((await run('users', 'show', 'zoe@example.com')).out).toMatch(
      /^user zoe@example\.com\nalso named: zoe, zz\n/,
    );
  });
});

describe('decisions', () => {
  it('are made and cleared with `devices` and listed by `decisions`', async () => {
    const { code, error } = await run('decisions', 'block', 'good1');
    expect(code).toBe(2);
    expect(error).toContain('easgate devices allow, block, quarantine and wipe');
  });

  it('are JSON documents with --json, wipes too', async () => {
    const wipe = await run('devices', 'wipe', 'good1', '--reason', 'x', '--json', '--confirm', 'good1');
    expect(JSON.parse(wipe.out)).toMatchObject({ device: 'good1', decision: { wipe: { state: 'pending' } } });
    const set = await run('devices', 'set', 'bad2', '--managed', 'true', '--json');
    expect(JSON.parse(set.out)).toMatchObject({ key: 'bad2', managed: true, source: 'cli' });
    const block = JSON.parse((await run('devices', 'allow', 'bad2', '--json')).out) as object;
    expect(block).toMatchObject({
      device: 'bad2',
      user: null,
      replaced: [{ decision: { action: 'block' } }],
    });
    const clear = JSON.parse((await run('devices', 'clear', 'bad2', '--json')).out) as object;
    expect(clear).toMatchObject({ cleared: [{ decision: { action: 'allow' } }], left: [] });
  });
});
