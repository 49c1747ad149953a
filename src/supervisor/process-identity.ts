// Owns the identity of a process, by number and start time: numbers are reused.
import { readFileSync } from 'node:fs';

/** A process and its start time; null = unknown (no /proc). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string | null;
}

/** State and threads of a process, and its start. */
interface ProcessStat {
  readonly state: string;
  readonly threads: number;
  readonly started: string;
}

/** From /proc/PID/stat (proc_pid_stat(5)); null = there is no such process, or no /proc. */
function statOf(pid: number): ProcessStat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may contain any character, including brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return {
      state: fields[0] ?? '',
      threads: Number(fields[17]),
      started: `${boot} ${fields[19] ?? ''}`,
    };
  } catch {
    return null;
  }
}

/** The process that now has the number. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: statOf(pid)?.started ?? null };
}

/**
 * Whether this very process runs. A zombie does not, unless it has threads left: a killed process keeps its sockets
 * until the last of its threads has ended, and the first one may end before the others.
 */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  const found = statOf(pid);
  if (found !== null) return found.started === started && (found.threads > 1 || !/^[ZX]$/.test(found.state));
  if (started !== null || process.platform === 'linux') return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether it is stopped (SIGSTOP, a debugger): it does not answer, but keeps its sockets. */
export function isStopped({ pid, started }: ProcessIdentity): boolean {
  const found = statOf(pid);
  return found !== null && found.started === started && /^[Tt]$/.test(found.state);
}
