// Owns the promises of the API on a roll-out: begun by publishing or promoting, widened, finished, abandoned; with If-Match, keys and audit;
// and who would change.
import { describe, expect, it } from 'vitest';
import type { DiffRun } from '../../src/api/comparisons/policy-diffs.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { openOfficeToday, seen } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { eventually } from '../support/checks/until.ts';
import { userReport } from '../support/servers/directory-records.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { ApiAnswer, TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const LOOSE =
  'name: loose\nunknownDevice: { action: allow }\ncompliance: []\nnoCompliancePolicy: { action: allow }\n';
const STRICT = 'name: strict\nrules: [{ name: nobody, action: block }]\n';
const PILOT = { groups: ['Pilot'], share: 0 };

function post(api: TestApi, path: string, body: object, headers = {}, as = 'admin'): Promise<ApiAnswer> {
  return api.send(as, `/api/v1/policy/${path}`, { method: 'POST', body, headers });
}

const shown = (api: TestApi): Promise<ApiAnswer> => api.send('viewer', '/api/v1/policy');
const tagOf = async (api: TestApi): Promise<string> => (await shown(api)).headers.get('etag') ?? '';

/** A live policy, and another one for the group Pilot, in which alice is and carol is not. */
async function openRollout(): Promise<TestApi> {
  const store = await openOfficeToday();
  await store.putUsers([
    userReport('alice@contoso.com' as UserKey, { groups: ['Pilot'], observedAt: Date.now() }),
    userReport('carol' as UserKey, { groups: ['Staff'], observedAt: Date.now() }),
  ]);
  await store.recordSeen([seen('carol', 'good1', 1)]);
  const api = await openTestApi({ store });
  await post(api, 'publish', { document: LOOSE });
  await post(api, 'publish', { document: STRICT, rollout: PILOT, comment: 'carefully' });
  return api;
}

async function diff(api: TestApi, question: object): Promise<DiffRun['diff']> {
  const { json } = await post(api, 'diff', question, {}, 'viewer');
  const { id } = json as DiffRun;
  // An answer comes before its end, where the end takes long.
  const ended = await eventually(
    async () => (await api.send('viewer', `/api/v1/policy/diff/${id}`)).json as DiffRun,
    ({ state }) => state !== 'running',
    'the end of the comparison',
  );
  expect(ended.state).toBe('done');
  return ended.diff;
}

describe('a roll-out', () => {
  it('is shown with its groups, its share and since when, beside the live policy', async () => {
    const api = await openRollout();
    expect((await shown(api)).json).toMatchObject({
      document: LOOSE,
      live: { version: 1, place: 'live' },
      rollout: {
        version: 2,
        place: 'rollout',
        extent: PILOT,
        by: 'the admin',
        comment: 'carefully',
        publishedAt: null,
        since: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      },
    });
    const { json } = await api.send('viewer', '/api/v1/policy/versions');
    expect(json).toMatchObject({ rows: [{ place: 'rollout', rolledOutTo: PILOT }, { place: 'live' }] });
  });

  it('is begun, widened and finished, each with who, when and why in the audit', async () => {
    const api = await openRollout();
    const wider = await post(api, 'rollout/widen', { groups: ['Board'], share: 25, comment: 'next' });
    expect(wider.json).toMatchObject({
      version: { version: 2, rolledOutTo: { groups: ['Pilot', 'Board'], share: 25 } },
    });
    await post(api, 'rollout/finish', { comment: 'all is well' });
    expect((await shown(api)).json).toMatchObject({ live: { version: 2 }, rollout: null, earlier: [1] });
    expect(api.audited.slice(1)).toMatchObject([
      {
        operation: 'policy_rollout',
        by: 'the admin',
        via: 'api',
        subject: 'version 2',
        comment: 'carefully',
        before: { live: 1 },
        after: { live: 1, rollout: { version: 2, groups: ['Pilot'] } },
      },
      {
        operation: 'policy_rollout',
        comment: 'next',
        after: { rollout: { groups: ['Pilot', 'Board'], share: 25 } },
      },
      { operation: 'policy_rollout_finish', comment: 'all is well', before: { live: 1 }, after: { live: 2 } },
    ]);
  });

  it('begins with the policy in the shadow, and is abandoned', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    await post(api, 'shadow', { document: STRICT }, {}, 'operator');
    const { json } = await post(api, 'shadow/promote', { rollout: { share: 10 } });
    expect(json).toMatchObject({ version: { version: 1, place: 'rollout' } });
    expect((await shown(api)).json).toMatchObject({
      source: 'configuration',
      shadow: null,
      rollout: { extent: { groups: [], share: 10 } },
    });
    await post(api, 'rollout/abandon', { comment: 'blocks tablets' });
    expect((await shown(api)).json).toMatchObject({ live: null, rollout: null });
    expect(api.audited.at(-1)).toMatchObject({
      operation: 'policy_rollout_abandon',
      comment: 'blocks tablets',
    });
  });

  it('is changed only as it was looked at (RFC 9110 13.1.1), and once for one key', async () => {
    const api = await openRollout();
    const tag = await tagOf(api);
    const token = api.token('admin');
    const headers = { 'if-match': tag, 'idempotency-key': 'one' };
    const body = { groups: ['Board'] };
    const send = (more: object): Promise<ApiAnswer> =>
      api.send(token, '/api/v1/policy/rollout/widen', {
        method: 'POST',
        body,
        headers: { ...headers, ...more },
      });
    const first = await send({});
    expect(first.status).toBe(200);
    expect(first.headers.get('etag')).not.toBe(tag);
    expect((await send({})).json).toEqual(first.json);
    expect((await send({ 'idempotency-key': 'two' })).json).toMatchObject({ status: 412 });
    for (const path of ['rollout/finish', 'rollout/abandon'])
      expect((await post(api, path, {}, { 'if-match': tag })).status).toBe(412);
    expect((await shown(api)).json).toMatchObject({ rollout: { extent: { groups: ['Pilot', 'Board'] } } });
  });

  it.each(['helpdesk', 'operator'])('is not changed by the role %s', async (role) => {
    const api = await openRollout();
    for (const path of ['rollout/widen', 'rollout/finish', 'rollout/abandon'])
      expect((await post(api, path, path.endsWith('widen') ? { share: 50 } : {}, {}, role)).status).toBe(403);
  });

  it('keeps the live policy as it is until its end', async () => {
    const api = await openRollout();
    for (const [path, body] of [
      ['publish', { document: LOOSE }],
      ['publish', { document: LOOSE, rollout: PILOT }],
      ['rollback', { version: 1 }],
    ] as const)
      expect((await post(api, path, body)).json).toMatchObject({ status: 409, code: 'EASGATE_ROLLOUT' });
  });

  it.each([
    [{ rollout: { groups: [], share: 0 } }, 422],
    [{ rollout: { groups: [''] } }, 400],
    [{ rollout: { share: 101 } }, 400],
    [{ rollout: { share: 2.5 } }, 400],
    [{ rollout: { groups: 'Pilot' } }, 400],
    [{ rollout: { users: ['alice'] } }, 400],
  ])('is refused with %j', async (body, status) => {
    const api = await openTestApi({ store: await openOfficeToday() });
    expect((await post(api, 'publish', { document: STRICT, ...body })).status).toBe(status);
    expect(api.audited).toEqual([]);
  });

  it('where there is none is neither widened nor ended, and never reaches fewer users', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    for (const path of ['rollout/widen', 'rollout/finish', 'rollout/abandon'])
      expect((await post(api, path, {})).json).toMatchObject({ status: 409, code: 'EASGATE_NO_ROLLOUT' });
    const rolledOut = await openRollout();
    expect((await post(rolledOut, 'rollout/widen', { groups: ['pilot'] })).json).toMatchObject({
      status: 422,
      code: 'EASGATE_ROLLOUT_EXTENT',
    });
  });
});

