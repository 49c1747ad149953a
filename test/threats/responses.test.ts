// Owns the promise that a hostile or broken mail server harms one response at most: the bytes that the phone gets are exact,
// and a connection in doubt never carries another request.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CLEAR_ANSWERS, DOUBTFUL_ANSWERS } from '../fixtures/hostile/answers.ts';
import type { HostileAnswer } from '../fixtures/hostile/answers.ts';
import { ok, startRawBackend } from '../support/servers/raw-backend.ts';
import type { BackendConnection, BackendRequest, RawBackend } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { Wire } from '../support/phones/wire.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';

checkLeaksAtEnd();

let backend: RawBackend;
let gateway: TestGateway;
/** What the mail server does with a request that has `X-Hostile`. */
let answer: (request: BackendRequest) => void = () => undefined;

beforeAll(async () => {
  backend = await startRawBackend((seen) => {
    if (seen.header('x-hostile') === undefined) seen.connection.socket.write(ok('clean'));
    else answer(seen);
  });
  gateway = await startTestGateway(backend.port);
});
afterAll(async () => {
  await gateway.close();
  await backend.close();
});

const hostileRequest = request('FolderSync', FOLDER_SYNC, ['X-Hostile: 1']);

/** A well-behaved exchange of another phone; returns the connection that carried it. */
async function cleanExchange(): Promise<BackendConnection> {
  const wire = await Wire.open(gateway.port);
  wire.send(request('FolderSync', FOLDER_SYNC));
  await wire.until(() => wire.received.endsWith('clean'), 'a clean answer');
  expect(wire.received).toBe(ok('clean'));
  wire.destroy();
  return (backend.requests.at(-1) as BackendRequest).connection;
}

/** From here on the gateway reuses a finished connection at once. */
async function reuseConnections(): Promise<void> {
  const before = await cleanExchange();
  // A connection that stayed open for a moment shows that the server keeps connections.
  await gateway.time.advance(500);
  expect(await cleanExchange()).toBe(before);
}

beforeEach(reuseConnections);

/** Sends the hostile request and checks what the phone gets; returns the connections that carried it. */
async function exchange(hostile: HostileAnswer): Promise<BackendConnection[]> {
  const carried: BackendConnection[] = [];
  answer = ({ connection }) => {
    carried.push(connection);
    connection.socket.write(hostile.bytes, 'latin1');
    if (hostile.after === 'fin') connection.socket.end();
    // A reset must not overtake the bytes before it.
    else if (hostile.after === 'reset') setImmediate(() => connection.socket.resetAndDestroy());
  };
  const wire = await Wire.open(gateway.port);
  wire.send(hostile.http10 === true ? hostileRequest.replace('HTTP/1.1', 'HTTP/1.0') : hostileRequest);
  const { phone } = hostile;
  if ('text' in phone) {
    await wire.until(() => wire.ended || wire.received.length >= phone.text.length, 'the answer');
    if (phone.closes === true) {
      await wire.until(() => wire.ended, 'the end');
    } else {
      wire.send(request('FolderSync', FOLDER_SYNC));
      await wire.until(() => wire.received.endsWith('clean'), 'the next answer');
    }
    expect(wire.received).toBe(phone.text + (phone.closes === true ? '' : ok('clean')));
    expect(wire.reset).toBe(false);
  } else {
    await wire.until(() => wire.closed, 'the connection to be cut');
    expect(wire.reset).toBe(true);
    expect(phone.cutWithin.slice(0, wire.received.length)).toBe(wire.received);
    expect(wire.received).not.toContain('\r\n0\r\n\r\n');
  }
  wire.destroy();
  return carried;
}

describe.each(DOUBTFUL_ANSWERS)('$title', ({ answers }) => {
  it.each(answers)('$name', async (hostile) => {
    const carried = await exchange(hostile);
    expect(carried.length).toBeGreaterThan(0);
    const next = await cleanExchange();
    expect(carried).not.toContain(next);
    for (const connection of carried)
      await until(() => connection.closed, 'the doubtful connection to close');
  });
});

describe('an odd but clear answer', () => {
  it.each(CLEAR_ANSWERS)('leaves the connection in use: $name', async (hostile) => {
    const carried = await exchange(hostile);
    expect(carried).toEqual([await cleanExchange()]);
  });
});

describe('a connection to the mail server', () => {
  const late: readonly (readonly [string, string])[] = [
    ['a response', ok('poison')],
    ['a byte', 'x'],
    ['a line end', '\r\n'],
    ['408 Request Timeout', 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'],
  ];

  it.each(late)('closes when %s comes while it is idle, and no phone gets that', async (_name, bytes) => {
    const connection = await cleanExchange();
    connection.socket.write(bytes, 'latin1');
    await until(() => connection.closed, 'the connection to close');
    expect(await cleanExchange()).not.toBe(connection);
  });

  it('closes when the answer came before the request was complete, and the phone is told to close', async () => {
    const early = await startRawBackend(undefined, (connection) => {
      if (connection.received.length < 1_000) connection.socket.write(ok('early'));
    });
    const other = await startTestGateway(early.port);
    const wire = await Wire.open(other.port);
    wire.send(request('FolderSync', FOLDER_SYNC, ['Content-Length: 70000']));
    await wire.until(() => wire.ended, 'the end');
    expect(wire.received).toBe(ok('early').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await until(() => early.connections[0]?.closed === true, 'the connection to close');
    wire.destroy();
    await other.close();
    await early.close();
  });

  it('closes when a phone without credentials gets more than a challenge, and nothing of that reaches it', async () => {
    const carried: BackendConnection[] = [];
    const open = await startRawBackend(({ connection }) => {
      carried.push(connection);
      connection.socket.write(ok('secret', 'X-Secret: 1\r\n'));
    });
    const other = await startTestGateway(open.port);
    const wire = await Wire.open(other.port);
    wire.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, ''));
    await wire.until(() => wire.received.endsWith('\r\n\r\n'), 'the answer');
    expect(wire.received).toMatch(/^HTTP\/1\.1 401 /);
    expect(wire.received).not.toMatch(/secret/i);
    await until(() => carried.length === 1 && carried[0]?.closed === true, 'the connection to close');
    wire.destroy();
    await other.close();
    await open.close();
  });
});
