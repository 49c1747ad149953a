// Owns the promise that, for any bytes of a phone, the gateway answers or closes, and what reaches the mail server is
// strict HTTP, agrees with the query, and is nothing that node:http would not have read too.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GOOD_REQUESTS, mutants } from '../fixtures/hostile/mutations.ts';
import { FUZZ_RUNS, FUZZ_TIMEOUT_MS } from '../support/checks/fuzz-runs.ts';
import { CANARY_DEVICE, HostilePhone } from '../support/phones/hostile-phone.ts';
import { ok, startRawBackend } from '../support/servers/raw-backend.ts';
import type { RawBackend } from '../support/servers/raw-backend.ts';
import { startRecordingNode } from '../support/servers/recording-servers.ts';
import type { ReadRequest, RecordingServer } from '../support/servers/recording-servers.ts';
import { readStrictly } from '../support/checks/strict-reader.ts';
import type { StrictRequest } from '../support/checks/strict-reader.ts';
import { startTestGateway } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { Wire, statusesOf } from '../support/phones/wire.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';

checkLeaksAtEnd();

let backend: RawBackend;
let gateway: TestGateway;
let phone: HostilePhone;
let node: RecordingServer;

beforeAll(async () => {
  backend = await startRawBackend(({ connection }) => connection.socket.write(ok()));
  gateway = await startTestGateway(backend.port, { client: { keepAliveTimeoutMs: 600_000 } });
  phone = await HostilePhone.open(gateway.port);
  node = await startRecordingNode();
});
afterAll(async () => {
  phone.close();
  await gateway.close();
  await backend.close();
  await node.close();
});

const isCanary = ({ target }: { readonly target: string }): boolean => target.includes(CANARY_DEVICE);

