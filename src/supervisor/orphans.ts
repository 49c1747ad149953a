// Owns the end of workers whose primary is gone (kill -9, out of memory): they hold the listening socket until they end.
import { setTimeout } from 'node:timers/promises';
import { isAlive, isStopped } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { OnEvent } from './slot.ts';

/** A worker that sees that its primary is gone stops listening at once; so long it may take on a busy machine. */
const LEAVE_MS = 3_000;
/** A process that is killed is gone within moments, unless the kernel waits for a disk. */
const GONE_MS = 5_000;
const LOOK_MS = 50;

/**
 * Kills those that are stopped: they will not see it. The others finish their transfers; returns them.
 */
export async function killStopped(
  orphans: readonly ProcessIdentity[],
  onEvent: OnEvent,
): Promise<readonly ProcessIdentity[]> {
  await kill(orphans.filter(isStopped), onEvent);
  return orphans.filter(isAlive);
}

/**
 * Starts what listens. While orphans have its address it waits a moment; then they are killed, and it is tried for the last
 * time.
 */
export async function startBeside<T>(
  orphans: readonly ProcessIdentity[],
  onEvent: OnEvent,
  start: () => Promise<T>,
): Promise<T> {
  const end = performance.now() + LEAVE_MS;
  while (orphans.some(isAlive)) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
    if (performance.now() > end) await kill(orphans.filter(isAlive), onEvent);
    else await setTimeout(LOOK_MS);
  }
  return start();
}

async function kill(orphans: readonly ProcessIdentity[], onEvent: OnEvent): Promise<void> {
  for (const orphan of orphans) {
    const facts = { code: 'EASGATE_ORPHANED_WORKER', pid: orphan.pid };
    onEvent('warn', facts, 'a worker of a gateway that was killed holds the address: it is ended');
    try {
      // Its start was compared a moment ago: the number is still its own.
      process.kill(orphan.pid, 'SIGKILL');
    } catch {
      // It is gone.
    }
  }
  const end = performance.now() + GONE_MS;
  while (orphans.some(isAlive)) {
    if (performance.now() > end) {
      const pids = orphans.filter(isAlive).map(({ pid }) => pid);
      throw Object.assign(new Error(`workers of a gateway before cannot be ended: ${pids.join(', ')}`), {
        code: 'EASGATE_ORPHANED_WORKER',
      });
    }
    await setTimeout(LOOK_MS);
  }
}
