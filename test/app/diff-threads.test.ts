// Owns the promises of comparisons of policies on several cores: they find what one thread finds, and end as one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DIFF_THREAD, diffInThreads } from '../../src/app/diff-threads.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';
import type { SentWalk } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { forEverybody, withRollout } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { deviceReport, userReport } from '../support/servers/directory-records.ts';
import { DAY_MS, NOW, seen } from './office.ts';

checkLeaks();

function compiled(document: PolicyDocument) {
  const readList = (): readonly string[] => ['vip'];
  const { policy, problems } = compilePolicy(document, { readList });
  if (policy === null) throw new Error(JSON.stringify(problems));
  return forEverybody(policy);
}

const before = compiled({ mode: 'reportOnly' });
const strict = compiled({
  lists: { exempt: { file: 'exempt.txt' } },
  rules: [{ match: { groups: '@exempt' }, action: 'allow' }],
});
const after = withRollout(before, strict.live, { groups: ['Staff', 'Nobody'], share: 20 });
const task = { before, after, now: NOW };

let folder: string;
let path: string;
let store: EmbeddedStore;
let options: StoreOptions;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-threads-'));
  path = join(folder, 'easgate.db');
  store = new EmbeddedStore(path);
  options = { kind: 'embedded', path };
  const numbers = Array.from({ length: 90 }, (_, index) => index);
  await store.putUsers(
    numbers.map((index) =>
      userReport(`user${index}` as UserKey, { groups: [['staff'], ['staff', 'vip'], []][index % 3] ?? [] }),
    ),
  );
  await store.putDevices(
    numbers.map((index) => deviceReport(`phone${index}` as DeviceKey, { compliant: index % 2 === 0 })),
  );
  await store.recordSeen(
    numbers.map((index) =>
      seen(`user${index}`, `phone${index}` as DeviceKey, 0, { lastSeen: NOW - (index % 7) * DAY_MS }),
    ),
  );
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ignore = (): void => undefined;
const threads = { threads: 3, devices: 1, program: DIFF_THREAD };

describe('a comparison of policies in several threads', () => {
  it('finds what one thread finds, also by lists in files and a roll-out, and adds up the progress', async () => {
    const progress: number[] = [];
    const found = await diffInThreads(store, options, task, (done) => progress.push(done), threads);
    expect(found).toEqual(await diffInThreads(store, null, { before, after, now: NOW }));
    expect(found.keptOut.all).toBeGreaterThan(0);
    expect(found.reach?.emptyGroups).toEqual(['Nobody']);
    expect(progress.at(-1)).toBe(90);
  });

  it('compares in the calling thread what is too little for two', async () => {
    const program = new URL('ending-thread.ts', import.meta.url);
    const found = await diffInThreads(store, options, task, ignore, { ...threads, devices: 46, program });
    expect(found.compared).toBe(90);
  });

  it('fails when one of them ends', async () => {
    const program = new URL('ending-thread.ts', import.meta.url);
    const found = diffInThreads(store, options, task, ignore, { ...threads, program });
    await expect(found).rejects.toThrow('a thread that compares policies ended');
  });

  it('stops reading for the other threads when one of them ended', async () => {
    const returned = Promise.withResolvers<void>();
    let isOver = false;
    onTestFinished(() => {
      isOver = true;
    });
    const spread: SentWalk = {
      kind: 'sent',
      holds: async () => true,
      async *scan() {
        try {
          while (!isOver) {
            await nextTurn();
            yield { kind: 'users', packed: { replies: [] }, ownsMemory: false };
          }
        } finally {
          if (!isOver) returned.resolve();
        }
      },
      users: () => [],
      devices: () => [],
    };
    const sending = Object.assign(Object.create(store) as EmbeddedStore, { spread });
    const program = new URL('ending-thread.ts', import.meta.url);
    const found = diffInThreads(sending, options, task, ignore, { ...threads, program });
    await expect(found).rejects.toThrow('a thread that compares policies ended');
    await returned.promise;
  });

  it('fails with the code of an error in one of them', async () => {
    const elsewhere = { ...options, known: { memory: null, id: 'another', maxRollbackMs: 0 } };
    const found = diffInThreads(store, elsewhere, task, ignore, threads);
    await expect(found).rejects.toMatchObject({ code: expect.stringMatching(/^EASGATE_STORE_/) });
  });
});
