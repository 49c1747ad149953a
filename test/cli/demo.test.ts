// Owns the promises of `easgate demo`: the whole run, for old and new phones, and no files or processes left.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { StoryStep } from '../../src/cli/demo-step.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Where the demo puts its directory. */
const folder = mkdtempSync(join(tmpdir(), 'easgate-demo-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function demo(...words: string[]): Promise<{ code: number; out: string; error: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, 'demo', ...words],
      { env: { ...process.env, TMPDIR: folder } },
      (_error, out, error) => resolve({ code: child.exitCode ?? -1, out, error }),
    );
  });
}

describe('easgate demo', () => {
  it.each([
    ['ios', '16.1', 'accountWiped'],
    ['android', '2.5', 'deviceWiped'],
  ])('runs every state of a phone: %s, %s', async (family, protocol, erased) => {
    const { code, out, error } = await demo('--json', '--family', family, '--protocol', protocol);
    expect({ code, error }).toEqual({ code: 0, error: '' });
    const steps = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as StoryStep);
    expect(steps.map(({ verdict, phone }) => [verdict, phone.state, phone.subjects.length])).toEqual([
      ['quarantine', 'connected', 1],
      ['allow', 'connected', 3],
      ['allow', 'connected', 4],
      ['quarantine', 'connected', 1],
      ['allow', 'connected', 4],
      // A refused phone keeps the mail it has.
      ['block', 'denied', 4],
      ['allow', 'connected', 4],
      ['block', erased, 0],
    ]);
    expect(steps.map(({ phone }) => phone.passwordPrompts)).toEqual(Array(8).fill(0));
    expect(steps[0]?.phone.message).toContain('Example Ltd');
    expect(steps.map(({ operator }) => operator?.split(' ')[2])).toEqual([
      undefined,
      'set',
      undefined,
      'set',
      'set',
      'block',
      'clear',
      'wipe',
    ]);
    expect(steps[5]?.output).toMatch(/^block: demophone1\n/);
    expect(steps[7]?.operator).toContain('--confirm DEMOPHONE1');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('describes what the phone shows in everyday words', async () => {
    const { out } = await demo();
    expect(out).toContain('One phone in all its states, with a gateway');
    expect(out).toContain('│ • We do not know this device yet');
    expect(out).toContain('│ Enrol this device: https://enrol.example.com/');
    expect(out).toContain('requests   Ping 7 → FolderSync 9 → FolderSync → Sync ×2');
    expect(out).toContain(
      'operator   $ easgate devices block DEMOPHONE1 --reason lost\n             block: demophone1',
    );
    expect(out).toContain('8 steps. Every change reached the phone within ');
    expect(out).toContain('only the quarantine message; it asked for the password never');
    // Each status is explained once, where it first occurs.
    expect(out.split('"your folders have changed: run FolderSync"')).toHaveLength(2);
    expect(out.split('\n').every((line) => line.length < 140)).toBe(true);
  });

  it('shows the mail that a blocked phone keeps, and prints each detail of the quarantine message once', async () => {
    const { out } = await demo();
    const boxes = out
      .split('┌')
      .slice(1)
      .map((text) => text.slice(0, text.indexOf('└')));
    expect(boxes).toHaveLength(8);
    expect(boxes[0]?.split('We do not know this device yet')).toHaveLength(2);
    expect(boxes[5]).toMatch(/may not use the account[^]*• Welcome[^]*• Cake/);
  });

  it('dates its steps and the quarantine message with the current time', async () => {
    const begun = Date.now();
    const { out } = await demo('--json');
    const ended = Date.now();
    const steps = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as StoryStep);
    const times = steps.map(({ at }) => Date.parse(at));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(begun);
    expect(out).not.toMatch(/(Mon|Tues|Wednes|Thurs|Fri)day/);
    const [, date] = /On hold since: (\w+ \d+, \d+)/.exec(steps[3]?.phone.message ?? '') ?? [];
    // The date may change while the demo runs.
    const days = [begun, ended].map((time) => new Date(time).setUTCHours(0, 0, 0, 0));
    expect(days).toContain(Date.parse(`${date} UTC`));
  });

  it('ends without an error when the reader closes the pipe', async () => {
    const child = execFile(process.execPath, [MAIN, 'demo'], { env: { ...process.env, TMPDIR: folder } });
    child.stdout?.once('data', () => child.stdout?.destroy());
    let error = '';
    child.stderr?.on('data', (text) => (error += String(text)));
    await new Promise((resolve) => child.once('close', resolve));
    expect(error).not.toContain('EPIPE');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends with 2 for an unknown mail app', async () => {
    expect(await demo('--family', 'palm')).toMatchObject({ code: 2, out: '' });
  });
});
