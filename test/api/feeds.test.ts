// Owns the promises of the API on feeds: how they are, and runs that somebody starts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configuredFeeds, feedStates } from '../../src/app/feed-runs/configured-feeds.ts';
import { startFeeds } from '../../src/app/feed-runs/start-feeds.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Config } from '../../src/config/schema.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const LINE = '{"type":"device","id":"NEW7","managed":true,"compliant":true}\n';

/** A configuration with a feed that reads a file, and never by itself. */
function configWithFeed(more?: object): Config {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-api-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'devices.ndjson');
  writeFileSync(path, LINE);
  return configSchema.parse({
    admin: { listen: '127.0.0.1:0', file: ':memory:' },
    store: { kind: 'embedded', path: ':memory:', identityFile: join(folder, 'store.json') },
    feeds: [
      { name: 'mdm', kind: 'files', path, format: 'ndjson', schedule: '0 0 29 2 *' },
      ...(more === undefined ? [] : [more]),
    ],
  });
}

/** An API of the leader, which runs the feeds. */
async function openLeader(): Promise<TestApi> {
  const config = configWithFeed();
  const store = new EmbeddedStore(':memory:');
  const states = feedStates(config);
  // The first scheduled run was not missed.
  const { cursor: _cursor, ...state } = await states.read('mdm');
  await states.write('mdm', { ...state, cursor: null, lastSuccessAt: Date.now() });
  const lease = await store.leases.take('test', 'test', 60_000);
  const events = { onRun: () => undefined, onFailure: () => undefined };
  const feeds = startFeeds(store, states, configuredFeeds(config), events, lease?.fence ?? 0);
  const api = await openTestApi({ store, parts: { config, feeds: () => feeds } });
  onTestFinished(() => feeds.close());
  return api;
}

describe('feeds', () => {
  it('are listed with their health', async () => {
    const api = await openTestApi({ parts: { config: configWithFeed() } });
    const { json } = await api.send('viewer', '/api/v1/feeds');
    expect(json).toMatchObject({
      rows: [{ name: 'mdm', kind: 'files', state: 'never run', schedule: '0 0 29 2 *', byHand: null }],
      runsHere: false,
      leader: null,
    });
  });

  it('are run by the leader alone', async () => {
    const api = await openTestApi({ parts: { config: configWithFeed() } });
    const { status, json, headers } = await api.send('operator', '/api/v1/feeds/mdm/run', {
      method: 'POST',
      body: {},
    });
    expect(status).toBe(503);
    expect(json).toMatchObject({ code: 'EASGATE_API_NOT_LEADER' });
    expect(headers.get('retry-after')).toBe('5');
  });

  it('are run by hand, with an entry in the audit', async () => {
    const api = await openLeader();
    const { json } = await api.send('operator', '/api/v1/feeds/mdm/run', { method: 'POST', body: {} });
    expect(json).toMatchObject({
      feed: 'mdm',
      run: { by: 'the operator', dryRun: false, outcome: { devices: { accepted: 1 } }, error: null },
    });
    expect(api.audited).toMatchObject([{ operation: 'feed_run', subject: 'mdm', via: 'api' }]);
    const { json: list } = await api.send('viewer', '/api/v1/feeds');
    expect(list).toMatchObject({ runsHere: true, rows: [{ byHand: { by: 'the operator' } }] });
  });

  it('write nothing in a dry run', async () => {
    const api = await openLeader();
    const body = { dryRun: true };
    const { json } = await api.send('operator', '/api/v1/feeds/mdm/run', { method: 'POST', body });
    expect(json).toMatchObject({ run: { dryRun: true, outcome: { dryRun: true } } });
    expect((await api.send('viewer', '/api/v1/devices/NEW7')).status).toBe(404);
  });

  it('count beyond a brake only in a dry run', async () => {
    const api = await openLeader();
    const run = (body: object) => api.send('operator', '/api/v1/feeds/mdm/run', { method: 'POST', body });
    const { json } = await run({ dryRun: true, confirmed: true });
    expect(json).toMatchObject({ run: { dryRun: true, outcome: { devices: { accepted: 1 } } } });
    expect(api.audited).toEqual([]);
    const { status } = await run({ confirmed: true });
    expect(status).toBe(400);
  });

  it('are confirmed by hand', async () => {
    const api = await openLeader();
    await api.send('operator', '/api/v1/feeds/mdm/confirm', { method: 'POST' });
    expect(api.audited).toMatchObject([{ operation: 'feed_confirm', subject: 'mdm' }]);
  });

  it('that are sent their records are confirmed for the next delivery', async () => {
    const config = configWithFeed({ name: 'intune', kind: 'webhook', tokens: ['0123456789abcdef'] });
    const states = feedStates(config);
    const state = await states.read('intune');
    await states.write('intune', { ...state, held: { at: 1_000, reasons: ['removes 90 of 100'] } });
    const api = await openTestApi({ parts: { config } });
    const { status, json } = await api.send('operator', '/api/v1/feeds/intune/confirm', { method: 'POST' });
    expect(status).toBe(200);
    expect(json).toEqual({ feed: 'intune', run: null });
    expect((await states.read('intune')).confirmedAt).toBeGreaterThan(1_000);
    expect(api.audited).toMatchObject([{ operation: 'feed_confirm', subject: 'intune' }]);
  });

  it('run once at a time', async () => {
    const api = await openLeader();
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        api.send('operator', '/api/v1/feeds/mdm/run', { method: 'POST', body: {} }),
      ),
    );
    const refused = answers.filter(({ status }) => status === 409);
    for (const { json } of refused) expect(json).toMatchObject({ code: 'EASGATE_FEED_BUSY' });
    expect(api.audited).toHaveLength(answers.length - refused.length);
  });

  it('that nobody knows are not found', async () => {
    const api = await openLeader();
    const { status } = await api.send('operator', '/api/v1/feeds/other/run', { method: 'POST', body: {} });
    expect(status).toBe(404);
  });
});
