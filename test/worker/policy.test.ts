// Owns the promises of policy documents on the request path, in a gateway as a worker starts it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { addVersion, readPolicies } from '../../src/app/policy-versions.ts';
import type { ToPlace } from '../../src/app/policy-versions.ts';
import { journalOptions } from '../../src/config/journal-settings.ts';
import { parseConfig } from '../../src/config/load.ts';
import { servedPolicy } from '../../src/config/served-policy.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import { startSampleServer } from '../../src/sample/server.ts';
import { startServing } from '../../src/worker/runtime.ts';
import type { Serving } from '../../src/worker/runtime.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { LONG_PING } from '../support/phones/held-polls.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { ok, startRawBackend } from '../support/servers/raw-backend.ts';
import { UNAUDITED } from '../support/servers/directory-records.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-policy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});
let gateways = 0;

async function serve(url: string, policy: string): Promise<Serving> {
  const name = `gateway${gateways++}`;
  writeFileSync(join(folder, `${name}.policy.yaml`), policy);
  const text = `
listen: { address: 127.0.0.1, port: 0 }
upstream: { url: "${url}" }
policy: { file: ${name}.policy.yaml }
store: { kind: embedded, path: ${name}.db }
throttle: { burst: 0 }
log: { level: silent }
`;
  const config = parseConfig(text, join(folder, `${name}.yaml`));
  const serving = await startServing(config, { sampleUrl: null, fd: null });
  onTestFinished(async () => {
    await serving.gateway.close();
    await serving.close();
  });
  return serving;
}

async function mail(): Promise<string> {
  const server = await startSampleServer({ users: [{ name: 'alice', password: 'secret' }] });
  onTestFinished(() => server.close());
  return server.url;
}

async function open(serving: Serving): Promise<RawClient> {
  const client = await RawClient.open(serving.gateway.port);
  onTestFinished(() => client.destroy());
  return client;
}

describe('a document with mode reportOnly', () => {
  const EVERYTHING = [
    request('FolderSync', FOLDER_SYNC),
    request('FolderSync', FOLDER_SYNC, ['User-Agent: Apple-iPhone15C2/2105.219', 'Accept-Language: de']),
    request('Provision', Buffer.from('03016a00000e4546474803', 'hex')),
    request('Ping', LONG_PING),
    request('SendMail', Buffer.alloc(0), ['Content-Type: message/rfc822']),
    request('FolderSync', FOLDER_SYNC, [], 'OTHER2'),
    request('FolderSync', FOLDER_SYNC)
      .replace(/^POST (\S+)\?\S+/, 'OPTIONS $1')
      .replace(/Content-\S+: .*\r\n/g, ''),
    request('Nonsense', FOLDER_SYNC),
  ];

  /** The answer to a phone and the request at the mail server, byte for byte. */
  async function exchanged(policy: string): Promise<{ answers: string[]; passed: string[] }> {
    const backend = await startRawBackend(({ connection }) => connection.socket.write(ok('mail')));
    const serving = await serve(`http://127.0.0.1:${backend.port}`, policy);
    const answers: string[] = [];
    for (const sent of EVERYTHING) {
      const client = await open(serving);
      client.send(sent);
      const { head, body } = await client.response();
      answers.push(head + body.toString('latin1'));
    }
    const port = new RegExp(`127\\.0\\.0\\.1:${backend.port}`, 'g');
    const passed = backend.requests.map(
      ({ head, body }) => head.replace(port, 'server') + body.toString('latin1'),
    );
    await backend.close();
    return { answers, passed };
  }

  it('forwards the same bytes as a document that allows everything', async () => {
    const allowing = await exchanged('rules: [{ name: all, action: allow }]\n');
    const reporting = await exchanged(
      'mode: reportOnly\nunknownDevice: { action: block }\nrules: [{ name: none, action: block }]\n',
    );
    expect(reporting).toEqual(allowing);
    expect(allowing.passed.length).toBeGreaterThanOrEqual(5);
    const enforcing = await exchanged('rules: [{ name: none, action: block }]\n');
    expect(enforcing.passed).not.toEqual(allowing.passed);
  });
});

