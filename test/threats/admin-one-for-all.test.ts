// Threat: one caller of the admin API takes what all share: places in queues, threads, the memory for results (CWE-400).
import { describe, expect, it, onTestFinished } from 'vitest';
import { PolicyDiffs } from '../../src/api/comparisons/policy-diffs.ts';
import type { ComparePolicies } from '../../src/api/comparisons/threaded-comparison.ts';
import { PolicyChecks } from '../../src/api/policy-checks.ts';
import { ThreadedQuestions } from '../../src/api/questions/threaded-questions.ts';
import type { PolicyDiff } from '../../src/app/policy-diff.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

const NOW = 1_800_000_000_000;
const FOREVER = 1e8;

describe('questions to the lists', () => {
  const lane = { waiting: 4, waitingOfOne: 2, deadlineMs: FOREVER };

  function openQuestions(program: URL): ThreadedQuestions {
    const shared = new Int32Array(new SharedArrayBuffer(12));
    const data = { path: '', domains: [], shared };
    const questions = new ThreadedQuestions(data, { quick: lane, slow: lane }, program);
    onTestFinished(async () => {
      Atomics.store(shared, 0, 1);
      Atomics.notify(shared, 0);
      await questions.close();
    });
    return questions;
  }

  it('of one caller leave places for those of others', async () => {
    const questions = openQuestions(new URL('../api/held-thread.ts', import.meta.url));
    const ask = (id: string): Promise<unknown> => {
      const answer = questions.ask('deviceCounts', { filter: {}, now: NOW }, { id });
      answer.catch(() => undefined);
      return answer;
    };
    // One is begun, two wait.
    for (let index = 0; index < 3; index++) void ask('mallory');
    await expect(ask('mallory')).rejects.toMatchObject({ code: 'EASGATE_API_LISTS_BUSY' });
    for (let index = 0; index < 2; index++) void ask('carol');
    await expect(ask('dave')).rejects.toMatchObject({ code: 'EASGATE_API_LISTS_BUSY' });
    await questions.close();
  });

  it('fail while the system allows no further thread, and do not block the ones after them', async () => {
    // A worker of such an address is refused as it is made, as where there are too many threads.
    const questions = openQuestions(new URL('http://localhost/no-thread.ts'));
    for (let index = 0; index < 3; index++)
      await expect(questions.ask('seenPhones', null)).rejects.toMatchObject({
        code: 'EASGATE_API_UNAVAILABLE',
      });
  });
});

describe('texts of policies', () => {
  it('fail while the system allows no further thread, and do not block the ones after them', async () => {
    const checks = new PolicyChecks(
      { waiting: 4, waitingOfOne: 4, workMs: FOREVER },
      new URL('http://localhost/no-thread.ts'),
    );
    onTestFinished(() => checks.close());
    const all = ['a', 'b', 'c'].map((document) => checks.check('carol', { document, lists: {} }));
    for (const one of all) await expect(one).rejects.toMatchObject({ code: 'EASGATE_API_UNAVAILABLE' });
  });

  it('of several callers are checked in turns', async () => {
    const program = new URL('../support/servers/held-policy-thread.ts', import.meta.url);
    const checks = new PolicyChecks({ waiting: 9, waitingOfOne: 9, workMs: FOREVER }, program);
    onTestFinished(() => checks.close());
    const done: string[] = [];
    const ask = (who: string, document: string): Promise<unknown> =>
      checks.check(who, { document, lists: {} }).then(() => done.push(document));
    const many = ['m1', 'm2', 'm3', 'm4'].map((document) => ask('mallory', document));
    await Promise.all([...many, ask('carol', 'c1'), ask('dave', 'd1')]);
    expect(done).toEqual(['m1', 'c1', 'm2', 'd1', 'm3', 'm4']);
  });
});

describe('comparisons of policies', () => {
  const place = { ref: { place: 'live' } } as const;
  const question = (caller: string, key: string): Parameters<PolicyDiffs['start']>[1] => ({
    key,
    caller,
    compared: { before: place, after: place },
    total: null,
    ofLive: null,
  });
  /** Goes on until it is ended. */
  const endless: ComparePolicies = (_asked, _progress, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const finding =
    (phones: number): ComparePolicies =>
    async () =>
      ({ compared: phones, phones: Array.from({ length: phones }) }) as unknown as PolicyDiff;

  it('of one caller leave one for others', async () => {
    const diffs = new PolicyDiffs();
    onTestFinished(() => diffs.close());
    diffs.start(endless, question('mallory', 'a'), NOW);
    diffs.start(endless, question('mallory', 'b'), NOW);
    expect(() => diffs.start(endless, question('mallory', 'c'), NOW)).toThrow('2 comparisons are under way');
    expect(diffs.start(endless, question('carol', 'd'), NOW).state).toBe('running');
  });

  it('that take too long are ended', async () => {
    const diffs = new PolicyDiffs(1);
    onTestFinished(() => diffs.close());
    const run = diffs.start(endless, question('mallory', 'a'), NOW);
    await diffs.waitFor(run, FOREVER);
    expect(run).toMatchObject({ state: 'failed', error: { code: 'EASGATE_API_POLICY_COSTLY' } });
  });

  it('that found very many phones are forgotten before they fill the memory', async () => {
    const diffs = new PolicyDiffs();
    onTestFinished(() => diffs.close());
    const ids: string[] = [];
    for (let index = 0; index < 6; index++) {
      const run = diffs.start(finding(100_000), question(`caller ${index}`, `${index}`), NOW);
      await diffs.waitFor(run, FOREVER);
      ids.push(run.id);
    }
    const isKept = (id: string): boolean => {
      try {
        return diffs.get(id, NOW).state === 'done';
      } catch {
        return false;
      }
    };
    expect(ids.map(isKept)).toEqual([false, false, false, true, true, true]);
  });

  it('of one caller push out none of another one', async () => {
    const diffs = new PolicyDiffs();
    onTestFinished(() => diffs.close());
    const first = diffs.start(finding(0), question('carol', 'first'), NOW);
    await diffs.waitFor(first, FOREVER);
    for (let index = 0; index < 30; index++)
      await diffs.waitFor(diffs.start(finding(0), question('mallory', `${index}`), NOW), FOREVER);
    expect(diffs.get(first.id, NOW)).toBe(first);
  });

  it('read the lists that were checked, and not those of a policy that came in use meanwhile', async () => {
    const asked: unknown[] = [];
    const compare: ComparePolicies = async (comparison) => {
      asked.push(comparison.after.ref);
      return { compared: 0, phones: [] } as unknown as PolicyDiff;
    };
    const api = await openTestApi({ parts: { compare } });
    const body = { after: { document: 'name: next' } };
    await api.send('viewer', '/api/v1/policy/diff', { method: 'POST', body });
    expect(asked).toEqual([{ document: 'name: next', lists: {} }]);
  });
});

it('sign-ins with one token fill no audit: its entries about others stay', async () => {
  const api = await openTestApi();
  const token = api.token('viewer');
  const signIn = (secret: string): Promise<{ readonly status: number; readonly headers: Headers }> =>
    api.send(null, '/api/v1/session', {
      method: 'POST',
      body: { token: secret },
      headers: { origin: api.url },
    });
  for (let index = 0; index < 30; index++) expect((await signIn(token)).status).toBe(200);
  const refused = await signIn(token);
  expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
  expect(api.audited).toHaveLength(30);
  expect((await signIn(api.token('viewer'))).status).toBe(200);
  expect((await api.send(token, '/api/v1/session')).status).toBe(200);
});
