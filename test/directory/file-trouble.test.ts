// Owns the promises of the embedded directory's file: its owner, and the error when it cannot be used.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { fileError } from '../../src/directory/embedded/file-trouble.ts';
import { openKeeper, openStore } from '../../src/directory/open-store.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const opened = async (path: string): Promise<unknown> =>
  openStore({ kind: 'embedded', path }).then(
    (store) => store.close(),
    (error: unknown) => error,
  );

describe('a file of the directory', () => {
  it('that is not a database is named in the error', async () => {
    const path = join(folder, 'easgate.db');
    writeFileSync(path, 'this is a text of some length, and no database at all'.repeat(100));
    expect(await opened(path)).toMatchObject({
      code: 'EASGATE_STORE_DAMAGED',
      message: expect.stringContaining(`${path}: it is not a SQLite database`),
    });
  });

  it('whose folder cannot be created is named in the error', async () => {
    expect(await opened('/dev/null/data/easgate.db')).toMatchObject({
      code: 'EASGATE_STORE_FILE',
      message: expect.stringContaining('/dev/null/data'),
    });
  });

  it.each([
    ['the store', (path: string) => openStore({ kind: 'embedded', path })],
    [
      'its identity',
      async (path: string) => {
        const keeper = await openKeeper({ kind: 'embedded', path });
        await keeper.read();
        return keeper;
      },
    ],
  ])('that is a folder is named as one when %s is opened', async (_what, open) => {
    const path = join(folder, 'easgate.db');
    mkdirSync(path);
    await expect(open(path)).rejects.toMatchObject({
      code: 'EASGATE_STORE_FILE',
      message: expect.stringContaining(`${path}: is a folder`) as string,
    });
  });

  it('whose folder is a file is refused with what to do', async () => {
    writeFileSync(join(folder, 'data'), '');
    expect(await opened(join(folder, 'data', 'easgate.db'))).toMatchObject({
      code: 'EASGATE_STORE_FILE',
      message: expect.stringContaining('a part of this path is a file') as string,
    });
  });

  it('that is not writable leads to an error with its owner and what to do', () => {
    const path = join(folder, 'easgate.db');
    writeFileSync(path, '');
    if (isRoot) chownSync(path, NOBODY, NOBODY);
    const { message } = fileError(
      path,
      Object.assign(new Error('attempt to write a readonly database'), { errcode: 8, errstr: 'readonly' }),
      '',
    );
    expect(message).toContain(`${path}: `);
    expect(message).toMatch(/no permission to write it/);
    expect(message).toMatch(/sudo -u USER easgate/);
    if (isRoot) expect(message).toContain(`${path} belongs to user ${NOBODY}`);
  });

  it.runIf(isRoot)('that another user created is refused before anything is read from it', () => {
    const path = join(folder, 'easgate.db');
    writeFileSync(path, '');
    chmodSync(folder, 0o755);
    const program = `
      const { openStore } = await import(${JSON.stringify(new URL('../../src/directory/open-store.ts', import.meta.url).href)});
      process.setegid(${NOBODY}); process.seteuid(${NOBODY});
      await openStore({ kind: 'embedded', path: ${JSON.stringify(path)} }).catch((error) => console.log(error.code, error.message));
    `;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect(stdout).toMatch(
      /^EASGATE_STORE_FILE .*easgate\.db: user 65534 has no permission to write it \(.*easgate\.db belongs to user 0/,
    );
  });

  it.runIf(isRoot)('that root creates in the folder of another user belongs to that user', async () => {
    const data = join(folder, 'data');
    mkdirSync(data);
    chownSync(data, NOBODY, NOBODY);
    const path = join(data, 'easgate.db');
    const store = await openStore({ kind: 'embedded', path });
    await store.sharedSecret();
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).uid).toBe(NOBODY);
    await store.close();
  });
});
