// Owns the promises of files without a name: what is written is read as it was, nothing of it stays, and an error names what keeps it from being written.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lutimesSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { TemporaryFile, temporaryFolder } from '../src/temporary-file.ts';
import { checkLeaks } from './support/checks/leaks.ts';
import { openFilesIn } from './support/checks/open-files.ts';
import { until } from './support/checks/until.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** An empty folder. */
function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-scratch-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function temporaryFilesIn(folder: string): void {
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

async function opened(): Promise<TemporaryFile> {
  const file = await TemporaryFile.open();
  onTestFinished(() => file.close());
  return file;
}

async function text(file: TemporaryFile, from?: number, to?: number): Promise<string> {
  return Buffer.concat(await Array.fromAsync(file.bytes(from, to))).toString();
}

/** `easgate import -`, with its files in `folder`. `script` starts it as `"$@"`. */
function importing(folder: string, script: string): ReturnType<typeof spawn> {
  return spawn('sh', ['-c', script, 'sh', process.execPath, MAIN, 'import', '-', '--print'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' },
  });
}

it('is read as it was written, from any place, as often as needed', async () => {
  const file = await opened();
  await file.write('one');
  await pipeline(Readable.from([Buffer.from('two'), Buffer.from('three')]), file.writable());
  expect(await text(file)).toBe('onetwothree');
  expect(await text(file, 3, 6)).toBe('two');
  await file.write('!'.repeat(600_000));
  expect(await text(file, 6)).toBe(`three${'!'.repeat(600_000)}`);
});

it('has no name in the folder of temporary files', async () => {
  const folder = emptyFolder();
  temporaryFilesIn(folder);
  const file = await opened();
  await file.write('PHONE1');
  expect(await text(file)).toBe('PHONE1');
  expect(readdirSync(folder)).toEqual([]);
});

it('on a system where every file has a name first, the name is removed at once', async () => {
  const folder = emptyFolder();
  temporaryFilesIn(folder);
  const { platform } = process;
  Object.defineProperty(process, 'platform', { value: 'darwin' });
  onTestFinished(() => {
    Object.defineProperty(process, 'platform', { value: platform });
  });
  const file = await opened();
  await file.write('PHONE1');
  expect(await text(file)).toBe('PHONE1');
  expect(readdirSync(folder)).toEqual([]);
});

// Threat: a process that is killed and leaves names of users and devices behind, for everybody who reads the disk (CWE-459).
it('nothing stays of an import that is killed while it reads', async () => {
  const folder = emptyFolder();
  const child = importing(folder, 'exec "$@"');
  const ended = once(child, 'close');
  child.stdin?.on('error', () => undefined);
  child.stdin?.write('DeviceId,DeviceAccessState\n'.repeat(10_000));
  await until(() => openFilesIn(folder, child.pid ?? 0) > 0, 'the import to write its file');
  child.kill('SIGKILL');
  await ended;
  expect(readdirSync(folder)).toEqual([]);
});

it('a file that becomes larger than the process may write is an error of the folder of temporary files', async () => {
  const folder = emptyFolder();
  const child = importing(folder, 'ulimit -f 64 && exec "$@"');
  child.stdin?.on('error', () => undefined);
  child.stdin?.end('DeviceId,DeviceAccessState\n'.repeat(50_000));
  let said = '';
  child.stderr?.on('data', (piece) => (said += String(piece)));
  const [code] = await once(child, 'close');
  expect([code, readdirSync(folder)]).toEqual([1, []]);
  expect(said).toContain(`EASGATE_TEMPORARY_FILES: the folder of temporary files: a file in ${folder}`);
  expect(said).toMatch(/or set TMPDIR to another folder \(EFBIG\)/);
});

it.each([
  ['ENOSPC', 'FOLDER is full: free some space there'],
  ['EDQUOT', 'the quota of '],
  ['EROFS', 'FOLDER is on a file system that is read-only'],
  ['EACCES', 'has no right to write in FOLDER'],
  ['EIO', 'a file in FOLDER cannot be written: EIO: the words of the system'],
])('%s of a write says which folder it is, and what to do', async (code, words) => {
  const folder = emptyFolder();
  temporaryFilesIn(folder);
  const file = await opened();
  const error = Object.assign(new Error(`${code}: the words of the system`), { code });
  vi.spyOn(file.handle, 'writeFile').mockRejectedValue(error);
  const expected = {
    code: 'EASGATE_TEMPORARY_FILES',
    message: expect.stringContaining(words.replace('FOLDER', folder)) as string,
    cause: error,
  };
  await expect(file.write('x')).rejects.toMatchObject(expected);
  await expect(pipeline(Readable.from([Buffer.from('x')]), file.writable())).rejects.toMatchObject(expected);
  await expect(file.write('x')).rejects.toThrow(/or set TMPDIR to another folder/);
});

it.each([
  ['is missing', 'there is no FOLDER/tmp', (): void => undefined],
  ['is a file', 'FOLDER/tmp is no folder', (path: string): void => writeFileSync(path, '')],
])('an error names a folder that %s', async (_, words, make) => {
  const folder = emptyFolder();
  make(join(folder, 'tmp'));
  temporaryFilesIn(join(folder, 'tmp'));
  await expect(TemporaryFile.open()).rejects.toMatchObject({
    code: 'EASGATE_TEMPORARY_FILES',
    message: expect.stringContaining(words.replace('FOLDER', folder)) as string,
  });
});

describe('a folder for files with names', () => {
  const HOURS_AGO = Date.now() / 1_000 - 7_200;
  const left = (path: string): string => {
    mkdirSync(path);
    writeFileSync(join(path, 'directory.db'), '');
    utimesSync(path, HOURS_AGO, HOURS_AGO);
    return path;
  };

  it('is new, and takes the place of those that killed processes left', () => {
    const folder = emptyFolder();
    temporaryFilesIn(folder);
    left(join(folder, 'easgate-demo-a'));
    left(join(folder, 'easgate-other'));
    const [first, second] = [temporaryFolder('easgate-demo-'), temporaryFolder('easgate-demo-')];
    expect(readdirSync(folder).toSorted()).toEqual(
      [basename(first), basename(second), 'easgate-other'].toSorted(),
    );
  });

  // Threat: another account puts a link there, whose target is removed (CWE-59).
  it('leaves links and their targets', () => {
    const folder = emptyFolder();
    temporaryFilesIn(folder);
    const target = left(join(folder, 'target'));
    symlinkSync(target, join(folder, 'easgate-demo-a'));
    lutimesSync(join(folder, 'easgate-demo-a'), HOURS_AGO, HOURS_AGO);
    const made = temporaryFolder('easgate-demo-');
    expect(readdirSync(folder).toSorted()).toEqual(['easgate-demo-a', basename(made), 'target'].toSorted());
    expect(readdirSync(target)).toEqual(['directory.db']);
  });

  it('says which folder it cannot be made in', () => {
    const folder = emptyFolder();
    temporaryFilesIn(join(folder, 'tmp'));
    expect(() => temporaryFolder('easgate-demo-')).toThrow(`there is no ${folder}/tmp: create it`);
  });
});
