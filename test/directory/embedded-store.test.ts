// Owns the tests of the embedded store: the contract of all stores, and what is specific to a file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { alice, decision, phone, storeContract } from './store-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'easgate-store-'));
let count = 0;
let path = '';
const fixture = {
  open: async () => new EmbeddedStore(path),
  reset: async () => {
    path = join(folder, `d${count++}`, 'directory.db');
  },
};
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the embedded store', () => {
  storeContract(fixture);

  it('survives a restart', async () => {
    await fixture.reset();
    const first = await fixture.open();
    await first.decide(null, phone, decision('block'));
    await first.close();
    const second = await fixture.open();
    expect((await second.lookup(alice, phone)).deviceDecision?.action).toBe('block');
    await second.close();
  });

  it('reports when changes were trimmed from the change log', async () => {
    await fixture.reset();
    const store = await fixture.open();
    await store.decide(null, phone, decision('block'));
    const position = await store.position();
    await store.decide(null, phone, decision('allow'));
    await store.decide(null, phone, decision('block'));
    const raw = new DatabaseSync(path);
    raw.exec('DELETE FROM changes WHERE id <= 2');
    raw.close();
    expect((await store.changesAfter(position)).trimmed).toBe(true);
    await store.close();
  });

  it('refuses a file with a schema it does not know', async () => {
    await fixture.reset();
    const store = await fixture.open();
    await store.close();
    const raw = new DatabaseSync(path);
    raw.exec('PRAGMA user_version = 99');
    raw.close();
    expect(() => new EmbeddedStore(path)).toThrow(/schema version 99/);
  });
});
