// Owns the promises of deadlines for operations of the directory.
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SharedDeadline } from '../../src/directory/deadline.ts';
import type { Limited } from '../../src/directory/deadline.ts';

function start(): { readonly deadline: SharedDeadline; readonly pass: (ms: number) => Promise<void> } {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
  const deadline = new SharedDeadline(1_000);
  onTestFinished(() => {
    deadline.close();
    vi.useRealTimers();
  });
  return { deadline, pass: async (ms) => void (await vi.advanceTimersByTimeAsync(ms)) };
}

/** An operation of the directory. */
class Operation implements Limited {
  endsAt = 0;
  previous: Limited | null = null;
  next: Limited | null = null;
  state = 'open';

  expire(error: Error): void {
    this.state = String(error);
  }
}

function begun(deadline: SharedDeadline): Operation {
  const one = new Operation();
  deadline.add(one);
  return one;
}

describe('a shared deadline', () => {
  it('does not end an operation that was over before', async () => {
    const { deadline, pass } = start();
    const one = begun(deadline);
    await pass(990);
    deadline.remove(one);
    await pass(1_100);
    expect(one.state).toBe('open');
  });

  it('ends each operation after its own time', async () => {
    const { deadline, pass } = start();
    const first = begun(deadline);
    await pass(600);
    const second = begun(deadline);
    await pass(410);
    expect([first.state, second.state]).toEqual([expect.stringContaining('in time'), 'open']);
    await pass(600);
    expect(second.state).toContain('in time');
  });

  it('ends operations that begin after many others were over', async () => {
    const { deadline, pass } = start();
    for (let turn = 0; turn < 5; turn++) {
      deadline.remove(begun(deadline));
      await pass(300);
    }
    const last = begun(deadline);
    await pass(990);
    expect(last.state).toBe('open');
    await pass(20);
    expect(last.state).toContain('in time');
  });

  it('counts an answer as in time that is read in the turn in which the time is over', async () => {
    const { deadline, pass } = start();
    const one = begun(deadline);
    setTimeout(() => deadline.remove(one), 1_000);
    await pass(1_100);
    expect(one.state).toBe('open');
  });
});
