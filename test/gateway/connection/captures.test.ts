// Owns the proof on real input: recorded exchanges of real phones and servers are forwarded unchanged, however they are cut.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceKey } from '../../../src/identity/device.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { captures } from '../../support/checks/fixtures.ts';
import type { Capture, CapturedExchange } from '../../support/checks/fixtures.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { startRawBackend } from '../../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { startTestGateway } from '../../support/servers/test-gateway.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';

checkLeaks();

/** Hop-by-hop and framing headers, and what the gateway writes itself. */
const NOT_END_TO_END = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'host',
  'via',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
]);

const endToEnd = (headers: readonly (readonly [string, string])[]) =>
  headers
    .filter(([name]) => !NOT_END_TO_END.has(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${value}`);

let backend: RawBackend;
let gateway: TestGateway;
let playing: CapturedExchange;
let received: BackendRequest | undefined;

beforeAll(async () => {
  backend = await startRawBackend((request) => {
    received = request;
    const body = Buffer.from(playing.responseBody, 'base64');
    const chunked = playing.responseHeaders.some(([name]) => name.toLowerCase() === 'transfer-encoding');
    const head = playing.responseHeaders.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const { socket } = request.connection;
    socket.write(`HTTP/1.1 ${playing.status} ${playing.statusMessage}\r\n${head}\r\n`, 'latin1');
    if (chunked && body.length > 0) {
      const half = body.length >> 1;
      for (const part of [body.subarray(0, half), body.subarray(half)]) {
        if (part.length === 0) continue;
        socket.write(`${part.length.toString(16)}\r\n`);
        socket.write(part);
        socket.write('\r\n');
      }
    }
    if (chunked) socket.write('0\r\n\r\n');
    else socket.write(body);
    socket.end();
  });
  gateway = await startTestGateway(backend.port);
});
afterAll(async () => {
  await gateway.close();
  await backend.close();
});

function wire(exchange: CapturedExchange, chunked = false): Buffer {
  const body = Buffer.from(exchange.requestBody, 'base64');
  const headers = exchange.requestHeaders.filter(
    ([name]) => !chunked || name.toLowerCase() !== 'content-length',
  );
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `${exchange.method} ${exchange.url} HTTP/1.1\r\n${lines}${chunked ? 'Transfer-Encoding: chunked\r\n' : ''}\r\n`;
  if (!chunked) return Buffer.concat([Buffer.from(head, 'latin1'), body]);
  const parts = [Buffer.from(head, 'latin1')];
  for (let at = 0; at < body.length; at += 7) {
    const part = body.subarray(at, at + 7);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

async function play(exchange: CapturedExchange, pieces: readonly Buffer[]): Promise<void> {
  playing = exchange;
  received = undefined;
  const client = await RawClient.open(gateway.port);
  for (const piece of pieces) {
    client.send(piece);
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const response = await client.response();
  client.destroy();
  const seen = received as BackendRequest | undefined;
  if (seen === undefined) throw new Error(`the server saw nothing; the gateway said ${response.status}`);
  expect(seen.body.toString('base64')).toBe(exchange.requestBody);
  expect(endToEnd(seen.headers)).toEqual(endToEnd(exchange.requestHeaders));
  expect(response.status).toBe(exchange.status);
  expect(response.body.toString('base64')).toBe(exchange.responseBody);
  expect(endToEnd(response.headers)).toEqual(endToEnd(exchange.responseHeaders));
}

const isMalformed = (capture: Capture) => capture.name.startsWith('hstern-base64');
const valid = captures().filter((capture) => !isMalformed(capture));

describe.each(valid.map((capture) => [capture.name, capture] as const))('%s', (_name, capture) => {
  it('is forwarded byte for byte', async () => {
    for (const exchange of capture.exchanges) await play(exchange, [wire(exchange)]);
  });

  it('has the user and device of the recording', async () => {
    for (const exchange of capture.exchanges) {
      await play(exchange, [wire(exchange)]);
      const named = gateway.finished.at(-1);
      const credentials =
        exchange.requestHeaders.find(([name]) => name.toLowerCase() === 'authorization')?.[1] ?? '';
      const user = Buffer.from(credentials.slice(6), 'base64').toString().split(':')[0];
      expect(named?.user).toBe(user);
      const query = new URLSearchParams(exchange.url.split('?')[1] ?? '');
      if (exchange.method === 'OPTIONS') continue;
      if (query.has('Cmd')) {
        expect(named?.command).toBe(query.get('Cmd'));
        expect(named?.device).toBe(deviceKey(query.get('DeviceId') ?? ''));
      } else {
        expect(named?.device).toBe('capremdev');
        expect(named?.protocolVersion).toBe('14.1');
      }
    }
  });

  it('is forwarded with chunked framing instead of Content-Length', async () => {
    for (const exchange of capture.exchanges) {
      if (exchange.requestBody !== '') await play(exchange, [wire(exchange, true)]);
    }
  });

  it('is forwarded when its body is cut at random places', async () => {
    for (const exchange of capture.exchanges) {
      const bytes = wire(exchange);
      const cuts = Array.from({ length: 5 }, () => Math.floor(Math.random() * bytes.length)).sort(
        (a, b) => a - b,
      );
      const pieces = [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
      await play(
        exchange,
        pieces.filter((piece) => piece.length > 0),
      );
    }
  });
});

it('is forwarded when its head is cut at every byte', async () => {
  for (const capture of valid) {
    const exchange = capture.exchanges[1];
    if (exchange === undefined) continue;
    const bytes = wire(exchange);
    const end = bytes.indexOf('\r\n\r\n') + 4;
    for (let cut = 1; cut <= end; cut++) await play(exchange, [bytes.subarray(0, cut), bytes.subarray(cut)]);
  }
});

it('a malformed base64 query of a client is refused and does not reach the server', async () => {
  const exchanges = captures()
    .filter(isMalformed)
    .flatMap((capture) => capture.exchanges.filter(({ method }) => method !== 'OPTIONS'));
  expect(exchanges.length).toBeGreaterThan(0);
  for (const exchange of exchanges) {
    playing = exchange;
    received = undefined;
    const client = await RawClient.open(gateway.port);
    client.send(wire(exchange));
    expect((await client.response()).status).toBe(400);
    expect(received).toBeUndefined();
    client.destroy();
  }
});
