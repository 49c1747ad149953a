// Owns the promises of `easgate demo`: the whole story, for old and new phones, and nothing left behind.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { StoryStep } from '../../src/cli/demo-story.ts';
import { checkLeaks } from '../support/leaks.ts';

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
  ])('plays the week of a phone: %s, %s', async (family, protocol, erased) => {
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
      // A refused phone keeps what it has.
      ['block', 'denied', 4],
      ['allow', 'connected', 4],
      ['block', erased, 0],
    ]);
    expect(steps.map(({ phone }) => phone.passwordPrompts)).toEqual(Array(8).fill(0));
    expect(steps[0]?.phone.message).toContain('Example Ltd');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('shows people what the phone shows', async () => {
    const { out } = await demo();
    expect(out).toContain('│ • We do not know this device yet');
    expect(out).toContain('requests   Ping 7 → FolderSync 9 → FolderSync → Sync → Sync');
    expect(out.split('\n').every((line) => line.length < 140)).toBe(true);
  });

  it('ends with 2 for a mail app that is not there', async () => {
    expect(await demo('--family', 'palm')).toMatchObject({ code: 2, out: '' });
  });
});
