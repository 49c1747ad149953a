// Owns the promise that a change reaches the readers of an embedded directory where the file system reports no writes.
import { mkdtempSync, rmSync } from 'node:fs';
import type * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { stopTimers } from '../support/checks/test-clock.ts';
import { decision, phone } from './store-contract.ts';

vi.mock('node:fs', async (importOriginal) => ({
  ...(await importOriginal<typeof fs>()),
  watch: () => {
    throw Object.assign(new Error('no watches left'), { code: 'ENOSPC' });
  },
}));

const folder = mkdtempSync(join(tmpdir(), 'easgate-unwatched-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a change of another process is seen within a second without news from the file system', async () => {
  const path = join(folder, 'directory.db');
  const [store, other] = [new EmbeddedStore(path), new EmbeddedStore(path)];
  const pass = stopTimers();
  const told: unknown[] = [];
  const waiting = other.changesAfter(await other.position()).then(({ changes }) => told.push(...changes));
  await store.decide(null, phone, decision('block'));
  await pass(100);
  expect(told).toEqual([]);
  await pass(800);
  expect(told).toEqual([{ device: phone, user: null }]);
  await waiting;
  await store.close();
  await other.close();
});
