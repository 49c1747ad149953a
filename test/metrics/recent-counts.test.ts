// Owns the promises about what a gateway counted lately: rates are over a minute, and failed requests are named by their codes.
import { describe, expect, it } from 'vitest';
import { newCells } from '../../src/metrics/counts.ts';
import { ERROR_CODES, METRICS } from '../../src/metrics/definitions.ts';
import { RecentCounts } from '../../src/metrics/recent-counts.ts';

interface Counted {
  readonly requests: number;
  readonly errors?: Readonly<Record<string, number>>;
}

function cellsOf({ requests, errors = {} }: Counted): Float64Array {
  const cells = newCells();
  cells[METRICS.requests.at] = requests;
  for (const [code, count] of Object.entries(errors))
    cells[METRICS.errors.at + ERROR_CODES.values.indexOf(code)] = count;
  return cells;
}

describe('the rate of requests', () => {
  it('is not known before there is something to compare with', () => {
    const recent = new RecentCounts();
    expect(recent.look().requestsPerSecond).toBeNull();
    recent.note(cellsOf({ requests: 5 }), 1_000);
    expect(recent.look().requestsPerSecond).toBeNull();
  });

  it('is that of a minute, also where the last seconds had no request', () => {
    const recent = new RecentCounts();
    for (let second = 0; second <= 200; second += 10)
      recent.note(cellsOf({ requests: Math.floor(second / 20) * 8 }), second * 1_000);
    recent.note(cellsOf({ requests: 80 }), 201_000);
    expect(recent.look().requestsPerSecond).toBeCloseTo(0.39, 1);
  });

  it('is of a minute however often somebody looks', () => {
    const recent = new RecentCounts();
    for (let look = 0; look <= 6_000; look++) recent.note(cellsOf({ requests: look }), look * 20);
    expect(recent.look().requestsPerSecond).toBeCloseTo(50, 0);
  });
});

describe('failed requests', () => {
  it('are named by their codes, the most frequent ones first, with those of the last minute', () => {
    const recent = new RecentCounts();
    const early = { EASGATE_CREDENTIALS_BUSY: 2_000, EASGATE_UPSTREAM_TIMEOUT: 40 };
    recent.note(cellsOf({ requests: 5_000, errors: early }), 0);
    const later = { ...early, EASGATE_UPSTREAM_TIMEOUT: 45 };
    recent.note(cellsOf({ requests: 5_100, errors: later }), 10_000);
    expect(recent.look().failures).toEqual([
      {
        code: 'EASGATE_CREDENTIALS_BUSY',
        meaning: 'the credentials could not be checked within 15 seconds',
        count: 2_000,
        lastMinute: 0,
      },
      {
        code: 'EASGATE_UPSTREAM_TIMEOUT',
        meaning: 'no response head within upstream.responseTimeoutSeconds',
        count: 45,
        lastMinute: 5,
      },
    ]);
  });

  it('are not those that the client caused, nor polls that a decision ended', () => {
    const recent = new RecentCounts();
    const errors = { EASGATE_CLIENT_LEFT: 9, EASGATE_DECISION_CHANGED: 2_500, EASGATE_DEVICE_THROTTLED: 3 };
    recent.note(cellsOf({ requests: 3_000, errors }), 0);
    expect(recent.look().failures).toEqual([]);
  });
});
