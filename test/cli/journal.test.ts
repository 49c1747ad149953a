// Owns the promises of `easgate journal` and `easgate audit`: what they show, and what commands leave in the audit.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { KEEP_ALL, event } from '../journal/entries.ts';
import { userReport } from '../support/servers/directory-records.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-journal-'));
  writeFileSync(join(folder, 'easgate.yaml'), 'store: { kind: embedded, path: directory.db }\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), ...words);
const at = (text: string): number => Date.parse(text);
const parsed = (out: string): unknown => JSON.parse(out);
const lines = (out: string): Record<string, unknown>[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function append(...entries: JournalEntry[]): Promise<void> {
  const journal = new EmbeddedJournal(join(folder, 'journal.db'), { retention: KEEP_ALL, busyMs: 10_000 });
  await journal.append(entries);
  await journal.close();
}

describe('the journal on the command line', () => {
  it('is empty before anything happened', async () => {
    expect(await run('journal', 'query')).toEqual({ code: 0, out: 'no entries\n', error: '' });
    expect(await run('audit', 'export')).toEqual({ code: 0, out: '', error: '' });
  });

  it('shows what happened, the newest first, for people, scripts and spreadsheets', async () => {
    await append(
      event({ at: at('2026-11-27T10:00:00Z'), count: 3, seconds: 3_600 }),
      event({ at: at('2026-11-26T10:00:00Z'), seconds: 0.072518798828125 }),
      event({ at: at('2026-11-28T10:00:00.5Z'), kind: 'wipe_told', action: 'wipe', reason: 'wipeRequested' }),
    );
    const { out } = await run('journal', 'query');
    expect(out.split('\n').slice(1, 4)).toEqual([
      expect.stringMatching(/^2026-11-28T10:00:00Z {2}wipe_told +1 +alice +appl1 +wipe \(wipeRequested\)/),
      expect.stringMatching(/^2026-11-27T10:00:00Z {2}device_refused +3 +alice .* in 3600 s$/),
      expect.stringMatching(/^2026-11-26T10:00:00Z {2}device_refused +1 .* in 0\.07 s$/),
    ]);
    expect(parsed((await run('journal', 'query', '--json', '--limit', '1')).out)).toEqual([
      {
        ...event({ kind: 'wipe_told', action: 'wipe', reason: 'wipeRequested' }),
        at: '2026-11-28T10:00:00.500Z',
      },
    ]);
    expect((await run('journal', 'export', '--csv', '--kind', 'wipe_told')).out).toBe(
      'at,kind,user,device,action,reason,rule,count,seconds,gateway,facts\r\n' +
        '2026-11-28T10:00:00.500Z,wipe_told,alice,appl1,wipe,wipeRequested,policy notCompliant,1,,gw1,\r\n',
    );
    expect(lines((await run('journal', 'export')).out).map(({ count }) => count)).toEqual([1, 3, 1]);
  });

  it('takes a user by every name in the directory, a device under any spelling, and times', async () => {
    const store = new EmbeddedStore(join(folder, 'directory.db'));
    await store.putUsers([userReport('alice@example.com' as UserKey, { aliases: ['a.smith@example.com'] })]);
    await store.close();
    await append(
      event({ at: at('2026-11-01'), user: 'alice@example.com' }),
      event({ at: at('2026-11-02'), user: 'a.smith@example.com', device: 'androidc1' }),
      event({ at: at('2026-11-03'), user: 'bob' }),
    );
    const days = async (...words: string[]): Promise<unknown[]> =>
      (parsed((await run('journal', 'query', '--json', ...words)).out) as { at: string }[]).map((entry) =>
        Number(entry.at.slice(8, 10)),
      );
    expect(await days('--user', 'A.Smith@Example.com')).toEqual([2, 1]);
    expect(await days('--user', 'CONTOSO\\bob')).toEqual([3]);
    expect(await days('--device', 'ANDROIDC1')).toEqual([2]);
    expect(await days('--since', '2026-11-02', '--until', '2026-11-02')).toEqual([2]);
    expect(await days('--reason', 'notcompliant', '--limit', '2')).toEqual([3, 2]);
  });

  it('refuses words that mean nothing, with those that do', async () => {
    const { code, error } = await run('journal', 'query', '--kind', 'device_refuse');
    expect([code, error]).toEqual([2, expect.stringContaining('device_refuse: none of device_throttled')]);
    expect((await run('audit', 'query', '--operation', 'x')).code).toBe(2);
    expect((await run('journal', 'query', '--device', 'not an id')).error).toContain('EASGATE_DEVICE_ID');
  });

  it('ends without an error when the reader of an export closes the pipe', async () => {
    await append(...Array.from({ length: 3_000 }, (_, index) => event({ at: index })));
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    const child = spawn(process.execPath, [main, 'journal', 'export', '--config', 'easgate.yaml'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let error = '';
    child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, error }).toEqual({ code: 0, error: '' });
  });

  it('answers also while the directory is away', async () => {
    await append(event());
    writeFileSync(join(folder, 'directory.db'), 'no database, and no head of one either: '.repeat(20));
    expect((await run('journal', 'query', '--device', 'APPL1')).out).toContain('device_refused');
    const { out, error } = await run('journal', 'query', '--user', 'alice');
    expect(out).toContain('device_refused');
    expect(error).toContain('other names of alice are not known');
  });
});

describe('the audit', () => {
  const changes = async (...words: string[]): Promise<Record<string, unknown>[]> =>
    lines((await run('audit', 'export', ...words)).out);

  it('has each manual decision with what was there before, and what it was taken back from', async () => {
    await run('devices', 'allow', 'PHONE1', '--owner', 'carol', '--reason', 'ticket 1');
    await run('devices', 'block', 'phone1', '--owner', 'dave');
    await run('devices', 'clear', 'PHONE1');
    await run('devices', 'clear', 'PHONE1');
    await run('users', 'quarantine', 'CONTOSO\\bob', '--owner', 'carol', '--expires', '1d');
    await run('users', 'clear', 'contoso\\bob');
    const found = (await changes()).toReversed();
    expect(found.map(({ by, via, operation, device, user }) => [by, via, operation, device, user])).toEqual([
      ['carol', 'cli', 'decide', 'phone1', null],
      ['dave', 'cli', 'decide', 'phone1', null],
      [expect.any(String), 'cli', 'clear', 'phone1', null],
      ['carol', 'cli', 'decide', null, 'contoso\\bob'],
      [expect.any(String), 'cli', 'clear', null, 'contoso\\bob'],
    ]);
    expect(found[0]).toMatchObject({
      before: null,
      after: { action: 'allow', reason: 'ticket 1' },
      comment: 'ticket 1',
    });
    expect(found[1]).toMatchObject({
      before: [{ decision: { action: 'allow', owner: 'carol' } }],
      after: { action: 'block' },
    });
    expect(found[2]).toMatchObject({ before: [{ decision: { action: 'block' } }], after: null });
    expect(found[4]).toMatchObject({ before: { action: 'quarantine', owner: 'carol' }, after: null });
    expect(await changes('--by', 'CAROL', '--device', 'Phone1')).toHaveLength(1);
  });

  it('has reports by hand, wipes, and the making of the store', async () => {
    await run('devices', 'set', 'PHONE1', '--compliant', 'true');
    await run('devices', 'set', 'PHONE1', '--compliant', 'false');
    await run('users', 'set', 'alice', '--group', 'staff');
    await run('devices', 'wipe', 'PHONE1', '--reason', 'lost', '--confirm', 'PHONE1', '--owner', 'carol');
    const found = (await changes()).toReversed();
    expect(found.map(({ operation, subject }) => [operation, subject])).toEqual([
      ['report_device', 'cli'],
      ['report_device', 'cli'],
      ['report_user', 'cli'],
      ['wipe', null],
    ]);
    expect(found[1]).toMatchObject({ before: { compliant: true }, after: { compliant: false } });
    expect(found[2]).toMatchObject({ before: null, after: { groups: ['staff'] } });
    expect(found[3]).toMatchObject({ by: 'carol', after: { action: 'wipe' }, comment: 'lost' });
  });

  it('shows of a report what it says, without what the store writes beside it', async () => {
    await run('users', 'set', 'alice', '--group', 'staff');
    const { out } = await run('audit', 'query');
    expect(out.split('\n')[1]).toMatch(/ report_user +alice, cli +- +groups=\["staff"\] +-$/);
    await run('devices', 'set', 'PHONE1', '--compliant', 'false');
    expect((await run('audit', 'query')).out).toMatch(/ phone1, cli +- +compliant=false lastCheckIn=\S+Z /);
  });

  it('shows of a decision that ends by itself when it ends', async () => {
    await run('devices', 'allow', 'PHONE1', '--expires', '2031-05-17T18:00Z');
    expect((await run('audit', 'query')).out).toMatch(/ phone1 +- +allow until 2031-05-17T18:00:00\S*Z +-$/m);
  });

  it('has imports and runs of feeds by hand, with their counts, unless they write nothing', async () => {
    const file = join(folder, 'devices.csv');
    writeFileSync(file, 'id,managed,compliant\nPHONE1,true,true\nPHONE2,true,true\n');
    await run('import', file, '--source', 'mdm', '--dry-run');
    await run('import', file, '--source', 'mdm');
    writeFileSync(
      join(folder, 'easgate.yaml'),
      `${readFileSync(join(folder, 'easgate.yaml'), 'utf8')}\nfeeds: [{ name: daily, kind: files, path: ${file}, format: csv }]\n`,
    );
    await run('feeds', 'run', 'daily', '--dry-run');
    await run('feeds', 'run', 'daily');
    await run('feeds', 'confirm', 'daily');
    const found = (await changes()).toReversed();
    expect(found.map(({ operation, subject, via }) => [operation, subject, via])).toEqual([
      ['import', 'mdm', 'cli'],
      ['feed_run', 'daily', 'cli'],
      ['feed_confirm', 'daily', 'cli'],
    ]);
    expect(found[0]).toMatchObject({ by: userInfo().username, after: { devices: { accepted: 2 } } });
  });

  it('has the life of the policy', async () => {
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, 'name: one\n');
    await run('policy', 'publish', file, '--yes', '--comment', 'first', '--owner', 'carol');
    writeFileSync(file, 'name: two\nmode: reportOnly\n');
    await run('policy', 'shadow', file);
    await run('policy', 'promote', '--yes');
    await run('policy', 'rollback', '--yes');
    await run('policy', 'shadow', file);
    await run('policy', 'shadow', '--off');
    const found = (await changes()).toReversed();
    expect(found.map(({ operation, subject, before, after }) => [operation, subject, before, after])).toEqual(
      [
        ['policy_publish', 'version 1', { live: null, shadow: null }, expect.objectContaining({ live: 1 })],
        ['policy_shadow', 'version 2', { live: 1, shadow: null }, expect.objectContaining({ shadow: 2 })],
        ['policy_promote', 'version 2', { live: 1, shadow: 2 }, expect.objectContaining({ live: 2 })],
        ['policy_rollback', 'version 1', { live: 2, shadow: null }, expect.objectContaining({ live: 1 })],
        ['policy_shadow', 'version 3', { live: 1, shadow: null }, expect.objectContaining({ shadow: 3 })],
        ['policy_shadow', null, { live: 1, shadow: 3 }, { live: 1, shadow: null }],
      ],
    );
    expect(found[0]).toMatchObject({ by: 'carol', comment: 'first', after: { name: 'one' } });
  });

  it('that cannot be written does not undo the change; the command says so', async () => {
    writeFileSync(join(folder, 'journal.db'), 'no database, and no head of one either: '.repeat(20));
    const { code, out, error } = await run('devices', 'block', 'PHONE1');
    expect([code, out]).toEqual([0, expect.stringContaining('block: phone1')]);
    expect(error).toContain('its entry in the audit could not be written');
    expect((await run('decisions', 'list')).out).toContain('phone1');
  });

  it('shows no cell that a spreadsheet takes for a formula, and nothing that repaints a terminal', async () => {
    await run(
      'devices',
      'block',
      'PHONE1',
      '--reason',
      '=HYPERLINK("http://example.com")\u001b[2J',
      '--owner',
      '@x',
    );
    expect((await run('audit', 'query', '--csv')).out).toMatch(/,"'@x",cli,decide,.*,"'=HYPERLINK/);
    const { out } = await run('audit', 'query');
    expect(out).toContain('=HYPERLINK');
    expect(out).not.toContain('\u001b');
    // CSI as one character (ECMA-48 8.3.16), and a change of the direction of text.
    await run('devices', 'set', 'PHONE1', '--model', 'a\u009b2Jb\u202ec');
    await run('devices', 'block', 'PHONE1', '--reason', 'a\u009b2Jb');
    for (const words of [
      ['devices', 'show', 'PHONE1'],
      ['devices', 'show', 'PHONE1', '--json'],
      ['devices', 'list', '--json'],
      ['devices', 'allow', 'PHONE1'],
      ['audit', 'export'],
    ])
      expect((await run(...words)).out).not.toMatch(/[\u0080-\u009f\u202e]/);
  });
});
