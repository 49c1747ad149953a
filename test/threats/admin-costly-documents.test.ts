// Threat: a document of a policy that takes a process minutes to check. Whoever may look may send one; the control process leads feeds.
import { expect, it, onTestFinished, vi } from 'vitest';
import { parseDocument } from 'yaml';
import { PolicyChecks } from '../../src/api/policy-checks.ts';
import { ApiError } from '../../src/api/problems.ts';
import { loadVersion } from '../../src/config/stored-policy.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { quickestOf } from '../support/checks/work-time.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

const keys = (count: number): string =>
  Array.from({ length: count }, (_, index) => `k${index}: 1`).join('\n');

it('a document of very many unknown fields costs not much more than reading its text', () => {
  const document = keys(5_000);
  const reading = quickestOf(() => parseDocument(document, { uniqueKeys: false }));
  expect(quickestOf(() => loadVersion({ document, lists: {} })) / reading).toBeLessThan(30);
});

it('of very many problems the first ones are shown, and how many there are', () => {
  const { policy, problems } = loadVersion({ document: keys(1_000), lists: {} });
  expect(policy).toBeNull();
  expect(problems).toHaveLength(201);
  expect(problems.map(({ message }) => message)).toContain('800 further problems are not shown');
});

it.each(['[', '{', '- ', '? ', 'a: [', '[b, '])(
  'a text of very many %j is refused before it is parsed',
  (piece) => {
    const { problems } = loadVersion({ document: piece.repeat(10_000), lists: {} });
    expect(problems).toMatchObject([{ severity: 'error', message: 'is nested deeper than 500' }]);
  },
);

it('a text of nothing but errors has an answer of bounded size', () => {
  const { problems } = loadVersion({ document: ': : :\n'.repeat(2_000), lists: {} });
  expect(problems.length).toBeLessThanOrEqual(200);
});

it.each(['a: 1\nb: 2\na: 3\n', '{ a: 1, "a": 2 }', 'rules:\n  - { name: x, name: y }\n'])(
  'a key that stands twice is an error: %j',
  (document) => {
    const { policy, problems } = loadVersion({ document, lists: {} });
    expect(policy).toBeNull();
    expect(problems).toMatchObject([
      { message: 'Map keys must be unique', place: { line: expect.any(Number) as number } },
    ]);
  },
);

it.each([
  '!!binary aGVsbG8=',
  '!!set {a, b}',
  '!!omap [a: 1]',
  '!!timestamp 2001-01-01',
  '!secret x',
  '!<tag:x,2000:y> z',
])('a value with a tag that no later step knows is an error: %s', (value) => {
  const tag = value.split(' ')[0] ?? '';
  const { policy, problems } = loadVersion({ document: `name: ${value}`, lists: {} });
  expect(policy).toBeNull();
  expect(problems).toMatchObject([{ message: expect.stringContaining(tag) as string, place: { line: 1 } }]);
});

it('a document of very many values of another kind has problems, and does not end the reader', () => {
  const { policy, problems } = loadVersion({ document: `!!binary ${'A'.repeat(800_000)}`, lists: {} });
  expect(policy).toBeNull();
  expect(problems).toHaveLength(1);
  const fields = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, 1]));
  expect(compilePolicy(fields).problems.length).toBe(200_000);
});

it('a text whose keys are lists writes nothing to standard error', async () => {
  const warned: Error[] = [];
  const note = (warning: Error): void => void warned.push(warning);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  loadVersion({ document: '? ["\\e]0;owned\\a"]\n: 1\n', lists: {} });
  await new Promise((resolve) => setImmediate(resolve));
  expect(warned).toEqual([]);
});

/** Checks by a thread that stands still in documents named `hold`, as the parser does in hostile ones. */
function heldChecks(workMs: number): PolicyChecks {
  const program = new URL('../support/servers/held-policy-thread.ts', import.meta.url);
  const checks = new PolicyChecks({ waiting: 3, waitingOfOne: 2, workMs }, program);
  onTestFinished(() => checks.close());
  return checks;
}

it('a text that takes too long is refused, and the thread is replaced: the next text is checked', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const checks = heldChecks(10_000);
  await checks.check('carol', { document: 'name: first', lists: {} });
  const held = checks.check('mallory', { document: 'hold', lists: {} });
  const next = checks.check('carol', { document: 'name: next', lists: {} });
  vi.advanceTimersByTime(10_000);
  await expect(held).rejects.toMatchObject({ code: 'EASGATE_API_POLICY_COSTLY' });
  expect(await next).toMatchObject({ name: 'name: next' });
});

