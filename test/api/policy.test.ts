// Owns the promises of the API on the policy: checks, comparisons, publishing with If-Match, the shadow, rollback, simulation.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withMode } from '../../src/app/policy-texts.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Config } from '../../src/config/schema.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { openOfficeToday } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { deviceReport } from '../support/servers/directory-records.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { ApiAnswer, TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const LOOSE =
  'name: loose\nunknownDevice: { action: allow }\ncompliance: []\nnoCompliancePolicy: { action: allow }\n';
const STRICT =
  'name: strict\nrules:\n  - { name: no phones, match: { deviceType: iPhone }, action: block }\n';
const open = async (): Promise<TestApi> => openTestApi({ store: await openOfficeToday() });

function post(api: TestApi, path: string, body: object, headers = {}, as = 'admin'): Promise<ApiAnswer> {
  return api.send(as, `/api/v1/policy/${path}`, { method: 'POST', body, headers });
}

/** A configuration that names a policy file. */
function configWithFile(): Config {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-api-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, STRICT);
  return configSchema.parse({
    admin: { listen: '127.0.0.1:0', file: ':memory:' },
    store: { kind: 'embedded', path: ':memory:' },
    policy: { file },
  });
}

describe('the policy', () => {
  it('is that of the configuration before anything was published', async () => {
    const api = await open();
    const { json } = await api.send('viewer', '/api/v1/policy');
    expect(json).toMatchObject({ source: 'configuration', document: null, live: null, shadow: null });
  });

  it('is checked with line, column and what was probably meant', async () => {
    const api = await open();
    const document = 'rules:\n  - match: { andriod: true }\n    action: block\n';
    const { json } = await post(api, 'check', { document }, {}, 'viewer');
    expect(json).toMatchObject({
      isValid: false,
      problems: [{ severity: 'error', line: 2, path: expect.stringContaining('rules.0.match') as string }],
    });
    const typo = await post(api, 'check', { document: 'compilance: []\n' }, {}, 'viewer');
    expect(typo.json).toMatchObject({ problems: [{ line: 1, column: 1, suggestion: 'compliance' }] });
  });

  it('is checked for attributes that nobody ever reported', async () => {
    const store = await openOfficeToday();
    await store.putDevices([deviceReport('phone9' as DeviceKey, { attributes: { threat: 'low' } })]);
    const api = await openTestApi({ store });
    const check = async (name: string): Promise<unknown> => {
      const document = `rules:\n  - { name: a, match: { attributes: { ${name}: high } }, action: block }\n`;
      return (await post(api, 'check', { document }, {}, 'viewer')).json;
    };
    expect(await check('thret')).toMatchObject({
      isValid: true,
      problems: [{ severity: 'warning', line: 2, suggestion: 'threat' }],
    });
    expect(await check('THREAT')).toMatchObject({ isValid: true, problems: [] });
  });

  it('says in its history how many phones a version changed that was compared before it was published', async () => {
    const api = await open();
    await until(async () => {
      const { json } = await post(api, 'diff', { after: { document: LOOSE } });
      return (json as { state: string }).state === 'done';
    });
    await post(api, 'publish', { document: LOOSE });
    await post(api, 'publish', { document: STRICT });
    const { json } = await api.send('viewer', '/api/v1/policy/versions');
    expect(json).toMatchObject({ rows: [{ changed: null }, { changed: expect.any(Number) as number }] });
  });

  it('is published, unless another version is in use than the one that was read', async () => {
    const api = await open();
    const tag = (await api.send('viewer', '/api/v1/policy')).headers.get('etag') ?? '';
    const first = await post(api, 'publish', { document: LOOSE, comment: 'a start' }, { 'if-match': tag });
    expect(first.json).toMatchObject({
      version: { version: 1, name: 'loose', place: 'live', author: 'the admin' },
    });
    expect(JSON.stringify(first.json)).toContain('noCompliancePolicy: allow');
    const again = await post(api, 'publish', { document: STRICT }, { 'if-match': tag });
    expect(again.json).toMatchObject({ status: 412, code: 'EASGATE_API_PRECONDITION' });
    const { json } = await api.send('viewer', '/api/v1/policy');
    expect(json).toMatchObject({
      source: 'directory',
      document: LOOSE,
      live: { version: 1 },
      mode: 'enforce',
    });
    expect(api.audited).toMatchObject([
      { operation: 'policy_publish', by: 'the admin', via: 'api', comment: 'a start' },
    ]);
  });

  it('is published with another mode than its text has', async () => {
    const api = await open();
    await post(api, 'publish', { document: STRICT, mode: 'reportOnly' });
    const { json } = await api.send('viewer', '/api/v1/policy');
    expect(json).toMatchObject({ mode: 'reportOnly', document: `mode: reportOnly\n${STRICT}` });
  });

  it('is not published where it cannot be used', async () => {
    const api = await open();
    const { status, json } = await post(api, 'publish', { document: 'rules: 7\n' });
    expect(status).toBe(422);
    expect(json).toMatchObject({
      code: 'EASGATE_POLICY',
      detail: expect.stringContaining('policy:1:') as string,
    });
    expect(api.audited).toEqual([]);
  });

  it('keeps the lists of the version in use where a text brings none', async () => {
    const api = await open();
    const document = `lists: { vips: { file: vips.txt } }\n${STRICT}`;
    await post(api, 'publish', { document, lists: { 'vips.txt': 'alice@contoso.com\n' } });
    const { json } = await post(api, 'check', { document: `${document}# more\n` });
    expect(json).toMatchObject({ isValid: true });
  });

  it('has versions in pages, each with its text', async () => {
    const api = await open();
    for (const document of [LOOSE, STRICT, LOOSE]) await post(api, 'publish', { document });
    const first = await api.send('viewer', '/api/v1/policy/versions?limit=2');
    expect(first.json).toMatchObject({ rows: [{ version: 3 }, { version: 2 }], next: 2 });
    const second = await api.send('viewer', '/api/v1/policy/versions?limit=2&after=2');
    expect(second.json).toMatchObject({ rows: [{ version: 1, place: null }], next: null });
    const one = await api.send('viewer', '/api/v1/policy/versions/2');
    expect(one.json).toMatchObject({ version: 2, document: STRICT });
    expect((await api.send('viewer', '/api/v1/policy/versions/9')).status).toBe(404);
  });

  it('goes back to the version before', async () => {
    const api = await open();
    for (const document of [LOOSE, STRICT]) await post(api, 'publish', { document });
    const { json } = await post(api, 'rollback', { comment: 'too strict' });
    expect(json).toMatchObject({ version: { version: 1, place: 'live' } });
  });

  it('runs in the shadow, and is promoted or ended', async () => {
    const api = await open();
    await post(api, 'publish', { document: LOOSE });
    await post(api, 'shadow', { document: STRICT }, {}, 'operator');
    expect((await api.send('viewer', '/api/v1/policy')).json).toMatchObject({
      live: { version: 1 },
      shadow: { version: 2, counts: null },
    });
    const promoted = await post(api, 'shadow/promote', {});
    expect(promoted.json).toMatchObject({ version: { version: 2, place: 'live' } });
    const ended = await api.send('operator', '/api/v1/policy/shadow', { method: 'DELETE' });
    expect(ended.json).toEqual({ ended: null });
  });

  it('is a file where the configuration names one, and is not changed then', async () => {
    const api = await openTestApi({ parts: { config: configWithFile() } });
    const { json } = await api.send('viewer', '/api/v1/policy');
    expect(json).toMatchObject({ source: 'file', document: STRICT, name: 'strict' });
    const refused = await post(api, 'publish', { document: LOOSE });
    expect(refused.json).toMatchObject({ status: 409, code: 'EASGATE_POLICY_FILE' });
  });
});