interface Plain {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

const keyOf = ({ method, target, body }: Plain): string => JSON.stringify([method, target, body]);

/** The gateway's own request for a challenge: only its Host comes from the phone. */
const QUESTION =
  /^(OPTIONS \/Microsoft-Server-ActiveSync HTTP\/1\.1\r\n(host: ([A-Za-z0-9.:[\]-]+)\r\nconnection: keep-alive\r\nX-Forwarded-For: 127\.0\.0\.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: \3\r\nvia: 1\.1 easgate\r\n)\r\n)+$/;

/**
 * The requests of the mail server in order, without the well-behaved phone's and the gateway's own; checked to be
 * all that it received.
 */
function received(): {
  whole: (Plain & { readonly authorization: string | undefined })[];
  all: StrictRequest[];
} {
  const forwarding = backend.connections.filter(({ received }) => !QUESTION.test(received));
  const all = forwarding.flatMap(({ received }) => readStrictly(received));
  const requests = backend.requests.filter(({ connection }) => forwarding.includes(connection));
  const whole = requests.map((request) => ({
    method: request.method,
    target: request.target,
    body: request.body.toString('latin1'),
    authorization: request.header('authorization'),
  }));
  const complete = all.filter(({ complete }) => complete);
  expect(complete.map(keyOf).toSorted()).toEqual(whole.map(keyOf).toSorted());
  expect(complete.filter(isCanary)).toHaveLength(phone.canaries);
  expect(all.length - complete.length).toBeLessThanOrEqual(1);
  return { whole: whole.filter((request) => !isCanary(request)), all };
}

const ROOTS: Readonly<Record<string, string>> = {
  FolderSync: '0007 16',
  Ping: '000d 05',
  SendMail: '0015 05',
  Sync: '05',
};
const NAMES =
  /^(Cmd|User|DeviceId|DeviceType|AttachmentName|CollectionId|ItemId|LongId|Occurrence|SaveInSent)$/;
/** A value of these may contain `=`, such as the padding of a base64 LongId, but then no `;`, which some servers split at. */
const ITEM_NAMES = /^(AttachmentName|CollectionId|ItemId|LongId)$/;

/** A plain query names one device and one command, and a WBXML body without content coding belongs to that command. */
function checkMeaning({ method, target, headers, body }: StrictRequest): void {
  const query = target.split('?')[1];
  if (method !== 'POST' || query === undefined || !query.includes('&')) return;
  const pairs = query.split('&').map((pair): [string, string] => {
    expect(pair).toContain('=');
    const equals = pair.indexOf('=');
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  for (const [name, value] of pairs) {
    expect(name).toMatch(NAMES);
    if (!value.includes('=')) continue;
    expect(name).toMatch(ITEM_NAMES);
    expect(value).not.toContain(';');
  }
  const values = new Map(pairs);
  expect(values.size).toBe(pairs.length);
  expect(values.get('DeviceId')).toMatch(/^[A-Za-z0-9]{1,33}$/);
  const root = ROOTS[values.get('Cmd') ?? ''];
  const wbxml = headers.get('content-type')?.[0]?.startsWith('application/') === true;
  if (root === undefined || body === '' || !wbxml || headers.has('content-encoding')) return;
  const plain = Buffer.from(body, 'latin1');
  const token = plain.length > 6 && plain[4] === 0 ? 6 : 4;
  plain[token] = (plain[token] ?? 0) & 0xbf;
  const start = plain.subarray(0, token + 1).toString('hex');
  expect([`03016a00${root.replace(' ', '')}`, `03016a000000${root.replace(' ', '')}`]).toContain(start);
}

/** Tags of MS-ASHTTP 2.2.1.1.1.1.3. */
const TAGS: readonly (number | undefined)[] = [0, 1, 3, 4, 6, 7, 8];

/** A base64 query without its unassigned tags. */
function withoutUnassigned(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  let at = 5 + (bytes[4] ?? 0);
  at += 1 + (bytes[at] ?? 0);
  at += 1 + (bytes[at] ?? 0);
  const kept = [bytes.subarray(0, at)];
  while (at < bytes.length) {
    const end = at + 2 + (bytes[at + 1] ?? 0);
    if (TAGS.includes(bytes[at])) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept).toString('base64');
}

/** The target as the gateway writes it, computed from a target that node:http read. */
function canonical(method: string, target: string): string {
  const [path = '', query] = target.split('?');
  expect(path).toMatch(/^\/Microsoft-Server-ActiveSync(\/|\/default\.eas)?$/i);
  const kept = query?.split('&').flatMap((pair) => {
    const name = pair.split('=')[0] ?? '';
    // OPTIONS is forwarded without a command, in either form.
    if (!query.includes('&') && !NAMES.test(name))
      return method === 'OPTIONS' ? [] : [withoutUnassigned(pair)];
    if (!NAMES.test(name) || (method === 'OPTIONS' && name === 'Cmd')) return [];
    return [name === 'User' || name === 'DeviceType' ? pair.replaceAll('+', '%2B') : pair];
  });
  const text = kept?.join('&') ?? '';
  return '/Microsoft-Server-ActiveSync' + (text === '' ? '' : '?' + text);
}

/** Clears the records of the run, so that memory does not grow. Time passes, so that connections are reused. */
function forget(): void {
  gateway.time.pass(1);
  for (const connection of backend.connections) connection.received = '';
  const open = backend.connections.filter(({ closed }) => !closed);
  backend.connections.splice(0, backend.connections.length, ...open);
  backend.requests.length = 0;
  gateway.finished.length = 0;
  gateway.seen.length = 0;
  node.forget();
}

async function readByNode(bytes: string): Promise<ReadRequest[]> {
  const wire = await Wire.open(node.port);
  wire.send(bytes);
  wire.end();
  await wire.until(() => wire.closed, 'node:http to close');
  wire.destroy();
  return node.requests();
}

/** The number of responses other than the gateway's own challenges: the mail server accepts every request. */
const answeredThere = (text: string): number => statusesOf(text).filter((status) => status !== 401).length;

/** The index of this request in `direct`; requests that are not forwarded may precede it. -1 = not found. */
function placeOf(request: Plain, direct: readonly ReadRequest[]): number {
  return direct.findIndex(
    (read) => keyOf({ ...read, target: canonical(read.method, read.target) }) === keyOf(request),
  );
}

describe('any bytes', () => {
  it.each(GOOD_REQUESTS.map((bytes, index) => ({ index, bytes })))(
    'begin as a request that goes on: $index',
    async ({ bytes }) => {
      forget();
      phone.canaries = 0;
      const { text } = await phone.play(bytes, 1, false);
      expect([200, 401]).toContain(statusesOf(text)[0]);
      expect(received().whole.length).toBe(answeredThere(text));
    },
  );

  it(
    'are answered or end in a close, and go on only where node:http reads the same',
    { timeout: FUZZ_TIMEOUT_MS },
    async () => {
      let forwarded = 0;
      await fc.assert(
        fc.asyncProperty(mutants, async (bytes) => {
          forget();
          phone.canaries = 0;
          const { text } = await phone.play(bytes, 0, false);
          const { whole, all } = received();
          for (const request of all) checkMeaning(request);
          expect(answeredThere(text)).toBeLessThanOrEqual(whole.length + 1);
          forwarded += whole.length;
          // node:http reads nothing behind a request that asks for an upgrade.
          let direct = /upgrade/i.test(bytes) ? null : await readByNode(bytes);
          for (const request of whole) {
            if (direct === null) break;
            const place = placeOf(request, direct);
            expect(place, `${keyOf(request)} among ${direct.map(keyOf).join()}`).not.toBe(-1);
            direct = direct.slice(place + 1);
          }
        }),
        { numRuns: FUZZ_RUNS },
      );
      // The test proves something only if enough requests are forwarded.
      expect(forwarded).toBeGreaterThan(FUZZ_RUNS / 10);
    },
  );
});
