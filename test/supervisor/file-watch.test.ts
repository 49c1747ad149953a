// Owns the promises of noticing changed certificate files, in the ways that tools replace them.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FileWatch } from '../../src/supervisor/file-watch.ts';
import { until } from '../support/checks/until.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

let folder = '';
let changes = 0;
const watches: FileWatch[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-watch-'));
  onTestFinished(() => {
    for (const watch of watches.splice(0)) watch.close();
    rmSync(folder, { recursive: true });
  });
  changes = 0;
});

function watch(...names: string[]): void {
  watches.push(
    new FileWatch(
      names.map((name) => join(folder, name)),
      () => changes++,
    ),
  );
}

/** Each text of a file has another length: older kernels give two writes of the same moment the same time. */
function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

/** A foreign change was ignored when a later change of the watched file was noticed exactly once. */
async function noticed(times: number): Promise<void> {
  await until(() => changes >= times, `change ${times}`);
  expect(changes).toBe(times);
}

describe('a certificate file', () => {
  it('that is overwritten is noticed', async () => {
    write('tls.crt', 'old');
    watch('tls.crt');
    write('tls.crt', 'newer');
    await noticed(1);
  });

  it('that is replaced by a rename is noticed, each time', async () => {
    write('tls.crt', 'old');
    watch('tls.crt');
    for (const [index, text] of ['new', 'two'].entries()) {
      write('tls.crt.tmp', text);
      renameSync(join(folder, 'tls.crt.tmp'), join(folder, 'tls.crt'));
      await noticed(index + 1);
    }
  });

  it('behind a symbolic link that changes is noticed (certbot)', async () => {
    mkdirSync(join(folder, 'archive'));
    mkdirSync(join(folder, 'live'));
    write('archive/cert1.pem', 'old');
    symlinkSync('../archive/cert1.pem', join(folder, 'live/cert.pem'));
    watch('live/cert.pem');
    for (const number of [2, 3]) {
      write(`archive/cert${number}.pem`, `new${number}`);
      unlinkSync(join(folder, 'live/cert.pem'));
      symlinkSync(`../archive/cert${number}.pem`, join(folder, 'live/cert.pem'));
      await noticed(number - 1);
    }
  });

  it('behind a symbolic link to a folder that changes is noticed, each time (Kubernetes)', async () => {
    const publish = (version: string): void => {
      mkdirSync(join(folder, `..${version}`));
      write(`..${version}/tls.crt`, version);
      write(`..${version}/tls.key`, version);
      symlinkSync(`..${version}`, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    publish('v1');
    symlinkSync('..data/tls.crt', join(folder, 'tls.crt'));
    symlinkSync('..data/tls.key', join(folder, 'tls.key'));
    watch('tls.crt', 'tls.key');
    publish('v2');
    await noticed(1);
    publish('v3');
    rmSync(join(folder, '..v2'), { recursive: true });
    await noticed(2);
  });

  it('that is removed and created again is noticed when it is there again', async () => {
    write('tls.crt', 'old');
    watch('tls.crt');
    unlinkSync(join(folder, 'tls.crt'));
    write('tls.crt', 'newer');
    await noticed(1);
  });

  it('and its key, written one after the other, count as one change', async () => {
    write('tls.crt', 'old');
    write('tls.key', 'old');
    watch('tls.crt', 'tls.key');
    write('tls.crt', 'newer');
    write('tls.key', 'newer');
    await noticed(1);
    write('tls.crt', 'newest');
    await noticed(2);
  });

  it('is noticed, but not other files in its folder', async () => {
    write('tls.crt', 'old');
    watch('tls.crt');
    write('other.txt', 'x');
    // The change beside the file has been processed when the second watch, started later, has noticed it.
    let neighbour = 0;
    watches.push(new FileWatch([join(folder, 'other.txt')], () => neighbour++));
    write('other.txt', 'xyz');
    await until(() => neighbour === 1, 'the neighbour');
    expect(changes).toBe(0);
  });

  it('is not noticed by a closed watch', async () => {
    write('tls.crt', 'old');
    watch('tls.crt');
    write('tls.crt', 'newer');
    for (const closed of watches.splice(0)) closed.close();
    let other = 0;
    watches.push(new FileWatch([join(folder, 'tls.crt')], () => other++));
    write('tls.crt', 'newest of all');
    await until(() => other === 1, 'the watch that is open');
    expect(changes).toBe(0);
  });

  it('that cannot be read for a moment is noticed when it is readable again', async () => {
    const file = join(folder, 'tls.crt');
    write('tls.crt', 'old');
    watch('tls.crt');
    // stat() of a link to itself fails with ELOOP.
    rmSync(file);
    symlinkSync(file, file);
    await noticed(1);
    write('next', 'new');
    renameSync(join(folder, 'next'), file);
    await noticed(2);
  });
});
