// Owns noticing whether other gateways use Redis: scripts of other processes, counted by the server. Other applications, which run no scripts, are
// not noticed.
import { monotonicNow } from '../../clock.ts';

/** How often the server is asked, while somebody wants to know; it takes 0.1 ms. */
const EVERY_MS = 100;
/** How long an answer serves. */
const FRESH_MS = 300;
/** Scripts of others a second that are no traffic: the beats of gateways. A look-up is a script, or shares one with few others. */
const FEW_A_SECOND = 50;
/** Own scripts that the server may not have counted yet: those that were sent on another connection. */
const UNDER_WAY = 5;
/** How long nobody asks again after an answer that was refused or said nothing: each refusal is an entry in the ACL log. */
const REFUSED_MS = 10_000;

/** A count of scripts at a moment. */
interface Counted {
  readonly at: number;
  readonly scripts: number;
}

/** Compares the scripts of the server with those of this process. */
export class ForeignScripts {
  private readonly read: () => Promise<string>;
  private readonly own: () => number;
  private readonly now: () => number;
  private before: Counted | null = null;
  private askedAt = -Infinity;
  private asking = false;
  private quietAt = -Infinity;
  private refusedAt = -Infinity;

  /**
   * `read`: asks for the part `commandstats` of INFO; where it rejects or says nothing, Redis counts as busy. `own`: how many scripts
   * this process sent on the same connection.
   */
  constructor(read: () => Promise<string>, own: () => number, now: () => number = monotonicNow) {
    this.read = read;
    this.own = own;
    this.now = now;
  }

  /** Whether nobody else ran more than a few scripts lately. Asks the server for the next time; false until it is known. */
  isQuiet(): boolean {
    const now = this.now();
    if (!this.asking && now - this.askedAt >= EVERY_MS && now - this.refusedAt >= REFUSED_MS)
      void this.ask(now);
    return now - this.quietAt < FRESH_MS;
  }

  private async ask(now: number): Promise<void> {
    this.asking = true;
    this.askedAt = now;
    // Sent on the connection of the own scripts at this moment: the server has run those that count here, and no later ones.
    const own = this.own();
    try {
      const total = scriptsIn(await this.read());
      if (total === null) throw new Error('the server does not count');
      this.compare({ at: now, scripts: total - own });
    } catch {
      this.refusedAt = now;
      this.before = null;
      this.quietAt = -Infinity;
    } finally {
      this.asking = false;
    }
  }

  private compare(next: Counted): void {
    const { before } = this;
    this.before = next;
    if (before === null) return;
    const [scripts, elapsed] = [next.scripts - before.scripts, next.at - before.at];
    // A long pause says nothing. Fewer scripts than before: the statistics were reset, or another server answers than the one that runs
    // the own scripts.
    const isFew = scripts >= -UNDER_WAY && (scripts * 1_000) / elapsed <= FEW_A_SECOND;
    this.quietAt = isFew && elapsed < FRESH_MS ? this.now() : -Infinity;
  }
}

const COUNTS = /^cmdstat_(?:evalsha|eval):calls=(\d+)/gm;

/** Null = the server says nothing of scripts. */
function scriptsIn(stats: string): number | null {
  let found: number | null = null;
  for (const [, calls] of stats.matchAll(COUNTS)) found = (found ?? 0) + Number(calls);
  return found;
}
