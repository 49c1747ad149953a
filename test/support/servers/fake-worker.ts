// Owns a worker that only listens and answers with its identity; tests of the supervisor run it as a process. The plan's `sampleUrl`
// tells what it does: `NAME` serves under this name, `NAME wait PATH` serves once the file is there, `NAME once PATH`
// serves if it is the first that makes the folder and else fails, `NAME second PATH` serves if it is not the first that makes
// the folder and else fails when `go` is in it, `NAME fail` cannot start.
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { StartMessage, ToWorker } from '../../../src/supervisor/messages.ts';

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.end(`${process.pid} ${name}`);
});
let name = '';

function isFirst(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}

async function mayStart(how: string, path: string): Promise<boolean> {
  if (how === 'wait') await present(path);
  if (how === 'once') return isFirst(path);
  if (how !== 'second' || !isFirst(path)) return how !== 'fail';
  await present(`${path}/go`);
  return false;
}

async function present(path: string): Promise<void> {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function start({ fd, sampleUrl }: StartMessage): Promise<void> {
  const [called = '', how = '', path = ''] = (sampleUrl ?? '').split(' ');
  name = called;
  if (await mayStart(how, path)) server.listen({ fd }, () => process.send?.({ type: 'ready' }));
  else process.send?.({ type: 'failed', code: 'EASGATE_TEST', message: 'told to fail' });
}

process.on('message', (message: ToWorker) => {
  if (message.type === 'start') void start(message);
  // Connections that wait in the socket are accepted by the next worker.
  if (message.type === 'drain') server.close(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
