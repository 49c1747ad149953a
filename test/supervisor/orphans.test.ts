// Owns the promises of a start while workers of a dead primary still run: when the start is repeated.
import { spawn } from 'node:child_process';
import { expect, it, onTestFinished } from 'vitest';
import { listenTrouble } from '../../src/supervisor/listen-trouble.ts';
import { startBeside } from '../../src/supervisor/orphans.ts';
import { identityOf } from '../../src/supervisor/process-identity.ts';
import type { ProcessIdentity } from '../../src/supervisor/process-identity.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

function orphan(): ProcessIdentity {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  return identityOf(child.pid ?? 0);
}

/** An error like those of the supervisor. */
const refused = (code: string): Error =>
  listenTrouble(Object.assign(new Error(code), { code }), '127.0.0.1', 443, 'listen');

/** Fails once with this code, then starts. */
function startOnce(code: string): () => Promise<string> {
  let attempts = 0;
  return async () => {
    attempts++;
    if (attempts === 1) throw refused(code);
    return 'started';
  };
}

const ignore = (): void => undefined;

it('a start is repeated while an orphaned worker has the address', async () => {
  await expect(startBeside([orphan()], ignore, startOnce('EADDRINUSE'))).resolves.toBe('started');
});

it('a start that fails for another reason is not repeated', async () => {
  await expect(startBeside([orphan()], ignore, startOnce('EACCES'))).rejects.toThrow(/EACCES/);
});

it('a start without orphaned workers is not repeated: another gateway has the address', async () => {
  await expect(startBeside([], ignore, startOnce('EADDRINUSE'))).rejects.toThrow(/EADDRINUSE/);
});