describe('a comparison', () => {
  it('of a text for some users says who would change, and whom it reaches', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    await post(api, 'publish', { document: LOOSE });
    const everybody = await diff(api, { after: { document: STRICT } });
    const some = await diff(api, { after: { document: STRICT }, rollout: { groups: ['no such group'] } });
    expect(everybody?.reach).toBeNull();
    expect(some?.reach).toMatchObject({ inside: 0, emptyGroups: ['no such group'] });
    expect(some?.keptOut.all).toBeLessThanOrEqual(everybody?.keptOut.all ?? 0);
  });

  it('of a wider roll-out, of its end for everybody and for nobody, begins with what is in use', async () => {
    const api = await openRollout();
    const same = await diff(api, { after: { place: 'rollout' }, rollout: PILOT });
    expect(same).toMatchObject({ keptOut: { all: 0 }, letIn: { all: 0 } });
    const finished = await diff(api, { after: { place: 'rollout' } });
    const all = await diff(api, { after: { place: 'rollout' }, rollout: { groups: ['Pilot'], share: 100 } });
    expect(finished?.keptOut.all).toBeGreaterThan(0);
    expect(all?.keptOut).toEqual(finished?.keptOut);
    const abandoned = await diff(api, { after: { place: 'live' } });
    expect(abandoned?.letIn.all).toBeGreaterThan(0);
  });

  it('as a report is about the users of a roll-out alone', async () => {
    const api = await openRollout();
    await post(api, 'rollout/abandon', {});
    const report = async (query: string): Promise<number> => {
      const { json } = await api.send('viewer', `/api/v1/reports/would-block?${query}`);
      return (json as { counts: { total: { all: number } } }).counts.total.all;
    };
    const all = await report('version=2');
    expect(await report('version=2&share=100')).toBe(all);
    expect(await report('version=2&groups=Pilot')).toBeLessThanOrEqual(all);
    expect(await report('')).toBe(0);
  });
});

describe('an explanation', () => {
  it('says which version decided, and why; so does a simulation', async () => {
    const api = await openRollout();
    const explained = await api.send('viewer', '/api/v1/devices/GOOD1/explanation?user=alice@contoso.com');
    expect(explained.json).toMatchObject({
      decidedBy: { version: 2, name: 'strict', why: 'group', text: 'version 2, rolled out to group Pilot' },
      verdict: { action: 'block' },
    });
    const simulated = async (groups: string[] | null) =>
      (await post(api, 'simulate', { facts: { user: { names: ['zoe'], groups } } }, {}, 'viewer')).json;
    expect(await simulated(['pilot'])).toMatchObject({
      decidedBy: { version: 2, why: 'group' },
      verdict: { action: 'block' },
    });
    expect(await simulated([])).toMatchObject({
      decidedBy: { version: 1, why: 'outside' },
      verdict: { action: 'allow' },
    });
    expect(await simulated(null)).toMatchObject({
      decidedBy: { version: 2, why: 'groupsUnknown' },
      verdict: { action: 'block' },
    });
  });
});
