// Owns the promises of output on a real terminal: colour unless NO_COLOR is set, and tables that fit.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { widthOf } from '../../src/cli/table.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { seen } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { BY_TEST, decision } from '../support/servers/directory-records.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** From util-linux: runs a command on a terminal of its own. */
const hasScript = (spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '').includes(
  'util-linux',
);
const ESCAPE = '\u001b[';

/** As a feed may send it. */
const LONG_MODEL =
  'Ruggedized warehouse scanner with extended battery and barcode reader, edition 2026 for logistics';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-terminal-'));
  const path = join(folder, 'directory.db');
  writeFileSync(join(folder, 'easgate.yaml'), `store: { kind: embedded, path: ${path} }\n`);
  const store = new EmbeddedStore(path);
  await store.recordSeen([seen('alice', 'phone1', 1, { model: LONG_MODEL })]);
  const reason = 'lost on the train to Munich, as the owner said on the telephone';
  await store.decide(
    { user: null, device: 'phone1' as DeviceKey },
    { ...decision('block'), reason },
    BY_TEST,
  );
  await store.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a command writes on a terminal of so many columns. */
function onTerminal(columns: number, more: NodeJS.ProcessEnv = {}, words = 'devices list'): string {
  // Node.js turns colours off when CI is set, which it is not on a person's terminal.
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...env } = process.env;
  const command = `stty cols ${columns}; exec '${process.execPath}' '${MAIN}' ${words} --config easgate.yaml`;
  return execFileSync('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...env, TERM: 'xterm', ...more },
  }).replaceAll('\r', '');
}

describe.runIf(hasScript)('a list on a terminal', () => {
  it('has colours, unless NO_COLOR is set', () => {
    expect(onTerminal(200)).toContain(ESCAPE);
    expect(onTerminal(200, { NO_COLOR: '1' })).not.toContain(ESCAPE);
  });

  it('fits its width, and names the columns it omits', () => {
    const out = onTerminal(80, { NO_COLOR: '1' });
    const [header = '', row = '', remark = ''] = out.split('\n');
    expect(header).toMatch(/^DEVICE +USER .*LAST VERDICT +LAST SEEN/);
    expect([widthOf(header) <= 80, widthOf(row) <= 80]).toEqual([true, true]);
    expect(remark).toMatch(/^hidden, as the terminal is narrow: .*REASON/);
    expect(onTerminal(250, { NO_COLOR: '1' })).toContain('as the owner said on the telephone');
  });
});

describe.runIf(hasScript)('the counts of a report on a terminal', () => {
  it('fit its width, whatever the names of models', () => {
    const lines = onTerminal(80, { NO_COLOR: '1' }, 'report inventory').split('\n');
    expect(lines.filter((line) => widthOf(line) > 80)).toEqual([]);
    expect(lines.find((line) => line.startsWith('BY MODEL'))).toMatch(/SEEN 30D$/);
  });
});

describe('a list in a pipe', () => {
  it('is uncut and without colours', () => {
    const out = execFileSync(process.execPath, [MAIN, 'devices', 'list', '--config', 'easgate.yaml'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, COLUMNS: '20' },
    });
    expect(out).toContain('as the owner said on the telephone');
    expect(out).not.toContain(ESCAPE);
  });
});
