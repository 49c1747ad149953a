// Owns the promises of the easgate command as a process: what it prints where, and how it ends.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EasClient } from '../support/phones/eas-client.ts';
import type { GatewayStatus } from '../../src/supervisor/status-server.ts';
import { eventually, until } from '../support/checks/until.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { runInProcess } from './run-in-process.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1 }
store: { kind: embedded, path: directory.db }
sample:
  users: [{ name: alice, password: alice-pw }]
  devices:
    - { id: GOOD1, managed: true, compliant: true }
    - { id: BAD2, managed: true, compliant: false }
`;

let folder = '';
let config = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-cli-'));
  config = join(folder, 'easgate.yaml');
  writeFileSync(config, CONFIG);
});
/** A failed test leaves no process either. */
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  out(): string;
}

function start(...words: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, out, error })));
  return { child, ended, out: () => out };
}

const run = (...words: string[]): Promise<Ended> => start(...words).ended;

describe('easgate', () => {
  it('ends with 2 for an unknown command', async () => {
    expect(await run('nonsense')).toMatchObject({ code: 2, out: '' });
  });

  it('names clear to whoever types unblock', async () => {
    const { code, error } = await runInProcess('devices', 'unblock', 'PHONE1');
    expect([code, error]).toEqual([2, expect.stringContaining('(Did you mean clear?)')]);
  });

  it('ends with 2 without a command, and lists the commands', async () => {
    const { code, error } = await run();
    expect(code).toBe(2);
    for (const name of ['serve', 'reload', 'check', 'devices', 'explain', 'identify', 'wbxml', 'demo'])
      expect(error).toContain(name);
  });

  it('ends with 2 for an unknown option', async () => {
    expect(await runInProcess('check', '--nonsense')).toMatchObject({ code: 2, out: '' });
  });

  it('prints its version', async () => {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await run('--version')).toEqual({ code: 0, out: `${version}\n`, error: '' });
  });

  it.each([
    ['check', '--schema'],
    ['check', '--answers'],
    ['devices', 'list', '--config', 'easgate.yaml'],
    ['devices', 'set', 'SOMEPHONE', '--config', 'easgate.yaml'],
    ['--help'],
  ])('ends without an error when the reader of %s %s closes the pipe', async (...words) => {
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    child.stdout.destroy();
    let error = '';
    child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    expect({ code, error }).toEqual({ code: 0, error: '' });
  });

  it('ends with 0 for --help', async () => {
    expect(await runInProcess('--help')).toMatchObject({ code: 0, error: '' });
  });
});

describe('easgate check', () => {
  it('accepts a good file', async () => {
    expect(await runInProcess('check', '--config', config)).toEqual({
      code: 0,
      out: `${config}: ok\n`,
      error: '',
    });
  });

  it('accepts the file as its argument too', async () => {
    expect(await runInProcess('check', config)).toEqual({ code: 0, out: `${config}: ok\n`, error: '' });
    expect(await runInProcess('check', config, '--config', 'other.yaml')).toMatchObject({ code: 2, out: '' });
  });

  it('ends with 0 for warnings, and with 1 when --strict is given', async () => {
    const file = join(folder, 'warned.yaml');
    writeFileSync(file, 'upstream: { url: "http://mail", tls: { minVersion: TLSv1.3 } }\n');
    const { code, out, error } = await runInProcess('check', file);
    expect({ code, out }).toEqual({ code: 0, out: `${file}: no errors, 1 warning\n` });
    expect(error).toMatch(/:1:\d+: warning: upstream\.tls: /);
    expect(await runInProcess('check', file, '--strict')).toMatchObject({ code: 1, out: '' });
  });

  it('accepts --config in front of the subcommand too', async () => {
    expect(await runInProcess('--config', config, 'check')).toMatchObject({ code: 0 });
  });

  it('accepts the file that comes with the project', async () => {
    const shipped = fileURLToPath(new URL('../../config/easgate.yaml', import.meta.url));
    expect(await runInProcess('check', '--config', shipped)).toMatchObject({ code: 0, error: '' });
  });

  it('ends with 1 and lists every problem of a bad file, without a stack', async () => {
    const bad = join(folder, 'bad.yaml');
    writeFileSync(bad, 'listen: { port: -1 }\nlog: { level: loud }\n');
    const { code, out, error } = await run('check', '--config', bad);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(error).toMatch(/^easgate: EASGATE_CONFIG: .*2 errors\n\n.*:1:17: error: listen\.port: .*\n/);
    expect(error).toMatch(/\n\n.*:2:15: error: log\.level: /);
    expect(error).not.toContain('    at ');
  });

  it('lists the problems as one document with --json, with the same exit code', async () => {
    const bad = join(folder, 'bad-json.yaml');
    writeFileSync(bad, 'listen: { port: -1 }\n');
    const { code, out, error } = await run('check', '--json', bad);
    expect({ code, error }).toEqual({ code: 1, error: '' });
    expect(JSON.parse(out)).toMatchObject({
      file: bad,
      ok: false,
      problems: [{ severity: 'error', place: 'listen.port', line: 1, column: 17 }],
    });
    expect(await runInProcess('check', '--json', config)).toMatchObject({ code: 0 });
  });

  it('ends with 1 for a missing file', async () => {
    expect(await runInProcess('check', '--config', 'missing.yaml')).toMatchObject({ code: 1, out: '' });
  });

  it('ends with 1 when a secret is missing', async () => {
    const file = join(folder, 'redis.yaml');
    writeFileSync(file, 'store: { kind: redis, url: { env: EASGATE_TEST_NOT_SET } }');
    const { code, error } = await runInProcess('check', '--config', file);
    expect(code).toBe(1);
    expect(error).toContain('EASGATE_TEST_NOT_SET');
  });

  it.each([
    [
      'a certificate',
      'listen: { tls: { certificates: [{ certificate: gone.pem, key: gone.key }] } }',
      'gone.pem',
    ],
    ['texts', 'messages: { templatesDir: gone }', 'messages.templatesDir'],
  ])('ends with 1 when the file names %s that cannot be read', async (_, text, place) => {
    const file = join(folder, 'unreadable.yaml');
    writeFileSync(file, text);
    const { code, error } = await runInProcess('check', '--config', file);
    expect(code).toBe(1);
    expect(error).toMatch(/^EASGATE_/);
    expect(error).toContain(place);
  });

  it('prints the JSON Schema', async () => {
    const { out } = await runInProcess('check', '--schema');
    expect(JSON.parse(out)).toMatchObject({ additionalProperties: false });
  });
});

describe('easgate devices', () => {
  let own: readonly string[] = [];
  beforeAll(() => {
    const file = join(folder, 'decisions.yaml');
    writeFileSync(file, 'store: { kind: embedded, path: decisions.db }\n');
    own = ['--config', file];
  });

  it('list who decided, why and until when', async () => {
    await runInProcess('devices', 'block', 'STOLEN1', '--reason', 'stolen', '--owner', 'dave', ...own);
    await runInProcess('devices', 'allow', 'TRIAL2', '--owner', 'erin', '--expires', '2999-12-31', ...own);
    const { out } = await runInProcess('devices', 'list', ...own);
    const cells = out.split('\n').map((line) => line.split(/ {2,}/));
    const cellsWith = (owner: string) => cells.find((row) => row.includes(owner))?.slice(-4);
    expect(cells[0]?.slice(-4)).toEqual(['DECISION', 'UNTIL', 'BY', 'REASON']);
    expect(cellsWith('dave')).toEqual(['block', '-', 'dave', 'stolen']);
    expect(cellsWith('erin')).toEqual(['allow', '2999-12-31T00:00:00Z', 'erin', '-']);
  });

  it('print only ISO times in JSON and in `show`', async () => {
    await runInProcess('devices', 'quarantine', 'LATER3', '--expires', '1w', ...own);
    await runInProcess('devices', 'set', 'LATER3', '--managed', 'true', ...own);
    const { out } = await runInProcess('devices', 'list', '--json', ...own);
    const row = (JSON.parse(out) as { device: string }[]).find(({ device }) => device === 'later3');
    const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(row).toMatchObject({ lastCheckIn: iso, decision: 'quarantine', decisionExpiresAt: iso });
    const shown = (await runInProcess('devices', 'show', 'LATER3', ...own)).out;
    expect(shown).toMatch(/, until \d{4}-\d\d-\d\dT/);
    expect(
      JSON.parse((await runInProcess('explain', 'alice', 'LATER3', '--json', ...own)).out),
    ).toMatchObject({
      verdict: { validUntil: iso },
    });
  });
});

describe('easgate serve', () => {
  it('serves, follows decisions of another process, and ends with 0 on SIGTERM', async () => {
    const gateway = start('serve', '--config', config);
    try {
      await until(() => /listens on .*:\d+ /.test(gateway.out()), 'the gateway');
      const port = Number(/listens on http:\/\/127\.0\.0\.1:(\d+) /.exec(gateway.out())?.[1]);
      const phone = (device: string): EasClient =>
        new EasClient({ port, user: 'alice', password: 'alice-pw', device });
      const [good, bad] = [phone('GOOD1'), phone('BAD2')];
      expect(await good.folderSync()).toMatchObject({ status: 200, easStatus: '1' });
      const folders = async (): Promise<string> => (await bad.folderSync()).body.toString('latin1');
      expect(await folders()).toContain('easg1-inbox');

      const poll = good.ping(600);
      const held = async (): Promise<boolean> => {
        const { out } = await runInProcess('status', '--json', '--config', config);
        const { workers } = JSON.parse(out) as GatewayStatus;
        return workers[0]?.counters['heldPolls'] === 1;
      };
      await until(held, 'the poll to be held');
      expect(await run('devices', 'block', 'GOOD1', '--config', config)).toMatchObject({ code: 0 });
      expect(await poll).toMatchObject({ status: 200, easStatus: '7' });
      expect(await good.folderSync()).toMatchObject({ status: 200, easStatus: '129' });
      expect(await run('devices', 'allow', 'BAD2', '--config', config)).toMatchObject({ code: 0 });
      await eventually(folders, (shown) => !shown.includes('easg1-'), 'the decision');
      good.close();
      bad.close();
    } finally {
      gateway.child.kill('SIGTERM');
    }
    expect(await gateway.ended).toMatchObject({ code: 0, error: '' });
    const lines = gateway
      .out()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect(lines.length).toBeGreaterThanOrEqual(5);
    expect(lines.join('\n')).not.toMatch(/alice-pw|Basic/);
  });
});

describe('easgate serve, while it runs,', () => {
  let gateway: Running;
  beforeAll(async () => {
    gateway = start('serve', '--config', config);
    await until(() => gateway.out().includes('Ctrl-C'), 'the gateway');
  });
  afterAll(async () => {
    gateway.child.kill('SIGTERM');
    await gateway.ended;
  });

  it('prints a working curl command, where its data lies and how to stop it', async () => {
    const [, line = ''] = /^ {2}(curl .*)$/m.exec(gateway.out()) ?? [];
    const curl = spawn('sh', ['-c', `${line} -s`], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(curl);
    let answer = '';
    curl.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    await new Promise((resolve) => curl.once('close', resolve));
    expect(gateway.out()).toContain(`directory: ${join(folder, 'directory.db')}\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('is refused the same port a second time, and ends with 1', async () => {
    const port = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.out())?.[1];
    const taken = join(folder, 'taken.yaml');
    writeFileSync(
      taken,
      `listen: { address: 127.0.0.1, port: ${port} }\nstore: { kind: embedded, path: taken.db }\nworkers: { pidFile: taken.pid }\n`,
    );
    const second = await run('serve', '--config', taken);
    expect(second.code).toBe(1);
    expect(second.error).toMatch(
      /^easgate: EASGATE_LISTEN: cannot listen on 127\.0\.0\.1:\d+ \(listen\): .*EADDRINUSE/,
    );
    expect(second.error).toContain(`ss -ltnp 'sport = :${port}'`);
  });
});
