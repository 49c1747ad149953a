// Owns the promise that hostile bytes end in exactly one known way, and that the mail server sees what was meant and
// nothing else, byte for byte.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { upstreamBytes } from '../fixtures/hostile/case.ts';
import type { HostileCase, Seen } from '../fixtures/hostile/case.ts';
import { HOSTILE_CLASSES } from '../fixtures/hostile/cases.ts';
import { ok, startRawBackend } from '../support/raw-backend.ts';
import type { RawBackend } from '../support/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';
import { Wire, statusesOf } from '../support/wire.ts';

let backend: RawBackend;
let gateway: TestGateway;
/** A well-behaved phone: its answers prove that everything sent before it was looked at. */
let phone: Wire;
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
  // The phone may be idle for as long as the suite takes.
  gateway = await startTestGateway(backend.port, { client: { keepAliveTimeoutMs: 600_000 } });
  phone = await Wire.open(gateway.port);
});
afterAll(async () => {
  phone.destroy();
  await gateway.close();
  await backend.close();
});

const CANARY = 'X-Canary: 1';
const canaryUpstream = upstreamBytes({
  lines: [...request('', Buffer.alloc(0)).split('\r\n').slice(2, 5), CANARY],
});

/** One request of the phone there and back. */
async function canary(): Promise<void> {
  phone.received = '';
  phone.send(request('FolderSync', FOLDER_SYNC, [CANARY]));
  await phone.until(() => phone.received.endsWith('\r\n\r\nok'), 'the answer to the well-behaved phone');
}

/** Sends the bytes, waits for `answers` responses, then until nothing more comes; returns what came. */
async function play(
  bytes: string,
  answers: number,
  closes: boolean,
): Promise<{ text: string; ended: boolean }> {
  const wire = await Wire.open(gateway.port);
  try {
    wire.send(bytes);
    await wire.until(() => wire.received.split('HTTP/1.1 ').length - 1 >= answers, `${answers} answers`);
    if (closes) await wire.until(() => wire.ended, 'the gateway to close');
    await canary();
    await canary();
    const { ended, received } = wire;
    wire.end();
    await wire.until(() => wire.closed, 'the connection to close');
    return { text: received, ended };
  } finally {
    wire.destroy();
  }
}

function forwardedOf({ expect: expected }: HostileCase): readonly Seen[] {
  if ('forwarded' in expected) return expected.forwarded;
  return 'waiting' in expected ? expected.waiting : (expected.after ?? []);
}

async function check(hostile: HostileCase): Promise<void> {
  const expected = hostile.expect;
  const forwarded = forwardedOf(hostile);
  const statuses = forwarded.map(() => ('forwarded' in expected ? (expected.status ?? 200) : 200));
  if ('code' in expected) statuses.push(expected.status);
  const before = gateway.finished.length;
  arrived = '';
  const { text, ended } = await play(hostile.bytes, statuses.length, 'code' in expected);
  expect(statusesOf(text)).toEqual(statuses);
  // Nothing but these requests, in this order; the phone's own are taken out.
  expect(arrived.replaceAll(canaryUpstream, '')).toBe(forwarded.map(upstreamBytes).join(''));
  const errors = gateway.finished
    .slice(before)
    .map(({ error }) => error)
    .filter((error) => error !== null && error !== 'EASGATE_LENGTH_MISMATCH');
  expect(errors).toEqual('code' in expected ? [expected.code] : []);
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
    const short = request('FolderSync', FOLDER_SYNC, ['Content-Length: 5000', 'X-Short: 1']);
    expect(await play(short, 0, false)).toEqual({ text: '', ended: false });
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
    await play(request('FolderSync', FOLDER_SYNC).repeat(2), 2, false);
    expect(arrived.replaceAll(canaryUpstream, '')).toBe(upstreamBytes({}).repeat(2));
  });
});
