// Owns the results of a delta: one for each record, by its line.
import type { ReportOutcome } from '../../directory/device-reports.ts';
import type { PushLine } from '../../feeds/push/push-lines.ts';

/** What became of a record: it may change a verdict, or not; its source reported something newer; no device is known for it. */
export type PushOutcome = 'accepted' | 'unchanged' | 'older' | 'notJoined' | 'refused';

/** The result of one record. */
export interface PushResult {
  /** From 1. */
  readonly line: number;
  readonly result: PushOutcome;
  /** Why it was refused. */
  readonly reason?: string;
}

const OUTCOMES = { news: 'accepted', stored: 'unchanged', older: 'older' } as const;

/** Collects the results. */
export class PushResults {
  private readonly byLine = new Map<number, PushOutcome>();
  private readonly lines: readonly PushLine[];
  /** Lines of each key, in their order, which is that of the writes. */
  private readonly waiting = new Map<string, number[]>();

  constructor(lines: readonly PushLine[]) {
    this.lines = lines;
    for (const line of lines) {
      if ((line.type !== 'device' && line.type !== 'user') || line.id === null) continue;
      const name = `${line.type} ${line.id}`;
      const waiting = this.waiting.get(name);
      if (waiting === undefined) this.waiting.set(name, [line.line]);
      else waiting.push(line.line);
    }
  }

  written(kind: 'device' | 'user', key: string, outcome: ReportOutcome): void {
    const waiting = this.waiting.get(`${kind} ${key}`);
    // Several records of one user are one write.
    const written = kind === 'user' ? waiting?.splice(0) : waiting?.splice(0, 1);
    for (const line of written ?? []) this.byLine.set(line, OUTCOMES[outcome]);
  }

  /** Another record of the device counts in its place. */
  outdated(line: number): void {
    this.byLine.set(line, 'older');
    for (const lines of this.waiting.values()) {
      const place = lines.indexOf(line);
      if (place !== -1) lines.splice(place, 1);
    }
  }

  notJoined(line: number): void {
    this.byLine.set(line, 'notJoined');
  }

  /** In the order of the records. */
  all(): PushResult[] {
    return this.lines.map((line) => {
      if (line.type === 'refused') return { line: line.line, result: 'refused', reason: line.reason };
      if (line.type === 'decision' && line.action === 'allow')
        return { line: line.line, result: 'refused', reason: 'an allow is not taken from a feed' };
      return { line: line.line, result: this.byLine.get(line.line) ?? 'accepted' };
    });
  }
}
