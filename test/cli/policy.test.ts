// Owns the promises of `easgate policy` and `easgate simulate`: what they print where, and how they end.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { runWithInput } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const POLICY = `
rules:
  - { name: old, match: { platform: android, osVersion: ["< 12", unknown] }, action: quarantine, reason: osTooOld }
`;
const CASES = `
policy: policy.yaml
cases:
  - { name: old phones wait, facts: { device: { managed: true, platform: android, osVersion: "11" } }, expect: { action: quarantine, rule: old } }
  - { name: new phones wait too, facts: { now: 2026-12-01, device: { managed: true, compliant: true, platform: android, osVersion: "13" } }, expect: { action: quarantine, wouldBe: { action: block } } }
`;

let folder = '';
const origin = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-policy-'));
  writeFileSync(join(folder, 'policy.yaml'), POLICY);
  writeFileSync(
    join(folder, 'bad.yaml'),
    'rules:\n  - { name: a, match: { platfrom: ios }, action: block }\n',
  );
  writeFileSync(join(folder, 'cases.yaml'), CASES);
  writeFileSync(join(folder, 'facts.json'), '{"now":"2026-12-01T10:00:00Z","device":{"managed":true}}');
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(origin);
  rmSync(folder, { recursive: true });
});

const run = (words: readonly string[], input = ''): Promise<Ended> => runWithInput(input, ...words);

/** The same as a process of its own, with pipes. */
async function runProcess(words: readonly string[], input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder, stdio: 'pipe' });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code: code ?? -1, out, error };
}

describe('simulate', () => {
  it('refuses a rank that is no number', async () => {
    const words = ['simulate', '--policy', 'policy.yaml', '--rank', 'first'];
    expect(await run(words)).toMatchObject({ code: 2, out: '', error: expect.stringContaining('--rank') });
  });
});

describe('policy evaluate', () => {
  it('prints one verdict per line, and an error for a line that is not valid input', async () => {
    const lines = [
      '{"device":{"managed":true,"compliant":true,"platform":"ios"}}',
      '',
      'nonsense',
      '[]',
      '{"device":{"managed":true,"compliant":true,"platform":"Android"}}',
      '{"now":"2026-12-01T10:00:00Z","decisions":[{"scope":"user","action":"allow","expiresAt":"2026-12-24T00:00:00.5Z"}]}',
    ];
    const { code, out, error } = await runProcess(
      ['policy', 'evaluate', '--policy', 'policy.yaml'],
      lines.join('\r\n'),
    );
    expect({ code, error }).toEqual({ code: 0, error: '' });
    expect(out.split('\n')).toEqual([
      '{"action":"allow","reason":"compliant","rule":null,"requirement":null,"wouldBe":null,"validUntil":null}',
      '{"error":"not a line of JSON","code":"EASGATE_POLICY_FACTS"}',
      '{"error":"not a JSON object","code":"EASGATE_POLICY_FACTS"}',
      '{"action":"quarantine","reason":"osTooOld","rule":"old","requirement":null,"wouldBe":null,"validUntil":null}',
      '{"action":"allow","reason":"individualRule","rule":null,"requirement":null,"wouldBe":null,"validUntil":"2026-12-24T00:00:00.500Z"}',
      '',
    ]);
  });

  it('ends no line at a separator that JSON texts may hold', async () => {
    const facts = { user: { names: ['a\u2028b\u2029c\u0085d'] }, device: { managed: true, compliant: true } };
    const { out } = await run(['policy', 'evaluate', '--policy', 'policy.yaml'], JSON.stringify(facts));
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(out).toContain('"reason":"compliant"');
  });

  it('refuses a broken document with its problems', async () => {
    const { code, out, error } = await run(['policy', 'evaluate', '--policy', 'bad.yaml'], '{}');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(error).toContain('EASGATE_POLICY: bad.yaml: 1 problem');
    expect(error).toContain(
      'bad.yaml:2:25: error: rules.0.match.platfrom: unknown field "platfrom" (did you mean "platform"?)',
    );
  });
});

describe('policy check', () => {
  it('ends with 0 for a valid document, and with 1 for an invalid one or, with --strict, for warnings', async () => {
    expect(await run(['policy', 'check', 'policy.yaml'])).toEqual({
      code: 0,
      out: 'policy.yaml: ok\n',
      error: '',
    });
    const bad = await run(['policy', 'check', 'bad.yaml']);
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/^bad\.yaml:2:25: error: .*\nbad\.yaml: 1 error, 0 warnings\n$/);
    writeFileSync(join(folder, 'doubtful.yaml'), 'noCompliancePolicy: { action: allow }\n');
    expect((await run(['policy', 'check', 'doubtful.yaml'])).code).toBe(0);
    const strict = await run(['policy', 'check', 'doubtful.yaml', '--strict', '--json']);
    expect(strict.code).toBe(1);
    expect(JSON.parse(strict.out)).toMatchObject([{ severity: 'warning', place: { line: 1, column: 31 } }]);
    expect((await run(['policy', 'check', 'none.yaml'])).error).toContain('none.yaml cannot be read');
  });
});

describe('policy test', () => {
  it('shows how a verdict differs from the expected one, and fails', async () => {
    const { code, out } = await runProcess(['policy', 'test', 'cases.yaml']);
    expect(code).toBe(1);
    expect(out).toBe(
      [
        'ok    old phones wait',
        'FAIL  new phones wait too',
        '      - action: quarantine',
        '      + action: allow',
        '        reason: compliant',
        '      - wouldBe: {"action":"block"}',
        '      + wouldBe: null',
        '',
        '2 cases, 1 failed (- expected, + got)',
        '',
      ].join('\n'),
    );
  });

  it('refuses cases that expect fields a verdict does not have', async () => {
    writeFileSync(join(folder, 'odd.yaml'), '- { name: a, facts: {}, expect: { acton: allow } }\n');
    const { code, error } = await run(['policy', 'test', 'odd.yaml', '--policy', 'policy.yaml']);
    expect(code).toBe(1);
    expect(error).toMatch(/odd\.yaml:1: 0\.expect: .*acton/);
  });
});

describe('policy test of misspelt facts', () => {
  it('reports each with its line and the fact that is meant', async () => {
    writeFileSync(
      join(folder, 'misspelt.yaml'),
      'cases:\n  - name: a\n    facts:\n      device: { complient: true }\n    expect: { action: allow }\n',
    );
    const { code, error } = await run(['policy', 'test', 'misspelt.yaml', '--policy', 'policy.yaml']);
    expect(code).toBe(1);
    expect(error).toContain(
      'misspelt.yaml:4: cases.0.facts.device.complient: no such fact (did you mean "compliant"?)',
    );
  });
});

describe('explain and simulate', () => {
  it('takes a number of an attribute for the one that was written, and 17.10 for a text', async () => {
    const rules = ['17.10', '5'].map((value) => ({
      name: value,
      match: { attributes: { app: value } },
      action: 'block',
    }));
    writeFileSync('apps.yaml', JSON.stringify({ rules }));
    const simulated = async (value: string): Promise<string> =>
      (await run(['simulate', '--policy', 'apps.yaml', '--attribute', `app=${value}`])).out;
    expect(await simulated('17.10')).toContain('block (deviceRule; "17.10")');
    expect(await simulated('5')).toContain('block (deviceRule; "5")');
    expect(await simulated('17.1')).toContain('quarantine (unknownDevice');
  });

  it('print the same steps with what each step found', async () => {
    const explained = await run(
      ['policy', 'explain', '--policy', 'policy.yaml'],
      '{"device":{"managed":true,"platform":"android","osVersion":"11"},"user":{"groups":[]}}',
    );
    const simulated = await run([
      'simulate',
      '--policy',
      'policy.yaml',
      '--managed',
      'yes',
      '--platform',
      'android',
      '--os-version',
      '11',
    ]);
    expect(explained).toEqual({ ...simulated, error: '' });
    expect(simulated.out).toContain('quarantine (osTooOld; "old")');
    expect(simulated.out).toMatch(/=> {2}rule "old" +matches\n +platform: "android" matches "android"\n/);
  });

  it('print the steps as JSON', async () => {
    const { out } = await run([
      'simulate',
      '--policy',
      'policy.yaml',
      '--facts',
      'facts.json',
      '--compliant',
      'no',
      '--json',
    ]);
    expect(JSON.parse(out)).toMatchObject({
      verdict: {
        action: 'quarantine',
        reason: 'notCompliant',
        rule: 'default',
        requirement: 'compliant',
        recheckAt: null,
      },
      steps: [
        { step: 'disabledUser', outcome: 'goesOn' },
        { step: 'rule', state: 'doesNotMatch', match: [[{ field: 'platform', found: null, holds: false }]] },
        { step: 'untargeted', targeted: true },
        { step: 'unknownDevice', outcome: 'goesOn' },
        { step: 'notEnrolled', outcome: 'goesOn' },
        {
          step: 'compliancePolicy',
          outcome: 'decides',
          requirements: [{ requirement: 'compliant', state: 'unmet', due: 'quarantine', since: null }],
        },
      ],
    });
  });

  it('take a recorded request and a logged line, and print no credentials', async () => {
    const secret = Buffer.from('alice@contoso.com:Tr0ub4dor-and-3').toString('base64');
    const head = [
      'POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=A1&DeviceType=iPhone HTTP/1.1',
      'Host: mail.contoso.com',
      `Authorization: Basic ${secret}`,
      'MS-ASProtocolVersion: 16.1',
    ].join('\n');
    writeFileSync(
      join(folder, 'names.yaml'),
      'rules: [{ name: alice, match: { user: "alice*", command: Sync, network: 10.0.0.0/8 }, action: block }]\n',
    );
    const words = ['simulate', '--policy', 'names.yaml', '--address', '10.1.2.3'];
    for (const json of [[], ['--json']]) {
      const { code, out, error } = await run([...words, '--request', '-', ...json], head);
      expect({ code, error }).toEqual({ code: 0, error: '' });
      expect(out).toMatch(json.length === 0 ? /^block \(deviceRule; "alice"\)/ : /"rule": "alice"/);
      expect(out).not.toContain(secret.slice(0, 12));
      expect(out).not.toContain('Tr0ub4dor');
    }
    const line = '{"level":30,"time":"2026-12-01T10:00:00Z","user":"alice","method":"POST","command":"Sync"}';
    expect((await run([...words, '--log-line', line])).out).toContain('block (deviceRule; "alice")');
    expect((await run([...words, '--log-line', '-', '--command', 'Ping'], line)).out).toContain(
      'unknownDevice',
    );
    expect((await run([...words, '--log-line', '-', '--request', '-'])).error).toContain('EASGATE_USAGE');
    expect((await run([...words, '--request', 'none.txt'])).error).toContain('none.txt cannot be read');
  });

  it('refuse malformed values', async () => {
    expect((await run(['simulate', '--policy', 'policy.yaml', '--managed', 'maybe'])).code).toBe(2);
    expect((await run(['policy', 'explain', '--policy', 'policy.yaml'], 'x')).error).toContain(
      'EASGATE_POLICY_FACTS',
    );
  });
});
