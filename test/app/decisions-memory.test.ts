// Owns the promise that the decisions of a source, as an export of Exchange has them for each device, are not kept in memory while it is applied: not
// those that it brings, nor those that are known.
import { expect, it } from 'vitest';
import { applyLines } from '../../src/app/apply-lines.ts';
import { DEFAULT_BRAKES } from '../../src/app/brakes.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { FeedPart } from '../../src/feeds/contract.ts';
import type { DecisionLine } from '../../src/feeds/record.ts';
import { bytesOfOneMore, collectorOfAll } from '../support/checks/heap.ts';

const PART = 1_000;
/** What is kept of a decision is 50 to 180 bytes: its names and their hash, and numbers. A record would be 600. */
const MOST_BYTES = 300;
const NOW = Date.now();

function decision(index: number): DecisionLine {
  return {
    type: 'decision',
    line: index + 1,
    source: 'exchange',
    scope: index % 2 === 0 ? 'device' : 'partnership',
    device: `appl${String(index).padStart(10, '0')}`,
    spelling: `Appl${String(index).padStart(10, '0')}`,
    user: index % 2 === 0 ? null : `somebody${index}@example.com`,
    action: index % 3 === 0 ? 'allow' : 'block',
    reason: `a reason of its own for the decision with the number ${index}`,
    applied: true,
    by: `operator${index}@example.com`,
    decidedAt: null,
    expiresAt: null,
    problems: [],
  };
}

/** Bytes in use once all decisions are read, and while they are written: when they are new, and when they are known. */
async function used(count: number): Promise<number[]> {
  const store = new EmbeddedStore(':memory:');
  const inUse = collectorOfAll();
  const before = inUse();
  const all: number[] = [];
  async function* parts(): AsyncGenerator<FeedPart> {
    for (let from = 0; from < count; from += PART)
      yield { lines: Array.from({ length: PART }, (_, place) => decision(from + place)) };
    all.push(inUse() - before);
  }
  for (const run of [1, 2]) {
    let isWriting = false;
    const { decisions } = await applyLines(store, parts(), {
      source: 'exchange',
      readAt: NOW - 10 + run,
      now: NOW,
      whole: ['device'],
      brakes: DEFAULT_BRAKES,
      confirmed: false,
      allowDecisions: true,
      dryRun: false,
      progress: (phase) => {
        if (phase !== 'written' || isWriting) return;
        isWriting = true;
        all.push(inUse() - before);
      },
    });
    expect(decisions).toEqual({ applied: count, listed: 0, removed: 0 });
  }
  await store.close();
  return all;
}

it('one decision more takes a few bytes more, a new one and a known one', async () => {
  const ofOne = await bytesOfOneMore({ few: 10_000, many: 100_000 }, used);
  expect(ofOne).toHaveLength(4);
  expect(Math.max(...ofOne)).toBeLessThan(MOST_BYTES);
});
