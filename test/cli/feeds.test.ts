// Owns the promises of `easgate feeds` on the command line.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { SERVER_CERTIFICATE } from '../fixtures/tls.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { startJsonApi } from '../support/servers/json-api.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

checkLeaks();

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-feeds-cli-'));
  mkdirSync(join(folder, 'in'));
  writeFileSync(
    join(folder, 'easgate.yaml'),
    `store: { kind: embedded, path: directory.db }
feeds:
  - { name: mdm, kind: files, path: in, format: csv }
  - { name: second, kind: files, path: missing }
`,
  );
});
afterEach(() => {
  process.exitCode = 0;
  rmSync(folder, { recursive: true });
});

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), ...words);

function table(count: number, compliant: boolean, name = 'a.csv'): void {
  const rows = Array.from({ length: count }, (_, index) => `${name[0]}PHONE${index},true,${compliant}`);
  writeFileSync(join(folder, 'in', name), `id,managed,compliant\n${rows.join('\n')}\n`);
}

async function devices(...filter: string[]): Promise<number> {
  return (JSON.parse((await run('devices', 'list', '--json', ...filter)).out) as unknown[]).length;
}

it('feeds run reads the files of a folder as one whole set', async () => {
  table(5, true, 'a.csv');
  table(3, false, 'b.csv');
  expect((await run('feeds', 'run', 'mdm')).code).toBe(0);
  expect([await devices('--compliant', 'yes'), await devices('--compliant', 'no')]).toEqual([5, 3]);
  table(4, true, 'a.csv');
  await run('feeds', 'run', 'mdm');
  expect(await devices('--managed', 'no')).toBe(1);
});

it('feeds status separates thousands, as the other commands do', async () => {
  table(1_204, true);
  await run('feeds', 'run', 'mdm');
  const { out } = await run('feeds', 'status');
  expect(out).toContain('devices: 1,204 accepted, 0 unchanged, 0 older, 0 removed');
});

it('feeds run says that there was no record to read', async () => {
  writeFileSync(join(folder, 'in', 'a.csv'), 'id,managed,compliant\n');
  const empty = await run('feeds', 'run', 'mdm');
  expect([empty.code, empty.out, empty.error]).toEqual([
    0,
    '',
    expect.stringContaining('no record was read'),
  ]);
});

it('feeds run --dry-run writes nothing', async () => {
  table(5, true);
  const { out } = await run('feeds', 'run', 'mdm', '--dry-run', '--json');
  expect(JSON.parse(out)).toMatchObject({ dryRun: true, devices: { accepted: 5 } });
  expect(await devices()).toBe(0);
});

it('feeds run is refused while another process runs the feed, with who runs it; nothing is read or written', async () => {
  table(5, true);
  await run('store', 'init');
  const store = new EmbeddedStore(join(folder, 'directory.db'));
  try {
    await store.locks.take('feed:mdm', 'token', 'its schedule on gate2', 60_000);
    for (const words of [
      ['run', 'mdm'],
      ['run', 'mdm', '--dry-run'],
      ['confirm', 'mdm'],
    ]) {
      const refused = await run('feeds', ...words);
      expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('EASGATE_FEED_BUSY')]);
      expect(refused.error).toContain('its schedule on gate2');
    }
    expect(await devices()).toBe(0);
    await store.locks.release('feed:mdm', 'token');
    expect((await run('feeds', 'run', 'mdm')).code).toBe(0);
  } finally {
    await store.close();
  }
});

it('a held run waits for feeds confirm, and feeds status says so', async () => {
  table(50, true);
  await run('feeds', 'run', 'mdm');
  table(50, false);
  const held = await run('feeds', 'run', 'mdm');
  expect([held.code, held.error]).toEqual([1, expect.stringContaining('EASGATE_HELD')]);
  const status = await run('feeds', 'status');
  expect(status.out).toContain('held: 50 of 50 devices would change');
  expect(status.code).toBe(1);
  expect((await run('feeds', 'confirm', 'mdm')).code).toBe(0);
  expect(await devices('--compliant', 'no')).toBe(50);
});

