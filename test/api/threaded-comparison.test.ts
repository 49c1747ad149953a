// Owns the promises of comparisons of policies in a thread: the answer of the calling thread, errors with their code, an early end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { threadedComparison } from '../../src/api/comparisons/threaded-comparison.ts';
import type { ComparePolicies } from '../../src/api/comparisons/threaded-comparison.ts';
import { comparePolicies } from '../../src/app/policy-comparison.ts';
import type { PolicyComparison } from '../../src/app/policy-comparison.ts';
import { configSchema } from '../../src/config/schema.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { DAY_MS, NOW, seen } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { deviceReport } from '../support/servers/directory-records.ts';

checkLeaks();

const { policy } = configSchema.parse({ store: { kind: 'embedded', path: ':memory:' } });
const REFUSES = 'compliance: [ { require: { compliant: true }, action: block } ]';
const asked = (after: string): PolicyComparison => ({
  before: { ref: { document: 'mode: reportOnly', lists: {} } },
  after: { ref: { document: after, lists: {} } },
  now: NOW,
});

let folder: string;
let store: EmbeddedStore;
let compare: ComparePolicies;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-comparison-'));
  const path = join(folder, 'easgate.db');
  store = new EmbeddedStore(path);
  // More rows than the thread sends at once.
  const devices = Array.from({ length: 600 }, (_, index) => `phone${index}` as DeviceKey);
  await store.putDevices(devices.map((key) => deviceReport(key, { compliant: false, observedAt: NOW })));
  await store.recordSeen(
    devices.map((key, index) => seen(`user${index}`, key, 0, { lastSeen: NOW - index * DAY_MS })),
  );
  compare = threadedComparison({ store: { kind: 'embedded', path }, settings: { policy } });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const { signal: never } = new AbortController();
const ignore = (): void => undefined;

describe('a comparison of policies in a thread', () => {
  it('finds what the calling thread finds, in the same order', async () => {
    const progress: number[] = [];
    const found = await compare(asked(REFUSES), (done) => progress.push(done), never);
    expect(found).toEqual(await comparePolicies(store, { policy }, asked(REFUSES)));
    expect(found.keptOut.all).toBe(600);
    expect(found.phones).toHaveLength(600);
    expect(progress.length).toBeGreaterThan(0);
  });

  it('of a policy with errors fails with the code of the error', async () => {
    await expect(compare(asked('rules: 5'), ignore, never)).rejects.toMatchObject({ code: 'EASGATE_POLICY' });
  });

  it('of a directory that cannot be opened fails with the code of the error', async () => {
    const broken = threadedComparison({
      store: { kind: 'embedded', path: join(folder, 'no-such-folder', 'no', '\0') },
      settings: { policy },
    });
    await expect(broken(asked(REFUSES), ignore, never)).rejects.toThrow();
  });

  it('ends with its signal, and its thread with it', async () => {
    const ending = new AbortController();
    const comparison = compare(asked(REFUSES), ignore, ending.signal);
    ending.abort(new Error('nobody waits for it'));
    await expect(comparison).rejects.toThrow('nobody waits for it');
  });
});
