// Owns the promises about a process that no longer answers: the control process is started again, and one that only was slow is not.
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ControlProcess } from '../../src/supervisor/control-process.ts';
import { Silence } from '../../src/supervisor/silence.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const FAKE = fileURLToPath(new URL('../support/servers/fake-control.ts', import.meta.url));

/** A control process that answers these questions, and is given up after two others; what happens to it. */
async function open(...answered: string[]): Promise<{
  readonly control: ControlProcess;
  readonly events: readonly object[];
  readonly pids: readonly (number | null)[];
}> {
  const events: object[] = [];
  const pids: (number | null)[] = [];
  const control = new ControlProcess({
    entry: FAKE,
    args: answered,
    onEvent: (_level, facts) => events.push(facts),
    onPid: (pid) => pids.push(pid),
    times: { firstMs: 1, maxMs: 1, steadyMs: 1 },
    // An answer that is to come has time also on a slow machine.
    silence: { answerMs: answered.length === 0 ? 20 : 1_500, silentMs: 0, questions: 2 },
  });
  onTestFinished(() => control.stop());
  await control.use({ path: 'easgate.yaml', text: '' });
  return { control, events, pids };
}

describe('a control process that does not answer', () => {
  it('is ended, and started again', async () => {
    const { control, events, pids } = await open();
    await until(async () => {
      await control.state();
      return pids.length >= 3;
    }, 'another process');
    const [first, end, next] = pids;
    expect([end, next === first]).toEqual([null, false]);
    expect(events[0]).toMatchObject({
      code: 'EASGATE_CONTROL_EXIT',
      pid: first,
      cause: 'it did not answer, and was killed',
    });
  });

  it('for its metrics alone goes on', async () => {
    const { control, events } = await open('status');
    await until(async () => (await control.state())?.state === 'running', 'its answer');
    for (let asked = 0; asked < 3; asked++)
      expect(await control.addMetrics(new Float64Array(1))).toMatchObject({ up: false });
    expect((await control.state())?.state).toBe('running');
    expect(events).toEqual([]);
  });
});

describe('silence', () => {
  /** Asks a process of which it is known when, in seconds, it is asked and whether it answers; returns when it is given up. */
  async function givenUp(
    questions: readonly (readonly [at: number, answers: boolean])[],
  ): Promise<number | null> {
    let now = 0;
    const silence = new Silence({ answerMs: 1_500, silentMs: 60_000, questions: 4 }, () => now);
    for (const [at, answers] of questions) {
      now = at * 1_000;
      await silence.ask(async (answerMs) => {
        if (answers) return 'answer';
        now += answerMs;
        return null;
      });
      if (silence.isTooLong) return at;
    }
    return null;
  }
  const every = (seconds: number, count: number): (readonly [number, boolean])[] =>
    Array.from({ length: count }, (_, index) => [index * seconds, false] as const);

  it.each([
    ['of a minute is too long', every(10, 7), 60],
    ['of a minute is too long, however often the process is asked', every(2, 40), 60],
    [
      'ends with an answer',
      [...every(10, 6), [60, true] as const, ...every(10, 3).map(([at]) => [at + 70, false] as const)],
      null,
    ],
    [
      'of one question after a long pause of both processes is short',
      [[0, true] as const, [900, false] as const],
      null,
    ],
    ['of few questions is short', every(100, 3), null],
  ])('%s', async (_name, questions, at) => {
    expect(await givenUp(questions)).toBe(at);
  });
});
