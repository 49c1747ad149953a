// Threat: deliveries that cost much: too large, packed bombs (RFC 1952), heads and bodies that come byte by byte (slowloris), very many
// at once, and one address that holds all connections.
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openFilesIn } from '../support/checks/open-files.ts';
import { until } from '../support/checks/until.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { FEEDS, SECRET, TOKEN, ndjson, pushed, receiverOf, signed } from '../support/servers/receiver.ts';

checkLeaks();

// Bodies of other tests are in another folder.
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-heavy-'));
  vi.stubEnv('TMPDIR', folder);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const PACE = { totalMs: 60_000, leastBytes: 1_000, everyMs: 50 };
/** Temporary files of this process; they have no names. */
const spools = (): number => openFilesIn(tmpdir());

it('a body that is announced as too large, or is too large without a word of it, is answered 413', async () => {
  const { send, port } = await receiverOf(FEEDS);
  const body = JSON.stringify({ id: 'PHONE1', managed: true, model: 'x'.repeat(300_000) });
  expect((await send('/receive/timed', { headers: signed(body), body })).status).toBe(413);
  const client = await RawClient.open(port);
  const head = Object.entries(signed(body)).map(([name, value]) => `${name}: ${value}\r\n`);
  client.send(
    `POST /receive/timed HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head.join('')}Transfer-Encoding: chunked\r\n\r\n`,
  );
  for (let index = 0; index < 20; index++) client.send(`4e20\r\n${'x'.repeat(20_000)}\r\n`);
  expect((await client.response()).status).toBe(413);
  client.destroy();
});

it('a packed bomb ends where it is seen, and leaves nothing on the disk', async () => {
  const { send } = await receiverOf(`  - { name: mdm, kind: push, tokens: [${TOKEN}], maxMegabytes: 64 }`);
  const before = spools();
  const zeros = gzipSync(Buffer.alloc(40 * 1_048_576));
  const headers = pushed(undefined, { 'Content-Encoding': 'gzip' });
  for (const [path, body] of [
    ['/receive/mdm/bulk?devices=1', zeros],
    ['/receive/mdm/delta', zeros],
    // Twice packed: what it holds is not unpacked again.
    ['/receive/mdm/delta', gzipSync(zeros)],
    ['/receive/mdm/delta', Buffer.concat(Array<Buffer>(50).fill(gzipSync(Buffer.alloc(1_048_576, 0x20))))],
  ] as const) {
    const { status } = await send(path, { headers, body });
    expect([413, 422]).toContain(status);
  }
  expect(spools()).toEqual(before);
});

it('records that pack well are no bomb', async () => {
  const { send } = await receiverOf(FEEDS);
  const records = Array.from({ length: 60_000 }, (_, index) => ({
    id: `PHONE${index}`,
    managed: true,
    compliant: true,
    platform: 'ios',
    osVersion: '17.4.1',
  }));
  const body = gzipSync(ndjson(...records));
  const headers = pushed(undefined, { 'Content-Encoding': 'gzip' });
  const { status, body: answer } = await send('/receive/mdm/bulk?devices=60000', { headers, body });
  expect([status, answer]).toMatchObject([200, { devices: { accepted: 60_000 } }]);
});

it('what is said to be gzip, and is not, or is cut off, writes nothing', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const headers = pushed(undefined, { 'Content-Encoding': 'gzip' });
  const good = gzipSync(ndjson({ id: 'PHONE1', managed: true }));
  for (const body of [
    Buffer.from(ndjson({ id: 'PHONE1', managed: true })),
    good.subarray(0, -6),
    randomBytes(500),
  ])
    expect((await send('/receive/mdm/delta', { headers, body })).status).toBe(422);
  expect(await device('PHONE1')).toBeNull();
  expect(
    (
      await send('/receive/mdm/delta', {
        headers: pushed(undefined, { 'Content-Encoding': 'br' }),
        body: good,
      })
    ).status,
  ).toBe(415);
});

it('a head that does not end is ended, and so is a body that comes too slowly', async () => {
  const { port } = await receiverOf(FEEDS, { pace: PACE, headMs: 100 });
  const head = await RawClient.open(port);
  head.send('POST /receive/mdm/delta HTTP/1.1\r\nHost: a\r\nX-');
  expect((await head.response()).status).toBe(408);
  const body = await RawClient.open(port);
  body.send(
    `POST /receive/mdm/delta HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n{`,
  );
  expect((await body.response()).status).toBe(408);
  head.destroy();
  body.destroy();
});

