// Owns the promises of the entries of the journal about deliveries: the first is seen at once, the others are summed up, and there are few.
import { expect, it, vi } from 'vitest';
import { DeliverySummaries } from '../../src/control/delivery-summaries.ts';
import type { DeliverySummary } from '../../src/control/delivery-summaries.ts';

const SUMS = { accepted: 2, unchanged: 1, refused: 0, notJoined: 3 };

async function summed(
  work: (summaries: DeliverySummaries, seconds: (count: number) => void) => void,
): Promise<DeliverySummary[]> {
  // prettier-ignore
  vi.useFakeTimers();
  try {
    const written: DeliverySummary[] = [];
    const summaries = new DeliverySummaries((one) => written.push(one), () => Date.now()); // prettier-ignore
    work(summaries, (count) => void vi.advanceTimersByTime(count * 1_000));
    summaries.close();
    return written;
  } finally {
    vi.useRealTimers();
  }
}

it('the first delivery has an entry at once, those of the next minute one together', async () => {
  const written = await summed((summaries, seconds) => {
    for (let count = 0; count < 1_000; count++) summaries.done('mdm', 'applied', SUMS);
    seconds(60);
    summaries.done('mdm', 'applied', SUMS);
    seconds(60);
    seconds(60);
    summaries.done('mdm', 'applied', SUMS);
  });
  expect(written.map(({ deliveries, sums, withinMs }) => [deliveries, sums?.accepted, withinMs])).toEqual([
    [1, 2, 0],
    [999, 1_998, 60_000],
    [1, 2, 60_000],
    [1, 2, 0],
  ]);
});

it('feeds and outcomes are summed up apart; a refused one has its text and nothing of its content', async () => {
  const written = await summed((summaries) => {
    summaries.done('mdm', 'applied', SUMS);
    summaries.refused('mdm', 'EASGATE_DELIVERY_CREDENTIALS', 'the token is missing');
    summaries.refused('mdm', 'EASGATE_DELIVERY_CREDENTIALS', 'the token is of another feed');
    summaries.refused('jamf', 'held', 'nothing was written');
  });
  expect(written).toMatchObject([
    { feed: 'mdm', outcome: 'applied', deliveries: 1, text: null },
    { feed: 'mdm', outcome: 'EASGATE_DELIVERY_CREDENTIALS', deliveries: 1, sums: null },
    { feed: 'jamf', outcome: 'held', sums: null, text: 'nothing was written' },
    {
      feed: 'mdm',
      outcome: 'EASGATE_DELIVERY_CREDENTIALS',
      deliveries: 1,
      text: 'the token is of another feed',
    },
  ]);
});
