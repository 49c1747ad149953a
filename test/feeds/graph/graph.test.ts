// Owns the promises of the Graph feed, against a double that fails as the documentation and its issues say.
import { createPublicKey, generateKeyPairSync, verify, constants } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import 'reflect-metadata';
import { X509CertificateGenerator, cryptoProvider } from '@peculiar/x509';
import type { FeedAdapter, FeedPart, GoneRecord } from '../../../src/feeds/contract.ts';
import { graphFeed } from '../../../src/feeds/graph/read-graph.ts';
import type { Clock } from '../../../src/feeds/waiting.ts';
import { ONE_SIGN_IN, graphFields, hasOneSignIn } from '../../../src/feeds/graph/settings.ts';
import type { DeviceLine, FeedLine, GroupLine, UserLine } from '../../../src/feeds/record.ts';
import { SERVER_CERTIFICATE } from '../../fixtures/tls.ts';
import { startGraph } from '../../support/servers/graph.ts';
import type { GraphDouble } from '../../support/servers/graph.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

const GROUP = '11111111-2222-3333-4444-555555555555';
const SECRET = 'a-client-secret';
const SETTINGS = z.strictObject(graphFields(z.string())).refine(hasOneSignIn, ONE_SIGN_IN);

let folder: string;
let graph: GraphDouble;
/** Pauses that a run asked for, in milliseconds. */
let pauses: number[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-graph-'));
  writeFileSync(join(folder, 'ca.pem'), SERVER_CERTIFICATE);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  pauses = [];
  graph = await startGraph();
  graph.devices = [1, 2, 3, 4, 5].map((number) => device(number));
  graph.users = [1, 2, 3].map((number) => user(number));
});
afterEach(() => graph.close());

