// Owns the promises of feeds that are sent their records, beside HTTP: runs that they start, staleness, what counts within an hour.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FeedStates } from '../../../src/app/feed-runs/feed-state.ts';
import { configuredFeeds } from '../../../src/app/feed-runs/configured-feeds.ts';
import { healthOf } from '../../../src/app/feed-runs/schedule.ts';
import { startFeeds } from '../../../src/app/feed-runs/start-feeds.ts';
import { missedTriggers } from '../../../src/app/received/missed-triggers.ts';
import { receivedFeeds } from '../../../src/app/received/received-feeds.ts';
import { TouchedWindow } from '../../../src/app/touched-window.ts';
import { heldBy } from '../../../src/app/brakes.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

const TOKEN = 'token-0123456789-0123456789-0123456789';

function setUp(): { config: Config; states: FeedStates } {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-received-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = parseConfig(
    `store: { kind: embedded, path: directory.db }
feeds:
  - { name: mail, kind: files, path: nowhere, schedule: "0 0 1 1 *" }
  - { name: hook, kind: webhook, tokens: [${TOKEN}], trigger: mail, expectedHours: 2 }
`,
    join(folder, 'easgate.yaml'),
  );
  return { config, states: new FeedStates(join(folder, 'feeds')) };
}

it('a feed that is started runs at once, and any number of starts during a run is one more run', async () => {
  const { config, states } = setUp();
  await states.write('mail', { ...(await states.read('mail')), lastSuccessAt: Date.now() });
  const store = new EmbeddedStore(':memory:');
  onTestFinished(() => store.close());
  let runs = 0;
  const goOn: (() => void)[] = [];
  const [feed] = configuredFeeds(config).map((one) => ({
    ...one,
    adapter: {
      kind: 'scripted',
      complete: [],
      async *run() {
        runs++;
        await new Promise<void>((resolve) => goOn.push(resolve));
        yield { lines: [] };
      },
    },
  }));
  if (feed === undefined) throw new Error('no feed');
  const ended: string[] = [];
  const events = { onRun: () => void ended.push('run'), onFailure: () => void ended.push('failure') };
  const feeds = startFeeds(store, states, [feed], events, 0);
  feeds.runNow('mail');
  feeds.runNow('another');
  await until(() => goOn.length === 1, 'the run');
  for (let count = 0; count < 5; count++) feeds.runNow('mail');
  goOn[0]?.();
  await until(() => ended.length === 1, 'its end');
  // The next one waits for its pause.
  expect(runs).toBe(1);
  await feeds.close();
  expect(ended).toEqual(['run']);
});

it('a start that was asked for while no process led happens once one leads, a single time', async () => {
  const { config, states } = setUp();
  expect(await missedTriggers(config, states)).toEqual([]);
  await states.write('hook', { ...(await states.read('hook')), lastSuccessAt: 2_000 });
  await states.write('mail', { ...(await states.read('mail')), lastTriedAt: 1_000 });
  expect(await missedTriggers(config, states)).toEqual(['mail']);
  await states.write('mail', { ...(await states.read('mail')), lastTriedAt: 3_000 });
  expect(await missedTriggers(config, states)).toEqual([]);
});

it('a feed without a delivery for longer than expected is stale; without an expectation never', async () => {
  const { config, states } = setUp();
  const [hook] = receivedFeeds(config);
  if (hook === undefined) throw new Error('no feed');
  const state = { ...(await states.read('hook')), lastSuccessAt: 1_000_000 };
  const hours = (count: number): number => 1_000_000 + count * 3_600_000;
  expect(healthOf(hook, state, hours(1.9))).toMatchObject({ state: 'ok', kind: 'webhook', nextAt: null });
  expect(healthOf(hook, state, hours(2.1))).toMatchObject({ state: 'stale' });
  expect(healthOf({ ...hook, expectedMs: null }, state, hours(1_000))).toMatchObject({ state: 'ok' });
});

it('what is touched within an hour counts together, and what is older does not', () => {
  let now = 0;
  const window = new TouchedWindow(() => now);
  const touched = [{ what: 'devices', before: 100, removed: 0, changed: 15 }];
  const held = (): number => heldBy(window.with(touched), { maxRemoved: 0.1, maxChanged: 0.1 }).length;
  expect(held()).toBe(0);
  window.add(touched);
  expect(held()).toBe(1);
  // A run that touches nothing is not held for it.
  expect(window.with([{ what: 'devices', before: 100, removed: 0, changed: 0 }])).toMatchObject([
    { changed: 0 },
  ]);
  now += 3_700_000;
  expect(held()).toBe(0);
  window.add(touched);
  window.clear();
  expect(held()).toBe(0);
});
