// Owns the promise that sample data never comes into a directory that a real mail server uses.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SampleWorld } from '../../src/cli/sample-world.ts';
import { parseConfig } from '../../src/config/load.ts';
import { storeOptions } from '../../src/config/store-settings.ts';
import { openStore } from '../../src/directory/open-store.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

it.each([
  ['the sample alone', '{ url: sample }', true],
  ['a real mail server beside it', '{ url: sample }, { url: "https://mail.example" }', false],
])('sample users are written into the directory of %s: %s', async (_name, servers, isWritten) => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-sample-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = parseConfig(
    `store: { kind: embedded, path: directory.db }
upstream: { servers: [${servers}] }
sample: { users: [{ name: alice, password: alice-pw, groups: [staff] }] }
`,
    join(folder, 'easgate.yaml'),
  );
  const world = await SampleWorld.start(config);
  await world.close();
  const store = await openStore(storeOptions(config));
  const found = await store.getUser('alice' as UserKey);
  await store.close();
  expect((found?.reports.length ?? 0) > 0).toBe(isWritten);
});
