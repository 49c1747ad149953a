// Owns the promises of deadlines for operations of the directory.
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SharedDeadline } from '../../src/directory/deadline.ts';

function start(): { readonly deadline: SharedDeadline; readonly pass: (ms: number) => Promise<void> } {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
  const deadline = new SharedDeadline(1_000);
  onTestFinished(() => {
    deadline.close();
    vi.useRealTimers();
  });
  return { deadline, pass: async (ms) => void (await vi.advanceTimersByTimeAsync(ms)) };
}

/** What a promise came to so far. */
function watched(work: Promise<unknown>): { state: string } {
  const seen = { state: 'open' };
  work.then(
    (value) => (seen.state = String(value)),
    (error: unknown) => (seen.state = String(error)),
  );
  return seen;
}

const NEVER = new Promise<never>(() => undefined);

describe('a shared deadline', () => {
  it('passes on results and errors', async () => {
    const { deadline } = start();
    await expect(deadline.limit(Promise.resolve(7))).resolves.toBe(7);
    await expect(deadline.limit(Promise.reject(new Error('away')))).rejects.toThrow('away');
  });

  it('ends each operation after its own time', async () => {
    const { deadline, pass } = start();
    const first = watched(deadline.limit(NEVER));
    await pass(600);
    const second = watched(deadline.limit(NEVER));
    await pass(410);
    expect([first.state, second.state]).toEqual([expect.stringContaining('in time'), 'open']);
    await pass(600);
    expect(second.state).toContain('in time');
  });

  it('ends operations that begin after many others were over', async () => {
    const { deadline, pass } = start();
    for (let turn = 0; turn < 5; turn++) {
      await deadline.limit(Promise.resolve(turn));
      await pass(300);
    }
    const last = watched(deadline.limit(NEVER));
    await pass(990);
    expect(last.state).toBe('open');
    await pass(20);
    expect(last.state).toContain('in time');
  });

  it('counts an answer as in time that is read in the turn in which the time is over', async () => {
    const { deadline, pass } = start();
    const work = Promise.withResolvers<string>();
    const seen = watched(deadline.limit(work.promise));
    setTimeout(() => work.resolve('answer'), 1_000);
    await pass(1_100);
    expect(seen.state).toBe('answer');
  });
});