describe('a phone', () => {
  const folderSync = async (client: RawClient, ...headers: string[]): Promise<string> => {
    client.send(request('FolderSync', FOLDER_SYNC, headers));
    return (await client.response()).body.toString('latin1');
  };

  it('is decided for each request if the policy has conditions on requests', async () => {
    const serving = await serve(
      await mail(),
      'unknownDevice: { action: allow }\nrules: [{ match: { userAgent: "Odd*" }, action: block }]\n',
    );
    const client = await open(serving);
    expect(await folderSync(client, 'User-Agent: Phone/1')).not.toContain('129');
    expect(await folderSync(client, 'User-Agent: Odd/1')).toContain('129');
    expect(await folderSync(client, 'User-Agent: Phone/1')).not.toContain('129');
  });

  it('that a feed may still report gets status 111 (try later), and no quarantine mailbox (MS-ASCMD 2.2.2)', async () => {
    const client = await open(await serve(await mail(), 'unknownDevice: { action: quarantine, hold: 1h }\n'));
    expect(await folderSync(client)).toContain('111');
  });

  it('beyond the maximum number gets status 177 (MS-ASCMD 2.2.2)', async () => {
    const rule = 'rules: [{ action: block, reason: tooManyDevices }]\n';
    const client = await open(await serve(await mail(), rule));
    expect(await folderSync(client)).toContain('177');
  });
});

describe('the three actions of a configuration', () => {
  it('are equivalent to the document in the guide', () => {
    const { policy } = servedPolicy(parseConfig('policy: { notCompliant: block }', 'easgate.yaml'));
    expect(policy.document).toEqual({
      unknownDevice: { action: 'quarantine' },
      notEnrolled: { action: 'quarantine' },
      compliance: [{ name: 'default', require: { compliant: true }, action: 'block' }],
    });
  });

  it('cannot be combined with a document', async () => {
    writeFileSync(join(folder, 'p.yaml'), '');
    const { checkConfig } = await import('../../src/config/check.ts');
    const { problems } = checkConfig({
      path: join(folder, 'easgate.yaml'),
      text: 'upstream: { url: "http://mail" }\npolicy: { file: p.yaml, notCompliant: block }\n',
    });
    expect(problems).toMatchObject([{ severity: 'error', place: 'policy.notCompliant', line: 2 }]);
  });
});

describe('another version of the policy in the directory', () => {
  /** What two workers of one gateway write into the journal, and log, after a change. */
  async function changed(
    place: 'live' | 'shadow' | 'rollout',
  ): Promise<{ entries: number; messages: string[] }> {
    const path = join(folder, 'shared.db');
    const logged = join(folder, 'gateway.log');
    const text = `
listen: { address: 127.0.0.1, port: 0 }
upstream: { url: "${await mail()}" }
store: { kind: embedded, path: ${path} }
log: { level: info, destination: ${logged} }
`;
    const config = parseConfig(text, join(folder, 'shared.yaml'));
    const workers: Serving[] = [];
    for (const recordsForGateway of [true, false])
      workers.push(await startServing(config, { sampleUrl: null, fd: null, recordsForGateway }));
    const { store } = workers[0] as Serving;
    const texts = { document: 'name: next', parsed: { name: 'next' }, lists: {} };
    const rollout = { groups: ['Pilot'], share: 0 };
    const to: ToPlace = place === 'rollout' ? { place, rollout } : { place };
    await addVersion(
      store,
      await readPolicies(store),
      { texts, name: 'next', comment: null, ...to },
      { by: 'carol', via: 'test', at: 1 },
      UNAUDITED,
    );
    const versionOf = async (worker: Serving): Promise<unknown> => (await worker.status()).policies[place];
    for (const worker of workers)
      await until(async () => (await versionOf(worker)) !== null, 'the version to be taken');
    for (const worker of workers) {
      await worker.gateway.close();
      await worker.close();
    }
    const journal = await openJournalStore(journalOptions(config));
    const { entries } = await journal.query('journal', { kinds: ['policy_changed'] }, null, 10);
    await journal.close();
    const messages = readFileSync(logged, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"EASGATE_POLICY"'))
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    return { entries: entries.length, messages };
  }

  it('is in the journal once for a gateway with two workers', async () => {
    expect(await changed('live')).toEqual({
      entries: 1,
      messages: Array(2).fill('another version of the policy is in use'),
    });
  });

  it('is not logged as the one in use where only the shadow changed', async () => {
    expect(await changed('shadow')).toEqual({
      entries: 1,
      messages: Array(2).fill('another version of the policy runs in the shadow; the one in use stays'),
    });
  });

  it('is in the journal once, and logged, where it is rolled out to a part of the users', async () => {
    expect(await changed('rollout')).toEqual({
      entries: 1,
      messages: Array(2).fill('a version of the policy is rolled out to a part of the users'),
    });
  });
});
