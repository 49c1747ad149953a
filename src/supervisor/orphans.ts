// Owns the end of workers whose primary died (kill -9, out of memory): they hold the listening socket until they end.
import { setTimeout } from 'node:timers/promises';
import { isAddressInUse } from './listen-trouble.ts';
import { isAlive, isStopped } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { OnEvent } from './slot.ts';

/** Time for a worker to notice the loss of its primary and to stop listening, on a busy machine. */
const LEAVE_MS = 3_000;
/** Time for a killed process to end; longer only when the kernel waits for a disk. */
const GONE_MS = 5_000;
const LOOK_MS = 50;

/**
 * Kills stopped workers, which cannot notice the loss of their primary. Returns the others, which finish their
 * transfers.
 */
export async function killStopped(
  orphans: readonly ProcessIdentity[],
  onEvent: OnEvent,
): Promise<readonly ProcessIdentity[]> {
  await kill(orphans.filter(isStopped), onEvent);
  return orphans.filter(isAlive);
}

/**
 * Opens a listener. While orphans hold its address, it retries for a moment; then it kills them and tries a last time.
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
      if (!isAddressInUse(error)) throw error;
    }
    if (performance.now() > end) await kill(orphans.filter(isAlive), onEvent);
    else await setTimeout(LOOK_MS);
  }
  return start();
}

async function kill(orphans: readonly ProcessIdentity[], onEvent: OnEvent): Promise<void> {
  for (const orphan of orphans) {
    const facts = { code: 'EASGATE_ORPHANED_WORKER', pid: orphan.pid };
    onEvent('warn', facts, 'a worker of a killed gateway still uses the address: it is killed');
    try {
      // Its start time was compared a moment ago, so the number is still that of the orphan.
      process.kill(orphan.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  const end = performance.now() + GONE_MS;
  while (orphans.some(isAlive)) {
    if (performance.now() > end) {
      const pids = orphans.filter(isAlive).map(({ pid }) => pid);
      throw Object.assign(new Error(`workers of an earlier gateway cannot be killed: ${pids.join(', ')}`), {
        code: 'EASGATE_ORPHANED_WORKER',
      });
    }
    await setTimeout(LOOK_MS);
  }
}