it('a text is not costly because the thread takes long to start', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const checks = heldChecks(10_000);
  const checked = checks.check('carol', { document: 'name: first', lists: {} });
  vi.advanceTimersByTime(59_000);
  expect(await checked).toMatchObject({ name: 'name: first' });
});

it('a thread that does not start in a minute is given up, and the text may be sent again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const checks = heldChecks(10_000);
  const checked = checks.check('carol', { document: 'name: first', lists: {} });
  vi.advanceTimersByTime(60_000);
  await expect(checked).rejects.toMatchObject({ code: 'EASGATE_API_UNAVAILABLE', retryAfter: 1 });
  expect(await checks.check('carol', { document: 'name: first', lists: {} })).toMatchObject({
    name: 'name: first',
  });
});

it('one caller cannot fill the queue of texts', async () => {
  const checks = heldChecks(1e8);
  const ask = (who: string, document: string): Promise<unknown> => {
    const checked = checks.check(who, { document, lists: {} });
    // All are failed at the end.
    checked.catch(() => undefined);
    return checked;
  };
  void ask('mallory', 'hold');
  void ask('mallory', 'a');
  void ask('mallory', 'b');
  await expect(ask('mallory', 'c')).rejects.toMatchObject({ code: 'EASGATE_API_BUSY' });
  void ask('carol', 'd');
  await expect(ask('carol', 'e')).rejects.toMatchObject({ code: 'EASGATE_API_BUSY' });
  await checks.close();
});

it.each([
  ['policy/check', { document: ':' }],
  ['policy/diff', { after: { document: ':' } }],
  ['policy/diff', { before: { document: ':' }, after: { place: 'live' } }],
  ['policy/publish', { document: ':' }],
  ['policy/shadow', { document: ':' }],
  ['policy/simulate', { policy: { document: ':' } }],
  ['policy/publish', { document: ':', mode: 'reportOnly' }],
])('a text for /%s is read in the thread alone: %j', async (path, body) => {
  const costly = async (): Promise<never> => {
    throw new ApiError('EASGATE_API_POLICY_COSTLY', 'too long');
  };
  const checks = Object.assign(new PolicyChecks(), { check: costly, compile: costly, simulate: costly });
  const api = await openTestApi({ parts: { checks } });
  const { status, json } = await api.send('admin', `/api/v1/${path}`, { method: 'POST', body });
  expect([status, json]).toMatchObject([422, { code: 'EASGATE_API_POLICY_COSTLY' }]);
});

it.each(['', '/versions/1'])('a published text is read in the thread alone: /policy%s', async (path) => {
  const checks = new PolicyChecks();
  const api = await openTestApi({ parts: { checks } });
  const body = { document: 'name: first' };
  await api.send('admin', '/api/v1/policy/publish', { method: 'POST', body });
  Object.assign(checks, {
    check: async () => {
      throw new ApiError('EASGATE_API_POLICY_COSTLY', 'too long');
    },
  });
  expect((await api.send('viewer', `/api/v1/policy${path}`)).status).toBe(422);
});

it.each([
  ['that names itself', 'a: &a [*a]'],
  ['of many aliases', `a: &a [${'x,'.repeat(400_000)}]\nb: [${'*a,'.repeat(50)}]`],
])(
  'a short text %s does not become a long document',
  (_name, document) => {
    const { policy, problems } = loadVersion({ document, lists: {} });
    expect(policy).toBeNull();
    expect(problems).toMatchObject([{ message: 'its aliases (*name) repeat too much: write fewer of them' }]);
  },
  60_000,
);

it('a mapping in front of a file is read in the thread alone', async () => {
  const checks = new PolicyChecks();
  const api = await openTestApi({ parts: { checks } });
  Object.assign(checks, {
    mapping: async () => {
      throw new ApiError('EASGATE_API_POLICY_COSTLY', 'too long');
    },
  });
  const mapping = 'id: record.id\n';
  const answer = await fetch(`${api.url}/api/v1/import?source=own&mappingBytes=${mapping.length}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api.token('operator')}`,
      'content-type': 'application/octet-stream',
    },
    body: `${mapping}{"id":"A1"}\n`,
  });
  expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'EASGATE_API_POLICY_COSTLY' }]);
});