function guid(number: number): string {
  return `aaaaaaaa-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function device(number: number, more: object = {}): Record<string, unknown> {
  return {
    id: guid(number),
    easDeviceId: `APPL${String(number).padStart(8, '0')}`,
    complianceState: 'compliant',
    managementAgent: 'mdm',
    deviceRegistrationState: 'registered',
    operatingSystem: 'iOS',
    osVersion: '18.1',
    userPrincipalName: `user${String(number)}@example.com`,
    lastSyncDateTime: `2026-11-20T0${String(number)}:00:00Z`,
    ...more,
  };
}

function user(number: number, more: object = {}): Record<string, unknown> {
  const name = `user${String(number)}@example.com`;
  return { id: guid(100 + number), userPrincipalName: name, mail: name, accountEnabled: true, ...more };
}

function feed(more: object = {}): FeedAdapter {
  const settings = SETTINGS.parse({
    tenant: 'example.com',
    clientId: guid(0),
    ...(!('certificate' in more) && { clientSecret: SECRET }),
    signInUrl: graph.url,
    graphUrl: graph.url,
    ca: join(folder, 'ca.pem'),
    timeoutSeconds: 20,
    ...more,
  });
  const clock: Clock = {
    now: () => Date.parse('2026-11-28T12:00:00Z'),
    wait: (ms) => {
      pauses.push(ms);
      return Promise.resolve();
    },
    random: () => 0.5,
  };
  return graphFeed('intune', settings, clock);
}

interface Run {
  readonly devices: DeviceLine[];
  readonly users: UserLine[];
  readonly groups: GroupLine[];
  readonly gone: GoneRecord[];
  readonly cursor: string | null;
  readonly count: number | null;
}

async function run(adapter: FeedAdapter = feed(), cursor: string | null = null): Promise<Run> {
  const lines: FeedLine[] = [];
  const gone: GoneRecord[] = [];
  let next: string | null = null;
  let count: number | null = null;
  const parts: AsyncIterable<FeedPart> = adapter.run(cursor, new AbortController().signal);
  for await (const part of parts) {
    lines.push(...part.lines);
    gone.push(...(part.gone ?? []));
    for (const line of lines)
      if (line.type === 'group' && line.id === part.members?.id) line.members.push(...part.members.members);
    next = part.cursor ?? next;
    count = part.count?.device ?? count;
  }
  return {
    devices: lines.filter((line) => line.type === 'device'),
    users: lines.filter((line) => line.type === 'user'),
    groups: lines.filter((line) => line.type === 'group'),
    gone,
    cursor: next,
    count,
  };
}

test('a full run reads all pages of devices and users, and the count of Intune', async () => {
  const { devices, users, count } = await run();
  expect(devices.map(({ id }) => id)).toEqual(
    [1, 2, 3, 4, 5].map((number) => `appl0000000${String(number)}`),
  );
  expect(devices[0]).toMatchObject({ managed: true, compliant: true, owner: 'user1@example.com' });
  expect(users.map(({ line }) => line)).toEqual([1, 2, 3]);
  expect(devices.map(({ line }) => line)).toEqual([4, 5, 6, 7, 8]);
  expect(count).toBe(5);
});

test('neither phone numbers nor unlock codes are asked for', async () => {
  await run();
  expect(graph.asked.join('\n')).not.toMatch(/imei|meid|phoneNumber|wiFiMac|activationLock/i);
});

test('the count is that of Intune, also where the list is shorter', async () => {
  graph.count = 900;
  expect(await run()).toMatchObject({ count: 900, devices: { length: 5 } });
});

test('a second run reads only devices that checked in since, and changed users', async () => {
  const adapter = feed();
  const { cursor } = await run(adapter);
  graph.devices.push(
    device(6, { lastSyncDateTime: '2026-11-20T06:00:00Z', complianceState: 'noncompliant' }),
  );
  graph.changedUsers = [
    user(2, { accountEnabled: false }),
    { id: guid(103), '@removed': { reason: 'deleted' } },
  ];
  const second = await run(adapter, cursor);
  expect(second.devices.map(({ id }) => id)).toEqual(['appl00000005', 'appl00000006']);
  expect(second.users).toMatchObject([{ id: 'user2@example.com', enabled: false }]);
  expect(second.gone).toEqual([{ kind: 'user', sourceId: guid(103) }]);
});

test('a user that is deleted and restored within a page of changes is not gone; one that is restored and deleted is', async () => {
  const adapter = feed();
  const { cursor } = await run(adapter);
  const removed = (number: number): Record<string, unknown> => ({
    id: guid(number),
    '@removed': { reason: 'changed' },
  });
  graph.changedUsers = [removed(102), user(2), user(3), removed(103)];
  expect((await run(adapter, cursor)).gone).toEqual([{ kind: 'user', sourceId: guid(103) }]);
});

test('where the window shows nothing of what the full run found, every run stays a full one', async () => {
  graph.windowIsBlind = true;
  expect((await run()).cursor).toBeNull();
});

test('a check-in in the future does not hide later ones', async () => {
  graph.devices.push(device(6, { lastSyncDateTime: '2031-01-01T00:00:00Z' }));
  const { cursor } = await run();
  expect(cursor).toContain('"since":"2026-11-28T12:00:00.000Z"');
});

test('a cursor of other settings is refused', async () => {
  const { cursor } = await run();
  await expect(run(feed({ groups: [GROUP] }), cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
});

test('a delta link that is too old is refused, so that all users are read again', async () => {
  const { cursor } = await run();
  graph.fault = (path) => (path.endsWith('/delta') ? { status: 410 } : null);
  await expect(run(feed(), cursor)).rejects.toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
});

test('members of a group come with those of nested groups, by pages', async () => {
  graph.groups[GROUP] = { name: 'Phones', members: graph.users };
  const { groups } = await run(feed({ groups: [GROUP] }));
  expect(groups).toMatchObject([
    { id: 'Phones', members: [1, 2, 3].map((n) => `user${String(n)}@example.com`) },
  ]);
  expect(
    graph.asked.some((path) => path.includes('/transitiveMembers/microsoft.graph.user?$count=true')),
  ).toBe(true);
});

test('a group that lists fewer members than it counts fails the run', async () => {
  graph.groups[GROUP] = { name: 'Phones', members: graph.users };
  graph.memberCount = 40;
  await expect(run(feed({ groups: [GROUP] }))).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
});

test('a device that became non-compliant has the policies it does not meet, asked for once', async () => {
  const adapter = feed();
  graph.devices[0] = device(1, { complianceState: 'noncompliant' });
  graph.policies[guid(1)] = [
    { displayName: 'Encryption', state: 'nonCompliant' },
    { displayName: 'Passcode', state: 'compliant' },
  ];
  expect((await run(adapter)).devices[0]?.unmetRequirements).toEqual(['Encryption']);
  expect((await run(adapter)).devices[0]?.unmetRequirements).toEqual(['Encryption']);
  expect(graph.asked.filter((path) => path.includes('deviceCompliancePolicyStates'))).toHaveLength(1);
});

test('a run asks for the policies of no more devices than maxPolicyStates', async () => {
  graph.devices = graph.devices.map((one) => ({ ...one, complianceState: 'noncompliant' }));
  const adapter = feed({ maxPolicyStates: 2 });
  for (const { id } of graph.devices)
    graph.policies[String(id)] = [{ displayName: 'A', state: 'nonCompliant' }];
  await run(adapter);
  expect(graph.asked.filter((path) => path.includes('PolicyStates'))).toHaveLength(2);
  await run(adapter);
  expect(graph.asked.filter((path) => path.includes('PolicyStates'))).toHaveLength(4);
});

test('throttling waits as long as Retry-After says', async () => {
  graph.fault = (_, place) => (place === 2 ? { status: 429, headers: { 'retry-after': '17' } } : null);
  expect((await run()).devices).toHaveLength(5);
  expect(pauses).toEqual([17_000]);
});

test('throttling without Retry-After waits longer each time', async () => {
  graph.fault = (_, place) => (place >= 2 && place <= 4 ? { status: 429 } : null);
  expect((await run()).devices).toHaveLength(5);
  expect(pauses).toEqual([750, 1_500, 3_000]);
});

test('endless throttling ends the run after a number of tries', async () => {
  graph.fault = () => ({ status: 429 });
  await expect(run(feed({ tries: 4 }))).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
  expect(graph.asked).toHaveLength(4);
});

test('a pause longer than maxWaitSeconds ends the run, and is handed on', async () => {
  graph.fault = () => ({ status: 429, headers: { 'retry-after': '3600' } });
  await expect(run()).rejects.toMatchObject({ retryAfter: 3_600_000 });
  expect(pauses).toEqual([]);
});

test.each([
  { title: 'a page that ends early', fault: { how: 'cut' } },
  { title: 'a page that is no JSON', fault: { body: '<html>' } },
  { title: 'an error of the server', fault: { status: 503 } },
] as const)('$title is asked for again', async ({ fault }) => {
  graph.fault = (_, place) => (place === 4 ? fault : null);
  expect((await run()).devices).toHaveLength(5);
  expect(pauses).toHaveLength(1);
});

test('an answer that is no list fails the run', async () => {
  graph.fault = (path) => (path.endsWith('/managedDevices') ? { body: '{"devices":[]}' } : null);
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
});

test('a page that links to itself fails the run', async () => {
  const link = `${graph.url}/v1.0/deviceManagement/managedDevices?$skiptoken=2`;
  graph.fault = (path) =>
    path.endsWith('/managedDevices')
      ? { body: JSON.stringify({ value: [], '@odata.nextLink': link }) }
      : null;
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
});

test('a link to another host gets no token: the run fails', async () => {
  const other = await startGraph();
  const link = `${other.url}/v1.0/deviceManagement/managedDevices`;
  graph.fault = (path) =>
    path.endsWith('/managedDevices')
      ? { body: JSON.stringify({ value: [], '@odata.nextLink': link }) }
      : null;
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
  expect(other.asked).toEqual([]);
  await other.close();
});

test('a redirect is not followed', async () => {
  const other = await startGraph();
  graph.fault = () => ({ status: 302, headers: { location: `${other.url}/v1.0/users/delta` } });
  await expect(run()).rejects.toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
  expect(other.asked).toEqual([]);
  await other.close();
});

test('a token that ends in the middle of a list is replaced', async () => {
  graph.fault = (_, place) => {
    if (place === 4) graph.ended.add('token-1');
    return null;
  };
  expect((await run()).devices).toHaveLength(5);
  expect(graph.signIns).toHaveLength(2);
});

test('a permission that is missing is named, and not tried again', async () => {
  graph.fault = (path) => (path.endsWith('/managedDevices') ? { status: 403 } : null);
  await expect(run()).rejects.toMatchObject({
    code: 'EASGATE_FEED_CREDENTIALS',
    message: expect.stringContaining('permission'),
  });
  expect(pauses).toEqual([]);
});

test('a server that does not answer fails the run within its time', async () => {
  graph.fault = () => ({ how: 'hang' });
  await expect(run(feed({ timeoutSeconds: 0.1, tries: 1 }))).rejects.toMatchObject({
    code: 'EASGATE_FEED_SOURCE',
  });
});

test('an abort ends the run while the server does not answer', async () => {
  const controller = new AbortController();
  graph.fault = () => {
    controller.abort();
    return { how: 'hang' };
  };
  const parts = feed().run(null, controller.signal)[Symbol.asyncIterator]();
  await expect(parts.next()).rejects.toMatchObject({ name: 'AbortError' });
});

test('neither the secret nor a token nor a text of an answer is in an error', async () => {
  const failures: unknown[] = [];
  graph.fault = () => ({ status: 400 });
  failures.push(await run().catch((error: unknown) => error));
  graph.refusesSignIn = true;
  failures.push(await run().catch((error: unknown) => error));
  expect(failures).toMatchObject([
    { code: 'EASGATE_FEED_SOURCE' },
    { code: 'EASGATE_FEED_CREDENTIALS', message: expect.stringContaining('AADSTS7000222') },
  ]);
  for (const failure of failures) {
    const text = JSON.stringify(failure, Object.getOwnPropertyNames(failure));
    expect(text).not.toMatch(/a-client-secret|token-\d|secret-value/);
  }
});

test('signs in by certificate: a JWT with PS256 and the SHA-256 thumbprint, no secret', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  writeFileSync(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(join(folder, 'certificate.pem'), await selfSigned());
  const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
  expect((await run(feed({ certificate: files }))).devices).toHaveLength(5);
  const [form] = graph.signIns;
  expect(form?.has('client_secret')).toBe(false);
  const [header = '', payload = '', signature = ''] = (form?.get('client_assertion') ?? '').split('.');
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  expect(read(header)).toMatchObject({ alg: 'PS256', 'x5t#S256': expect.stringMatching(/^[\w-]{43}$/) });
  expect(read(payload)).toMatchObject({ aud: `${graph.url}/example.com/oauth2/v2.0/token`, iss: guid(0) });
  const key = {
    key: createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 32,
  };
  expect(
    verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')),
  ).toBe(true);
});

async function selfSigned(): Promise<string> {
  cryptoProvider.set(crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=easgate',
    keys,
    signingAlgorithm: algorithm,
  });
  return made.toString('pem');
}

test('the settings take either a secret or a certificate', () => {
  const certificate = { certificate: 'certificate.pem', key: 'key.pem' };
  const isTaken = (more: object): boolean =>
    SETTINGS.safeParse({ tenant: 'example.com', clientId: guid(0), ...more }).success;
  expect(isTaken({})).toBe(false);
  expect(isTaken({ clientSecret: SECRET, certificate })).toBe(false);
  expect(isTaken({ clientSecret: SECRET })).toBe(true);
  expect(isTaken({ certificate })).toBe(true);
});