it('a sender that leaves in the middle of its body writes nothing, and leaves nothing on the disk', async () => {
  const { port, device, send } = await receiverOf(FEEDS);
  const before = spools();
  const client = await RawClient.open(port);
  const line = ndjson({ id: 'PHONE1', managed: true, compliant: true });
  client.send(
    `POST /receive/mdm/bulk?devices=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n${line.length.toString(16)}\r\n${line}\r\n`,
  );
  await until(() => spools() > before, 'the body to be read');
  client.destroy();
  await until(() => spools() === before, 'the file to be removed');
  expect(await device('PHONE1')).toBeNull();
  // The room for a bulk is free again.
  expect((await send('/receive/mdm/bulk?devices=1', { headers: pushed(), body: line })).status).toBe(200);
});

it('of very many at once each is carried out or refused, and none is stored without its answer', async () => {
  const { send, store } = await receiverOf(FEEDS);
  const deliveries = Array.from({ length: 150 }, async (_, index) => {
    const body = JSON.stringify({ id: `PHONE${index}`, managed: true, compliant: true });
    const { status, headers } = await send('/receive/timed', { headers: signed(body), body }).catch(() => ({
      status: 0,
      headers: {} as Record<string, string>,
    }));
    return { status, isAnswered: status === 202 || status === 0 || headers['retry-after'] !== undefined };
  });
  const answers = await Promise.all(deliveries);
  expect(answers.every(({ isAnswered }) => isAnswered)).toBe(true);
  const accepted = answers.filter(({ status }) => status === 202).length;
  expect(accepted).toBeGreaterThan(0);
  let stored = 0;
  for await (const part of store.scanDevices()) stored += part.length;
  expect(stored).toBe(accepted);
});

it('more than maxPerMinute are answered 429, with the time to wait; those without a proof use nothing of it', async () => {
  const { send } = await receiverOf(
    `  - { name: hook, kind: webhook, secrets: [${SECRET}], maxPerMinute: 3 }`,
  );
  const deliver = (secret: string): Promise<{ status: number; headers: object }> => {
    const body = JSON.stringify({ type: 'device', id: 'PHONE1', compliant: false });
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    return send('/receive/hook', { headers: { 'X-Hub-Signature-256': `sha256=${signature}` }, body });
  };
  for (let index = 0; index < 10; index++) expect((await deliver('wrong')).status).toBe(403);
  for (let index = 0; index < 3; index++) expect((await deliver(SECRET)).status).toBe(202);
  const { status, headers } = await deliver(SECRET);
  expect([status, headers]).toMatchObject([
    429,
    { 'retry-after': expect.stringMatching(/^[1-9]\d?$/) as string },
  ]);
});

it('one address cannot hold all connections', async () => {
  const { port } = await receiverOf(FEEDS, { maxConnections: 10 });
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(port)));
  await until(() => clients.filter(({ closed, ended }) => closed || ended).length === 3, 'three to be ended');
  for (const client of clients) client.destroy();
});

it('one address without a proof cannot hold the room for all bodies', async () => {
  const { port, send } = await receiverOf(FEEDS);
  const clients = await Promise.all(Array.from({ length: 70 }, () => RawClient.open(port)));
  const head = `POST /receive/untimed HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256=${'a'.repeat(64)}\r\nContent-Length: 1000\r\n\r\n{`;
  for (const client of clients) client.send(head);
  const answered = (status: number): RawClient[] =>
    clients.filter(({ received }) => received.startsWith(`HTTP/1.1 ${status} `));
  // Those beyond the room are answered at once; all others wait for their body.
  await until(() => answered(503).length >= 38, 'the refusals');
  const line = ndjson({ id: 'PHONE1', managed: true, compliant: true });
  expect((await send('/receive/mdm/delta', { headers: pushed(), body: line })).status).toBe(200);
  for (const client of clients) client.destroy();
});

it('memory does not grow with a body', async () => {
  const { send } = await receiverOf(FEEDS);
  const packed = createGzip();
  const pieces: Buffer[] = [];
  packed.on('data', (piece: Buffer) => pieces.push(piece));
  const line = `${JSON.stringify({ id: 'PHONE1', managed: true, model: 'x' })}${' '.repeat(2_000)}${randomBytes(20).toString('hex')}\n`;
  for (let index = 0; index < 30_000; index++) packed.write(line);
  packed.end();
  await new Promise((resolve) => packed.once('end', resolve));
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().arrayBuffers - before)), 5);
  const headers = pushed(undefined, { 'Content-Encoding': 'gzip' });
  const { status } = await send('/receive/mdm/bulk?devices=0', { headers, body: Buffer.concat(pieces) });
  clearInterval(watch);
  expect([200, 413, 422]).toContain(status);
  // 62 MB, unpacked.
  expect(most).toBeLessThan(40_000_000);
});
