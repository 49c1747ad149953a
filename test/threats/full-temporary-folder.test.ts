// Threat: the folder of temporary files is full, missing or read-only, and a run or a delivery ends half done, or with words that nobody understands
// (CWE-400). Rule: it fails before anything is written, with a code of its own; what is small goes on; all goes on once the folder is there.
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it, onTestFinished, vi } from 'vitest';
import { runFeed } from '../../src/app/feed-runs/run-feed.ts';
import type { Feed } from '../../src/app/feed-runs/run-feed.ts';
import { FeedStates } from '../../src/app/feed-runs/feed-state.ts';
import { applyImport } from '../../src/app/import-file.ts';
import { DEFAULT_BRAKES } from '../../src/app/brakes.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { FeedPart } from '../../src/feeds/contract.ts';
import type { FeedLine } from '../../src/feeds/record.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { BY_TEST, UNAUDITED } from '../support/servers/directory-records.ts';
import { FEEDS, ndjson, pushed, receiverOf, signed } from '../support/servers/receiver.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

/** Leaves no folder for temporary files; what is returned makes it. */
function noFolder(): { readonly path: string; readonly make: () => void } {
  const path = join(tmpdir(), `easgate-missing-${randomUUID()}`);
  vi.stubEnv('TMPDIR', path);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(path, { recursive: true, force: true });
  });
  return { path, make: () => mkdirSync(path) };
}

/** More records than wait in memory. */
const MANY = 3_000;
const FAILURE = { code: 'EASGATE_TEMPORARY_FILES' };
const user = (index: number): FeedLine => ({
  type: 'user',
  line: index + 1,
  source: 'people',
  id: `somebody${index}@example.com`,
  aliases: [`somebody${index}`],
  groups: ['a group of all the people that there are'],
  enabled: true,
  sourceId: `0d0e0f00-1111-4aaa-8bbb-${String(index).padStart(12, '0')}`,
  attributes: {},
  observedAt: null,
  problems: [],
});

it('a run of a feed writes nothing, and its state says why', async () => {
  const states = new FeedStates(join(emptyFolder(), 'feeds'));
  const store = new EmbeddedStore(':memory:');
  onTestFinished(() => store.close());
  const folder = noFolder();
  async function* parts(): AsyncGenerator<FeedPart> {
    yield { lines: Array.from({ length: MANY }, (_, index) => user(index)) };
  }
  const feed: Feed = {
    name: 'people',
    schedule: '* * * * *',
    fullEveryMs: 1,
    staleAfter: 3,
    brakes: DEFAULT_BRAKES,
    allowDecisions: false,
    adapter: { kind: 'ldap', complete: ['user'], run: parts },
  };
  const run = () => runFeed(store, states, feed, { signal: new AbortController().signal });
  await expect(run()).rejects.toMatchObject(FAILURE);
  expect((await Array.fromAsync(store.scanUsers(false))).flat()).toEqual([]);
  const { error, failures } = await states.read('people');
  expect([failures, error?.code]).toEqual([1, 'EASGATE_TEMPORARY_FILES']);
  expect(error?.message).toContain(`there is no ${folder.path}: create it, or set TMPDIR`);
  folder.make();
  expect((await run()).users.accepted).toBe(MANY);
});

it('an import of a stream writes nothing, and names the folder', async () => {
  const store = new EmbeddedStore(':memory:');
  onTestFinished(() => store.close());
  const folder = noFolder();
  const run = () =>
    applyImport(
      store,
      {
        input: Readable.from([Buffer.from('DeviceId,DeviceAccessState,DeviceUserAgent\nApplA,Allowed,x\n')]),
        format: null,
        source: null,
        zone: 'UTC',
        order: null,
      },
      () => undefined,
      { now: 1, dryRun: false, replace: false, confirmed: false, allowDecisions: false },
      { ...BY_TEST, audit: UNAUDITED },
    );
  await expect(run()).rejects.toMatchObject(FAILURE);
  await expect(run()).rejects.toThrow(folder.path);
  folder.make();
  expect((await run()).devices.accepted).toBe(1);
});

it('the admin API answers an import with 503 and the code, without the path', async () => {
  const api = await openTestApi({});
  const folder = noFolder();
  const response = await fetch(`${api.url}/api/v1/import`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api.token('operator')}`,
      'content-type': 'application/octet-stream',
      connection: 'close',
    },
    body: 'DeviceId,DeviceAccessState,DeviceUserAgent\nApplA,Allowed,x\n',
  });
  const text = await response.text();
  expect([response.status, text]).toEqual([503, expect.stringContaining('EASGATE_TEMPORARY_FILES')]);
  expect(text).not.toContain(folder.path);
});

it('a push is answered with 503 and when to come again, and the log gets the folder', async () => {
  const receiver = await receiverOf(FEEDS);
  const folder = noFolder();
  const push = () =>
    receiver.send('/receive/mdm/bulk?devices=1', {
      headers: pushed(),
      body: ndjson({ id: 'PHONE1', managed: true, compliant: true }),
    });
  const { status, headers, body, text } = await push();
  expect([status, headers['retry-after'], body['code']]).toEqual([503, '60', 'EASGATE_DELIVERY_DISK']);
  expect(text).not.toContain(folder.path);
  expect(receiver.failures).toMatchObject([FAILURE]);
  expect(String(receiver.failures[0])).toContain(folder.path);
  expect(await receiver.device('PHONE1')).toBeNull();
  folder.make();
  expect((await push()).status).toBe(200);
  expect(await receiver.device('PHONE1')).not.toBeNull();
});

it('a webhook needs no temporary file', async () => {
  const receiver = await receiverOf(FEEDS);
  noFolder();
  const body = JSON.stringify({ id: 'PHONE1', managed: true, compliant: false });
  expect((await receiver.send('/receive/timed', { headers: signed(body), body })).status).toBe(202);
  expect(await receiver.device('PHONE1')).toMatchObject({ compliant: false });
});

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-scratch-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
