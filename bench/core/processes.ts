// Owns starting, pinning, measuring and stopping processes of the benchmark (Linux: /proc and taskset).
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

const running = new Set<ChildProcess>();

/** The core of the measured process, and the core of all others. */
export const GATEWAY_CORE = '0';
export const LOAD_CORE = '1';
/** Both cores, for measurements of several workers. */
export const ALL_CORES = '0,1';

/** Starts a pinned process. */
export function start(core: string, command: string, words: readonly string[], input = false): ChildProcess {
  const child = spawn('taskset', ['-c', core, command, ...words], {
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Resolves with the first line that matches; rejects when the process ends or takes too long. */
export function line(child: ChildProcess, pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`no ${pattern} within ${timeoutMs} ms`)), timeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      child.stdout?.off('data', read);
      child.off('exit', end);
    };
    const end = (code: number | null): void => {
      finish();
      reject(new Error(`ended with ${code} before ${pattern}`));
    };
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match === null) return;
      finish();
      resolve(match);
    };
    child.stdout?.on('data', read);
    child.once('exit', end);
  });
}

/** Ends a process and waits for it. */
export function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    // Workers would outlive a killed master.
    for (const pid of child.pid === undefined ? [] : family(child.pid).reverse())
      process.kill(pid, 'SIGKILL');
  });
}

/** Ends everything; also on Ctrl-C. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stop));
}

/** The process and its descendants (nginx: master and worker). */
export function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return [pid, ...children.flatMap(family)];
}

/** User and system time of a process and its descendants, microseconds, from the scheduler's own accounting. */
export function cpuMicros(pid: number): number {
  let nanoseconds = 0;
  for (const member of family(pid)) {
    for (const task of readdirSync(`/proc/${member}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${member}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return nanoseconds / 1_000;
}

/** Resident memory of a process and its descendants, bytes. */
export function rssBytes(pid: number): number {
  return family(pid).reduce((sum, member) => {
    const kilobytes = /^VmRSS:\s+([0-9]+) kB/m.exec(readFileSync(`/proc/${member}/status`, 'utf8'))?.[1] ?? 0;
    return sum + Number(kilobytes) * 1_024;
  }, 0);
}

/** A free port. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** First line of a program's version, or null when it is not installed. */
export function version(program: string, flag: string): string | null {
  try {
    const both = execFileSync('sh', ['-c', `${program} ${flag} 2>&1`], { encoding: 'utf8' });
    return both.split('\n')[0]?.trim() ?? null;
  } catch {
    return null;
  }
}
