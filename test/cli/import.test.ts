// Owns the promises of `easgate import --print` on the command line.
import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { IMPORT_FORMATS } from '../../src/cli/commands/import.ts';
import { FORMATS } from '../../src/feeds/format-names.ts';
import { fixture } from '../feeds/read-lines.ts';
import { runInProcess } from './run-in-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const lines = (out: string): Record<string, unknown>[] =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('import', () => {
  it('prints one JSON line a record, and says on standard error what the file is', async () => {
    const { code, out, error } = await runInProcess(
      'import',
      fixture('intune-devices-with-inventory.csv'),
      '--print',
    );
    expect([code, lines(out).map(({ type, source }) => [type, source])]).toEqual([
      0,
      Array.from({ length: 3 }, () => ['device', 'intune']),
    ]);
    expect(error).toContain('format: intune (device report of Intune), by its content');
    expect(error).toContain('3 devices; 0 refused');
  });

  it('warns where --format is that of another product', async () => {
    const file = fixture('activesync-report-allowed-blocked-ids.csv');
    const given = await runInProcess('import', file, '--print', '--format', 'jamf');
    expect(given.error).toContain('those of the format exchange, not of jamf: is --format right?');
    const right = await runInProcess('import', file, '--print', '--format', 'exchange');
    expect(right.error).not.toContain('is --format right?');
  });

  it('takes the name of the source, the order of dates and their zone', async () => {
    const file = fixture('get-mobiledevicestatistics-notypeinfo.csv');
    const { out } = await runInProcess(
      'import',
      file,
      '--print',
      '--source',
      'mail',
      '--dates',
      'month-first',
      '--time-zone',
      'Europe/Berlin',
    );
    expect(lines(out)[0]).toMatchObject({ source: 'mail', lastCheckIn: '2026-11-20T04:59:00Z' });
  });

  it('says which of several records of one device counts', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'easgate-import-')), 'devices.csv');
    onTestFinished(() => rmSync(dirname(file), { recursive: true }));
    const rows = ['true,2024-11-20T06:02:10Z', 'false,2024-01-20T06:02:10Z', 'true,'].map(
      (row) => `ApplX,${row}`,
    );
    writeFileSync(file, `id,compliant,lastCheckIn\n${rows.join('\n')}\n`);
    const { out, error } = await runInProcess('import', file, '--print');
    const note =
      'another record of the device, on line 2 with a check-in at 2024-11-20T06:02:10Z, counts in place of this one';
    expect(lines(out).map(({ problems }) => problems)).toEqual([[], [note], [note]]);
    expect(error).toContain('2 of the lines are of devices that have another line');
  });

  it.each([
    ['', 'no record was read'],
    ['ApplX,true,\nApplX,false,\n', '1 of the lines is of a device that has another line'],
    ['a b,true,\n', 'nothing was understood; 1 refused'],
  ])('says of a table with the rows "%s" what it has', async (rows, summary) => {
    const file = join(mkdtempSync(join(tmpdir(), 'easgate-import-')), 'devices.csv');
    onTestFinished(() => rmSync(dirname(file), { recursive: true }));
    writeFileSync(file, `id,compliant,lastCheckIn\n${rows}`);
    const { code, error } = await runInProcess('import', file, '--print');
    expect([code, error]).toEqual([0, expect.stringContaining(summary)]);
  });

  it('warns of values that were not understood', async () => {
    const { error } = await runInProcess(
      'import',
      fixture('get-mobiledevicestatistics-notypeinfo.csv'),
      '--print',
      '--dates',
      'day-first',
    );
    expect(error).toContain('a value was not understood');
  });

  it.each([
    [['import', 'no-such-file.csv', '--print'], 1, 'EASGATE_FILE: there is no no-such-file.csv'],
    [
      ['import', fixture('jamf-webhook-mobiledevice.json'), '--print', '--format', 'intune'],
      1,
      'EASGATE_IMPORT_FORMAT',
    ],
    [['import', fixture('jamf-webhook-mobiledevice.json'), '--print', '--source', 'a b'], 2, 'EASGATE_USAGE'],
    [
      ['import', fixture('jamf-webhook-mobiledevice.json'), '--print', '--time-zone', 'Nowhere'],
      2,
      'EASGATE_USAGE',
    ],
    [['import', fixture('jamf-webhook-mobiledevice.json'), '--print', '--dry-run'], 2, '--dry-run'],
    [['import', fixture('jamf-webhook-mobiledevice.json'), '--print', '--format', 'xlsx'], 2, 'xlsx'],
  ])('%j ends with %i and says why', async (words, code, message) => {
    const ended = await runInProcess(...words);
    expect([ended.code, ended.out]).toEqual([code, '']);
    expect(ended.error).toContain(message);
  });

  it('offers the formats that there are', () => {
    expect(IMPORT_FORMATS).toEqual(['auto', ...FORMATS]);
  });

  it('ends when nobody reads any more', async () => {
    const script = `"${process.execPath}" "${MAIN}" import "${fixture('intune-devices-with-inventory.csv')}" --print | head -c 10`;
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, error] = ['', ''];
    child.stdout.on('data', (piece) => (out += String(piece)));
    child.stderr.on('data', (piece) => (error += String(piece)));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([code, out]).toEqual([0, '{"type":"d']);
    expect(error).not.toContain('Error');
  });

  it('reads a pipe in place of a file', async () => {
    const script = `mkfifo "$1/pipe" && { cat "${fixture('jamf-classic-mobiledevice.json')}" > "$1/pipe" & "${process.execPath}" "${MAIN}" import "$1/pipe" --print; }`; // prettier-ignore
    const folder = mkdtempSync(join(tmpdir(), 'easgate-pipe-'));
    try {
      const child = spawn('sh', ['-c', script, 'sh', folder], { stdio: ['ignore', 'pipe', 'ignore'] });
      let out = '';
      for await (const piece of child.stdout) out += String(piece);
      expect(lines(out)).toMatchObject([{ id: 'a1b2c3d4e5f6g7h8i9j0k1l2m3' }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('reads standard input, and leaves no file behind', async () => {
    // Files of other tests are in another folder.
    const folder = mkdtempSync(join(tmpdir(), 'easgate-stdin-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const child = spawn(process.execPath, [MAIN, 'import', '-', '--print'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, TMPDIR: folder },
    });
    createReadStream(fixture('graph-manageddevices-page1.json')).pipe(child.stdin);
    let out = '';
    for await (const piece of child.stdout) out += String(piece);
    expect(lines(out).map(({ id }) => id)).toEqual(['a1b2c3d4e5f6g7h8i9j0k1l2m3', 'androidc1234567890']);
    expect(readdirSync(folder)).toEqual([]);
  });
});
