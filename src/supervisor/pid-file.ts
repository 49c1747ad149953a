// Owns the pid file, by which `easgate reload` finds the gateway and which allows one gateway per file; and the list of
// workers beside it, by which a starting gateway finds orphans of the previous one.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { identityOf, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** Another gateway uses this file. */
export class PidFileHeldError extends Error {
  readonly code = 'EASGATE_ALREADY_RUNNING';
  constructor(path: string, pid: number) {
    super(`process ${pid} runs with ${path}: stop it first, or give this gateway another workers.pidFile`);
  }
}

const processSchema = z.object({ pid: z.int().min(1), started: z.string().nullable() });
const recordSchema = z.object({ primary: processSchema, workers: z.array(processSchema).max(10_000) });
type GatewayRecord = z.infer<typeof recordSchema>;

/** Attempts against processes that start at the same moment. */
const MAX_ATTEMPTS = 5;

/**
 * Writes this process into the file. Returns the workers of an earlier gateway that still run without their primary.
 * @throws PidFileHeldError when another gateway uses the file; other errors when it cannot be written
 */
export function writePidFile(path: string): readonly ProcessIdentity[] {
  mkdirSync(dirname(path), { recursive: true });
  const before = readRecord(path);
  const own = identityOf(process.pid);
  for (let attempt = 1; !create(path); attempt++) {
    const pid = readPidFile(path);
    if (pid === process.pid && isSame(readRecord(path)?.primary, own)) return [];
    if (pid !== null && (isHeld(path, pid) || attempt === MAX_ATTEMPTS))
      throw new PidFileHeldError(path, pid);
    discard(path, pid);
  }
  recordWorkers(path, []);
  if (before === null || isAlive(before.primary)) return [];
  // The file alone is not trusted: whoever can write it could name any process, which would then be killed, perhaps by root.
  return before.workers.filter((worker) => isAlive(worker) && mayRun(worker.pid, 'worker'));
}

/** Removes the file, unless another gateway has replaced it. */
export function removePidFile(path: string): void {
  if (readPidFile(path) !== process.pid || !isSame(readRecord(path)?.primary, identityOf(process.pid)))
    return;
  rmSync(path, { force: true });
  rmSync(recordPath(path), { force: true });
}

/** Records the current workers. Throws when the file cannot be written. */
export function recordWorkers(path: string, workers: readonly ProcessIdentity[]): void {
  const record: GatewayRecord = { primary: identityOf(process.pid), workers: [...workers] };
  const draft = `${recordPath(path)}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(record));
  renameSync(draft, recordPath(path));
}

/** The process named in the file; null when there is no file, or no process id in it. */
export function readPidFile(path: string): number | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  // In a container the gateway is process 1.
  return /^[1-9]\d{0,8}\n?$/.test(text) ? Number(text) : null;
}

/**
 * Whether the process can be `easgate serve`. The file outlives a killed gateway, and another program may have its
 * number now, which a signal would end. True where the system does not reveal it (no /proc).
 */
export function mayBeGateway(pid: number): boolean {
  return mayRun(pid, 'serve');
}

/** Whether the process can be easgate with this command. */
function mayRun(pid: number, command: string): boolean {
  let commandLine: string;
  try {
    commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT' || process.platform !== 'linux';
  }
  return commandLine.split('\0').includes(command);
}

function recordPath(path: string): string {
  return `${path}.json`;
}

function readRecord(path: string): GatewayRecord | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(recordPath(path), 'utf8')));
  } catch {
    return null;
  }
}

function isSame(one: ProcessIdentity | undefined, other: ProcessIdentity): boolean {
  return one?.pid === other.pid && one.started === other.started;
}

/** False = the file exists already. The file appears with its content, so that nobody reads an empty one. */
function create(path: string): boolean {
  const text = `${process.pid}\n`;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    return createWithoutLinks(path, text);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** For file systems without hard links. */
function createWithoutLinks(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether the process named in the file is a running gateway; the number may be reused by now. */
function isHeld(path: string, pid: number): boolean {
  const primary = readRecord(path)?.primary;
  if (primary?.pid === pid) return isAlive(primary);
  // A starting gateway has no record yet. This process does not count.
  return pid !== process.pid && isAlive(identityOf(pid)) && mayBeGateway(pid);
}

/** Removes a stale file; restores it when another process replaced it meanwhile. */
function discard(path: string, stale: number | null): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readPidFile(aside) !== stale) {
    try {
      linkSync(aside, path);
    } catch {
      // Another process wrote the file; the next attempt reads it.
    }
  }
  rmSync(aside, { force: true });
}
