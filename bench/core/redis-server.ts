// Owns the start of a redis-server for a run: without persistence, on the core of the load.
import type { ChildProcess } from 'node:child_process';
import { LOAD_CORE, freePort, line, start } from './processes.ts';

/** A running redis-server; `folder`: for its files; `settings`: further words of its command line. */
export async function startRedis(
  folder: string,
  settings: readonly string[] = [],
): Promise<{ readonly port: number; readonly process: ChildProcess }> {
  const port = await freePort();
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...settings];
  const process = start(LOAD_CORE, 'redis-server', words);
  await line(process, /Ready to accept connections/);
  return { port, process };
}
