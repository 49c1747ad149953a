// Owns the promise that hostile bytes have exactly one known outcome, and that the mail server gets what was meant and
// nothing else, byte for byte.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATH, QUERY, forwardedOf, upstreamBytes } from '../fixtures/hostile/case.ts';
import type { HostileCase } from '../fixtures/hostile/case.ts';
import { HOSTILE_CLASSES } from '../fixtures/hostile/cases.ts';
import { CANARY_DEVICE, HostilePhone } from '../support/phones/hostile-phone.ts';
import { ok, startRawBackend } from '../support/servers/raw-backend.ts';
import type { RawBackend } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { Wire, statusesOf } from '../support/phones/wire.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';

checkLeaksAtEnd();

let backend: RawBackend;
let gateway: TestGateway;
let phone: HostilePhone;
/** Every byte the mail server received, in order of arrival. */
let arrived = '';

beforeAll(async () => {
  const lengths = new Map<object, number>();
  backend = await startRawBackend(
    ({ connection }) => connection.socket.write(ok()),
    (connection) => {
      arrived += connection.received.slice(lengths.get(connection) ?? 0);
      lengths.set(connection, connection.received.length);
    },
  );
  // The phone's connection may stay idle while the other tests run.
  gateway = await startTestGateway(backend.port, { client: { keepAliveTimeoutMs: 600_000 } });
  phone = await HostilePhone.open(gateway.port);
});
afterAll(async () => {
  phone.close();
  await gateway.close();
  await backend.close();
});

const canaryUpstream = upstreamBytes({
  target: `${PATH}?${QUERY.replace('ABC123', CANARY_DEVICE)}`,
});

async function check(hostile: HostileCase): Promise<void> {
  const expected = hostile.expect;
  const forwarded = forwardedOf(hostile);
  const statuses = forwarded.map(() => 200);
  if ('code' in expected) statuses.push(expected.status);
  if ('challenged' in expected) statuses.unshift(401);
  const before = gateway.finished.length;
  arrived = '';
  // Time passes, so that connections are reused.
  gateway.time.pass(1);
  const { text, ended } = await phone.play(hostile.bytes, statuses.length, 'code' in expected);
  expect(statusesOf(text)).toEqual(statuses);
  // Exactly these requests, in this order; those of the well-behaved phone are removed.
  const own = 'challenged' in expected ? upstreamBytes({ question: true }) : '';
  expect(arrived.replaceAll(canaryUpstream, '').replace(own, '')).toBe(forwarded.map(upstreamBytes).join(''));
  const errors = gateway.finished
    .slice(before)
    .map(({ error }) => error)
    .filter((error) => error !== null && error !== 'EASGATE_LENGTH_MISMATCH');
  const why = 'challenged' in expected ? expected.challenged : 'code' in expected ? expected.code : null;
  expect(errors).toEqual(why === null ? [] : [why]);
  if ('waiting' in expected) expect(ended).toBe(false);
}

describe.each(HOSTILE_CLASSES)('$title', ({ cases }) => {
  it.each(cases)('$name', (hostile) => check(hostile));
});

describe('a body that turns bad after its beginning went on', () => {
  const large = (bytes: string): string => `${(100_000).toString(16)}\r\n${bytes.padEnd(100_000, 'm')}\r\n`;
  const start = FOLDER_SYNC.toString('latin1');
  const chunked = request('FolderSync', Buffer.alloc(0), ['Transfer-Encoding: chunked', 'X-Large: 1']);

  it.each([
    ['a chunk size that is none', 'x\r\n'],
    ['a chunk extension', '5;a=b\r\nhello\r\n'],
    ['a forbidden trailer', '0\r\nContent-Length: 5\r\n\r\n'],
    ['a request in place of a chunk', request('FolderSync', FOLDER_SYNC)],
  ])('never looks complete to the mail server: %s', async (name, bytes) => {
    const wire = await Wire.open(gateway.port);
    const marker = `X-Large: ${name}`;
    wire.send(chunked.replace('X-Large: 1', marker) + large(start));
    const find = () => backend.connections.find(({ received }) => received.includes(marker));
    await until(() => find() !== undefined, 'the beginning at the mail server');
    wire.send(bytes);
    await wire.until(() => wire.ended, 'the gateway to close');
    expect(statusesOf(wire.received)).toEqual([400]);
    wire.destroy();
    const touched = find();
    await until(() => touched?.closed === true, 'the upstream connection to close');
    const [, rest = ''] = touched?.received.split(marker) ?? [];
    expect(rest).toContain('Transfer-Encoding: chunked');
    expect(rest).not.toContain('\r\n0\r\n');
    expect(rest).not.toContain('POST /');
  });

  it('is cut off when the phone leaves before the announced length', async () => {
    arrived = '';
    const short = request('FolderSync', FOLDER_SYNC, ['Content-Length: 70000', 'X-Short: 1']);
    expect(await phone.play(short, 0, false)).toEqual({ text: '', ended: false });
    const touched = backend.connections.find(({ received }) => received.includes('X-Short: 1'));
    expect(touched?.received.endsWith(`\r\n\r\n${start}`)).toBe(true);
    await until(() => touched?.closed === true, 'the upstream connection to close');
  });
});

describe('the suite', () => {
  it('has no two cases of the same bytes, and names a source for each', () => {
    const all = HOSTILE_CLASSES.flatMap(({ cases }) => cases);
    expect(all.length).toBeGreaterThanOrEqual(260);
    expect(new Set(all.map(({ bytes }) => bytes)).size).toBe(all.length);
    expect(all.every(({ source }) => source !== '')).toBe(true);
  });

  it('would see a request that was smuggled behind another', async () => {
    arrived = '';
    await phone.play(request('FolderSync', FOLDER_SYNC).repeat(2), 2, false);
    expect(arrived.replaceAll(canaryUpstream, '')).toBe(upstreamBytes({}).repeat(2));
  });
});
