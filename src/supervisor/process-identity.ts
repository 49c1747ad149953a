// Owns telling one process from another that got its number later: by the time it was started.
import { readFileSync } from 'node:fs';

/** A process and when it was started; null = the system does not tell (no /proc). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string | null;
}

/** Its state and start, from /proc/PID/stat (proc(5)); null = there is no such process, or no /proc. */
function statOf(pid: number): { readonly state: string; readonly started: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything, brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { state: fields[0] ?? '', started: `${boot} ${fields[19] ?? ''}` };
  } catch {
    return null;
  }
}

/** The process that has the number now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: statOf(pid)?.started ?? null };
}

/** Whether this very process lives; one that ended and was not waited for does not. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  const found = statOf(pid);
  if (found !== null) return found.started === started && found.state !== 'Z' && found.state !== 'X';
  if (started !== null || process.platform === 'linux') return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether it was stopped (SIGSTOP, a debugger): it answers nothing, and keeps its sockets. */
export function isStopped({ pid, started }: ProcessIdentity): boolean {
  const found = statOf(pid);
  return found !== null && found.started === started && /^[Tt]$/.test(found.state);
}
