// Owns the record of the running processes beside the pid file, so that the next gateway finds them if this one is killed.
import { PidFileHeldError, recordWorkers, writePidFile } from '../supervisor/pid-file.ts';
import { identityOf } from '../supervisor/process-identity.ts';
import type { ProcessIdentity } from '../supervisor/process-identity.ts';
import type { OnEvent } from '../supervisor/slot.ts';

/** The record of one primary process. */
export class ProcessRecord {
  private readonly onEvent: OnEvent;
  private pidFile: string;
  private known: readonly ProcessIdentity[] = [];
  private workers: readonly number[] = [];
  private control: number | null = null;

  constructor(pidFile: string, onEvent: OnEvent) {
    this.pidFile = pidFile;
    this.onEvent = onEvent;
  }

  /** Returns orphaned workers of an earlier gateway. @throws PidFileHeldError when another gateway uses the file */
  claim(pidFile: string): readonly ProcessIdentity[] {
    try {
      return writePidFile(pidFile);
    } catch (error) {
      if (error instanceof PidFileHeldError) throw error;
      this.onEvent(
        'warn',
        { code: 'EASGATE_PID_FILE', path: pidFile, cause: String(error) },
        '`easgate reload` will not find this gateway: send SIGHUP instead, or set workers.pidFile',
      );
      return [];
    }
  }

  /** Records the same processes beside another pid file. */
  moveTo(pidFile: string): void {
    this.pidFile = pidFile;
    this.write();
  }

  setWorkers(pids: readonly number[]): void {
    this.workers = pids;
    this.write();
  }

  /** Null = there is no control process. */
  setControl(pid: number | null): void {
    this.control = pid;
    this.write();
  }

  private write(): void {
    const pids = this.control === null ? this.workers : [...this.workers, this.control];
    this.known = pids.map((pid) => this.known.find((one) => one.pid === pid) ?? identityOf(pid));
    try {
      recordWorkers(this.pidFile, this.known);
    } catch {
      // The pid file could not be written either, which was logged.
    }
  }
}