it('feeds list has the feeds in the order of precedence', async () => {
  await run('feeds', 'run', 'second');
  const { out } = await run('feeds', 'list', '--json');
  expect(JSON.parse(out)).toMatchObject([
    { name: 'mdm', kind: 'files', state: 'never run' },
    {
      name: 'second',
      state: 'failing',
      remembered: {
        error: { code: 'EASGATE_FEED_SOURCE', message: `there is no ${join(folder, 'missing')}` },
      },
    },
  ]);
});

it('the first feed that reports a value counts', async () => {
  table(1, false);
  writeFileSync(join(folder, 'missing'), 'id,managed,compliant,model\naPHONE0,true,true,Pixel\n');
  await run('feeds', 'run', 'second');
  await run('feeds', 'run', 'mdm');
  const { out } = await run('devices', 'show', 'aPHONE0', '--json');
  expect(JSON.parse(out)).toMatchObject({ record: { compliant: false, model: 'Pixel' } });
  expect((await run('explain', 'alice', 'aPHONE0')).out).toMatch(
    /compliant +false +mdm, not second \(true\)/,
  );
});

it('feeds status counts several records of one device, and shows deliveries of a push feed in place of runs', async () => {
  writeFileSync(join(folder, 'in', 'a.csv'), 'id,managed,compliant\nPHONE0,true,true\nPHONE0,true,false\n');
  const settings = readFileSync(join(folder, 'easgate.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'easgate.yaml'),
    `${settings}  - { name: sent, kind: push, tokens: [a-token-of-32-characters-at-least] }\n`,
  );
  await run('feeds', 'run', 'mdm');
  await run('feeds', 'run', 'second');
  const { out } = await run('feeds', 'status');
  expect(out).toContain('\n  1 of a device that has another record; one of them counts\n');
  expect(out).toMatch(/^second .*\n.*\n {2}failed [^:]+: EASGATE_FEED_SOURCE: /m);
  expect(out).toContain('sent (push): never run\n  last delivery never, next when the source sends it\n');
});

it('feeds test prints what each record becomes', async () => {
  table(1, true);
  writeFileSync(
    join(folder, 'in', 'a.csv'),
    'id,managed,compliant\nPHONE0,true,true\nnot an id!,true,true\n',
  );
  const { out } = await run('feeds', 'test', 'mdm', join(folder, 'in', 'a.csv'));
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([
    { type: 'device', id: 'phone0', source: 'mdm' },
    { type: 'refused', line: 3 },
  ]);
});

it('names the feeds that there are', async () => {
  const { code, error } = await run('feeds', 'run', 'mmd');
  expect([code, error]).toEqual([1, expect.stringContaining('there are mdm, second')]);
});

it.each([
  ['schedule: "61 * * * *"', 'must be a schedule'],
  ['schedule: "0 0 30 2 *"', 'must be a schedule'],
  ['timeZone: Nowhere/Else', 'must be a time zone'],
  ['maxRemoved: 20', 'feeds'],
])('the configuration is refused with %s', async (field, message) => {
  writeFileSync(join(folder, 'easgate.yaml'), `feeds: [{ name: mdm, kind: files, path: in, ${field} }]\n`);
  const { code, error } = await run('feeds', 'list');
  expect([code, error]).toEqual([1, expect.stringContaining(message)]);
});

it('two feeds have two names', async () => {
  const feed = '{ name: mdm, kind: files, path: in }';
  writeFileSync(join(folder, 'easgate.yaml'), `feeds: [${feed}, ${feed}]\n`);
  expect((await run('feeds', 'list')).error).toContain('must be a name of its own');
});

it('feeds of other kinds are configured with their secrets apart, and a source that is down writes nothing', async () => {
  writeFileSync(join(folder, 'password'), 'secret\n');
  writeFileSync(
    join(folder, 'easgate.yaml'),
    `store: { kind: embedded, path: directory.db }
feeds:
  - { name: ad, kind: ldap, urls: ["ldap://127.0.0.1:1"], security: none, bindDn: cn=reader, baseDn: dc=x, password: { file: password } }
`,
  );
  const { code, error } = await run('feeds', 'run', 'ad');
  expect([code, error]).toEqual([1, expect.stringContaining('EASGATE_FEED_SOURCE')]);
  expect(error).not.toContain('secret');
  expect((await run('feeds', 'list')).out).toMatch(/ad +ldap +failing/);
});

it('feeds run reads a JSON API by its mapping, and removes nothing where the count disagrees', async () => {
  const api = await startJsonApi();
  onTestFinished(() => api.close());
  writeFileSync(join(folder, 'ca.pem'), SERVER_CERTIFICATE);
  writeFileSync(join(folder, 'key'), 'the-key\n');
  writeFileSync(join(folder, 'mapping.yaml'), 'id: record.eas\nmanaged: record.state == "in"\n');
  writeFileSync(
    join(folder, 'easgate.yaml'),
    `store: { kind: embedded, path: directory.db }
feeds:
  - name: api
    kind: http
    url: ${api.url}/devices
    headers: { X-Api-Key: { file: key } }
    ca: ca.pem
    count: total
    mapping: { file: mapping.yaml, compliant: record.ok }
`,
  );
  const phones = ['A1', 'B2', 'C3'].map((eas) => ({ eas, state: 'in', ok: true }));
  api.answer = () => ({ body: { total: 3, items: phones } });
  expect((await run('feeds', 'run', 'api')).code).toBe(0);
  expect(api.asked[0]?.headers['x-api-key']).toBe('the-key');
  expect(await devices('--compliant', 'yes')).toBe(3);
  api.answer = () => ({ body: { total: 3, items: phones.slice(0, 2) } });
  expect((await run('feeds', 'run', 'api')).error).toContain('says that it has 3 devices, and returned 2');
  expect(await devices('--managed', 'yes')).toBe(3);
  api.answer = () => ({ body: { total: 2, items: phones.slice(0, 2) } });
  await run('feeds', 'run', 'api');
  expect(await devices('--managed', 'yes')).toBe(2);
  writeFileSync(join(folder, 'page.json'), JSON.stringify([{ eas: 'D4', state: 'out' }, {}]));
  const { out } = await run('feeds', 'test', 'api', join(folder, 'page.json'));
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([
    {
      type: 'device',
      id: 'd4',
      managed: false,
      compliant: null,
      problems: [expect.stringContaining('there is no ok')],
    },
    { type: 'refused', reason: expect.stringContaining('names no device') },
  ]);
});

it('feeds run reads each file of a watched folder once, and moves it', async () => {
  writeFileSync(
    join(folder, 'easgate.yaml'),
    `store: { kind: embedded, path: directory.db }
feeds: [ { name: drops, kind: files, path: in, read: each, settleSeconds: 0, moveRead: true } ]
`,
  );
  table(3, true, 'a.csv');
  await run('feeds', 'run', 'drops', '--dry-run');
  expect(readdirSync(join(folder, 'in'))).toEqual(['a.csv']);
  await run('feeds', 'run', 'drops');
  table(2, true, 'b.csv');
  await run('feeds', 'run', 'drops');
  expect(readdirSync(join(folder, 'in', 'done'))).toEqual(['a.csv', 'b.csv']);
  expect(await devices('--managed', 'yes')).toBe(5);
});

it('a feed that is sent its records is listed, has nothing to run, and nothing to confirm', async () => {
  writeFileSync(
    join(folder, 'easgate.yaml'),
    `store: { kind: embedded, path: directory.db }
feeds:
  - { name: own, kind: push, tokens: [token-0123456789-0123456789-0123456789] }
`,
  );
  expect(JSON.parse((await run('feeds', 'list', '--json')).out)).toMatchObject([
    { name: 'own', kind: 'push', state: 'never run', nextAt: null },
  ]);
  for (const [verb, why] of [
    ['run', 'there is nothing to run'],
    ['confirm', 'no delivery to own is held'],
  ] as const) {
    const ended = await run('feeds', verb, 'own');
    expect([ended.code, ended.error]).toEqual([2, expect.stringContaining(why)]);
  }
  writeFileSync(
    join(folder, 'records.ndjson'),
    '{"id":"PHONE1","managed":true}\n{"id":"PHONE2","maneged":true}\n',
  );
  const { out } = await run('feeds', 'test', 'own', join(folder, 'records.ndjson'));
  expect(out).toContain('"id":"phone1"');
  expect(out).toContain('did you mean');
});