describe('a comparison', () => {
  it('says who would be kept out, by reason, group and model, and is kept for a while', async () => {
    const api = await open();
    await post(api, 'publish', { document: LOOSE });
    const { json } = await post(api, 'diff', { after: { document: STRICT } }, {}, 'viewer');
    const { id } = json as { id: string };
    await until(async () => {
      const { json: run } = await api.send('viewer', `/api/v1/policy/diff/${id}`);
      return (run as { state: string }).state === 'done';
    });
    const { json: run } = await api.send('viewer', `/api/v1/policy/diff/${id}`);
    expect(run).toMatchObject({
      compared: 3,
      total: 3,
      diff: {
        keptOut: { all: 2 },
        phones: expect.arrayContaining([expect.objectContaining({ device: 'good1' })]) as unknown[],
      },
    });
    expect((await api.send('viewer', '/api/v1/policy/diff/other')).status).toBe(404);
  });

  it('is refused with a text that cannot be used', async () => {
    const api = await open();
    const { status } = await post(api, 'diff', { after: { document: 'rules: 7' } }, {}, 'viewer');
    expect(status).toBe(422);
  });
});

describe('a simulation', () => {
  it('decides made-up facts step by step', async () => {
    const api = await open();
    const facts = { user: { names: ['alice'] }, partnership: { deviceType: 'iPhone' } };
    const { json } = await post(api, 'simulate', { policy: { document: STRICT }, facts }, {}, 'viewer');
    expect(json).toMatchObject({
      facts,
      verdict: { action: 'block', rule: 'no phones' },
      steps: expect.arrayContaining([
        expect.objectContaining({ step: 'rule', outcome: 'decides' }),
      ]) as unknown[],
    });
  });

  it('decides a recorded request; facts that are given count before it', async () => {
    const api = await open();
    const request =
      'POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=ABC123&DeviceType=Android HTTP/1.1\r\n' +
      'Host: mail.example.com\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 16.1\r\n\r\n';
    const policy = { document: STRICT };
    const recorded = await post(api, 'simulate', { policy, request }, {}, 'viewer');
    expect(recorded.json).toMatchObject({ facts: { partnership: { deviceType: 'Android' } } });
    expect(JSON.stringify(recorded.json)).not.toContain('secret');
    const facts = { partnership: { deviceType: 'iPhone' } };
    const given = await post(api, 'simulate', { policy, request, facts }, {}, 'viewer');
    expect(given.json).toMatchObject({ verdict: { action: 'block', rule: 'no phones' } });
  });

  it('says why a recording has no facts', async () => {
    const api = await open();
    const { json } = await post(api, 'simulate', { request: 'GET / HTTP/1.1' }, {}, 'viewer');
    expect(json).toMatchObject({ status: 400, code: 'EASGATE_POLICY_FACTS' });
  });
});

describe('the mode of a document', () => {
  it.each([
    ['name: a\nmode: enforce # for now\n', 'name: a\nmode: reportOnly # for now\n'],
    ['# of us\nname: a\n', 'mode: reportOnly\n# of us\nname: a\n'],
    ['', 'mode: reportOnly\n'],
  ])('is written into %j', (document, expected) => {
    expect(withMode(document, 'reportOnly')).toBe(expected);
  });

  it.each(['{ name: a }', '- a', '%YAML 1.2\n---\nname: a\n'])('is refused for %j', (document) => {
    expect(() => withMode(document, 'reportOnly')).toThrow(/cannot be written/);
  });
});
