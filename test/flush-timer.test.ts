// Owns the tests of the timer of a queue that is written in the background.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FlushTimer } from '../src/flush-timer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('several starts lead to one flush, the delay after the first', () => {
  const flush = vi.fn<() => void>();
  const timer = new FlushTimer(1_000, flush);
  timer.start();
  vi.advanceTimersByTime(999);
  timer.start();
  expect(flush).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(flush).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

test('a flush may start the next one', () => {
  const flush = vi.fn<() => void>(() => timer.start());
  const timer = new FlushTimer(1_000, flush);
  timer.start();
  vi.advanceTimersByTime(3_000);
  expect(flush).toHaveBeenCalledTimes(3);
});

test('nothing is called after close, also where it is started again', () => {
  const flush = vi.fn<() => void>();
  const timer = new FlushTimer(1_000, flush);
  timer.start();
  timer.close();
  timer.start();
  vi.advanceTimersByTime(10_000);
  expect(flush).not.toHaveBeenCalled();
});
