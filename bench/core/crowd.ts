// Owns the client of fleet-polls.ts: starts the process that holds the polls of many phones, sends it commands and reads its answers.
import { LOAD_CORE, line, start, stop } from './processes.ts';

/** Held polls, in a process of their own. */
export class Crowd {
  private readonly process: ReturnType<typeof start>;

  /** `hasUsers`: each phone has a user of its own, else all have one. */
  constructor(ports: readonly number[], hasUsers = false) {
    const words = ['bench/core/fleet-polls.ts', hasUsers ? 'users' : 'user', ...ports.map(String)];
    this.process = start(LOAD_CORE, process.execPath, words, true);
  }

  async hold(total: number): Promise<{ readonly opened: number; readonly ended: number }> {
    return (await this.ask(`hold ${total}`)) as { readonly opened: number; readonly ended: number };
  }

  /** Waits until the polls of `count` phones have ended: phone number `from`, and every `step`th one after it. */
  async watch(from: number, count: number, step = 1): Promise<Watched> {
    return (await this.ask(`watch ${from} ${count} ${step}`)) as Watched;
  }

  close(): Promise<void> {
    return stop(this.process);
  }

  private async ask(order: string): Promise<unknown> {
    const answer = line(this.process, /^(\{.*\})$/m, 120_000);
    this.process.stdin?.write(`${order}\n`);
    return JSON.parse((await answer)[1] ?? '{}');
  }
}

export interface Watched {
  /** When each poll ended, in milliseconds on the clock that all processes share; null = it is still held. */
  readonly ended: readonly (number | null)[];
  /** Phones whose next request was refused. */
  readonly denied: number;
  /** Polls of all phones that are held still. */
  readonly held: number;
}

/** Milliseconds, on the clock that all processes share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
