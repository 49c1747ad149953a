// Owns the promise that a process outlives a message to a supervisor that has ended.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const MODULE = new URL('../../src/supervisor/tell-supervisor.ts', import.meta.url).href;

/** It sends in the turn in which its supervisor ends: Node.js has not noticed that yet. */
const CHILD = `
  const { tellSupervisor } = await import('${MODULE}');
  process.on('disconnect', () => {
    console.log('told to stop');
    process.exit();
  });
  const supervisor = process.ppid;
  process.send('runs');
  while (process.ppid === supervisor);
  tellSupervisor({ type: 'ready' });
`;

const SUPERVISOR = `
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['--input-type=module', '-e', process.argv[1]], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.on('message', () => process.kill(process.pid, 'SIGKILL'));
`;

it('a message to a supervisor that has ended is lost, and the process runs until it gets a signal to stop', async () => {
  const supervisor = spawn(process.execPath, ['-e', SUPERVISOR, CHILD], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, error] = await Promise.all([text(supervisor.stdout), text(supervisor.stderr)]);
  expect([out, error]).toEqual(['told to stop\n', '']);
});
