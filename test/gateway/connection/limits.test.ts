// Owns the promises about limits towards clients: sizes, counts and memory. Real sockets.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ERRORS } from '../../../src/errors/request-errors.ts';
import type { HttpErrorCode } from '../../../src/errors/request-errors.ts';
import { errorReply } from '../../../src/http/reply.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { FOLDER_SYNC, PING, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

afterEach(async () => {
  vi.restoreAllMocks();
});

interface SetUp {
  readonly backend: RawBackend;
  readonly gateway: TestGateway;
  /** Another phone. */
  readonly open: () => Promise<RawClient>;
  /** Another phone, which is not allowed. */
  readonly turnedAway: () => Promise<void>;
}

/** Answers everything but Ping, which it holds. */
const holdPings = ({ connection, target }: BackendRequest): void => {
  if (!target.includes('Cmd=Ping')) connection.socket.write(ok());
};

async function setUp(overrides: SettingsOverrides = {}, onRequest = holdPings): Promise<SetUp> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, overrides);
  const open = (): Promise<RawClient> => phoneOf(gateway);
  // The reset may arrive before the connection is reported as established.
  const turnedAway = async (): Promise<void> => {
    const { rejectedConnections: before } = gateway.counters();
    const client = await open().catch(() => null);
    if (client !== null) await until(() => client.closed);
    expect(gateway.counters().rejectedConnections).toBe(before + 1);
  };
  return { backend, gateway, open, turnedAway };
}

const SEND_MAIL = Buffer.from('03016a00001545', 'hex');
const padded = (start: Buffer, size: number): Buffer =>
  Buffer.concat([start, Buffer.alloc(size - start.length)]);

describe('a request', () => {
  const sync = request('FolderSync', FOLDER_SYNC);
  it.each([
    ['a head larger than maxHeadBytes', { maxHeadBytes: 2_000 }, [`X: ${'y'.repeat(2_000)}`], sync, 431],
    [
      'more headers than maxHeaders',
      { maxHeaders: 20 },
      Array.from({ length: 20 }, (_, n) => `X-${n}: y`),
      sync,
      431,
    ],
    ['a target longer than maxTargetBytes', { maxTargetBytes: 60 }, [], sync, 414],
  ])('with %s is refused, and one within passes', async (_what, client, lines, text, status) => {
    const { backend, open } = await setUp({ client });
    const refused = await open();
    refused.send(text.replace('\r\n\r\n', `\r\n${lines.map((line) => line + '\r\n').join('')}\r\n`));
    const response = await refused.response();
    expect(response.status).toBe(status);
    expect(response.header('connection')).toBe('close');
    expect(response.body).toHaveLength(0);
    await until(() => refused.ended);
    expect(backend.requests).toHaveLength(0);
    const good = await open();
    good.send(
      'OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\n\r\n',
    );
    expect((await good.response()).status).toBe(200);
  });

  it('with an endless head is refused as soon as the head is too large, before its deadline', async () => {
    const { gateway, open } = await setUp({ client: { maxHeadBytes: 2_000 } });
    const client = await open();
    client.send(`POST /Microsoft-Server-ActiveSync HTTP/1.1\r\nX: ${'y'.repeat(2_000)}`);
    expect((await client.response()).status).toBe(431);
    expect(gateway.finished[0]?.error).toBe('EASGATE_HEAD_TOO_LARGE');
  });

  it('of a command has a smaller body limit than one with a mail, whatever its framing', async () => {
    const { backend, gateway, open } = await setUp({ client: { maxCommandBodyBytes: 10_000 } });
    const chunked = (command: string, body: Buffer): string =>
      request(command, Buffer.alloc(0), ['Transfer-Encoding: chunked']) +
      `${body.length.toString(16)}\r\n${body.toString('latin1')}\r\n0\r\n\r\n`;
    for (const frame of [request, chunked]) {
      const client = await open();
      client.send(frame('FolderSync', padded(FOLDER_SYNC, 10_001)));
      expect((await client.response()).status).toBe(413);
      expect(gateway.finished.at(-1)?.error).toBe('EASGATE_BODY_TOO_LARGE');
    }
    expect(backend.requests).toHaveLength(0);
    for (const frame of [request, chunked]) {
      const client = await open();
      client.send(frame('FolderSync', padded(FOLDER_SYNC, 10_000)));
      expect((await client.response()).status).toBe(200);
      client.send(frame('SendMail', padded(SEND_MAIL, 10_001)));
      expect((await client.response()).status).toBe(200);
      expect(backend.requests.at(-1)?.body).toHaveLength(10_001);
    }
  });
});

describe('connections', () => {
  it('beyond maxConnections are rejected, and accepted again when others have closed', async () => {
    const { gateway, open, turnedAway } = await setUp({ client: { maxConnections: 2 } });
    const [first, second] = [await open(), await open()];
    await until(() => gateway.connections() === 2);
    await turnedAway();
    first.destroy();
    await until(() => gateway.connections() === 1);
    const fourth = await open();
    for (const client of [second, fourth]) {
      client.send(request('FolderSync', FOLDER_SYNC));
      expect((await client.response()).status).toBe(200);
    }
  });

  it('of one address beyond maxConnectionsPerAddress are rejected', async () => {
    const { gateway, open, turnedAway } = await setUp({ client: { maxConnectionsPerAddress: 2 } });
    const [first] = [await open(), await open()];
    await until(() => gateway.connections() === 2);
    await turnedAway();
    first?.destroy();
    await until(() => gateway.connections() === 1);
    const fourth = await open();
    fourth.send(request('FolderSync', FOLDER_SYNC));
    expect((await fourth.response()).status).toBe(200);
  });

  it('with a PROXY header are counted by the address in it', async () => {
    const { backend, gateway, open } = await setUp({
      listen: { proxyProtocolFrom: ['127.0.0.1/32'] },
      client: { maxConnectionsPerAddress: 1 },
    });
    const from = async (address: string): Promise<RawClient> => {
      const client = await open();
      client.send(`PROXY TCP4 ${address} 192.0.2.99 40000 443\r\n` + request('FolderSync', FOLDER_SYNC));
      return client;
    };
    const first = await from('192.0.2.1');
    expect((await first.response()).status).toBe(200);
    const second = await from('192.0.2.1');
    await until(() => second.closed);
    expect(second.received).toBe('');
    expect(gateway.counters().rejectedConnections).toBe(1);
    const other = await from('192.0.2.2');
    expect((await other.response()).status).toBe(200);
    expect(backend.requests.map((seen) => seen.header('x-forwarded-for'))).toEqual([
      '192.0.2.1',
      '192.0.2.2',
    ]);
    first.destroy();
    await until(() => gateway.connections() === 1);
    expect((await (await from('192.0.2.1')).response()).status).toBe(200);
  });

  it('end with the last of maxRequestsPerConnection, whose answer has Connection: close', async () => {
    const { backend, open } = await setUp({ client: { maxRequestsPerConnection: 3 } });
    const client = await open();
    client.send(request('FolderSync', FOLDER_SYNC).repeat(4));
    const last = [await client.response(), await client.response(), await client.response()].map((response) =>
      response.header('connection'),
    );
    expect(last).toEqual([undefined, undefined, 'close']);
    await until(() => client.ended);
    expect(client.received).toBe('');
    expect(backend.requests).toHaveLength(3);
  });
});

describe('memory above maxMemoryBytes', () => {
  it('refuses new held polls and nothing else, until memory is below the limit', async () => {
    const resident = vi.spyOn(process.memoryUsage, 'rss');
    resident.mockReturnValue(1_000);
    const { backend, gateway, open } = await setUp({ client: { maxMemoryBytes: 1_000 } });
    const held = await open();
    held.send(request('Ping', PING));
    await until(() => backend.requests.length === 1);

    resident.mockReturnValue(1_001);
    const client = await open();
    await gateway.time.advance(1_000);
    client.send(request('Ping', PING, [], 'OTHER1'));
    const refused = await client.response();
    expect(refused.status).toBe(503);
    expect(refused.header('retry-after')).toBe('30');
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_OVERLOADED');
    expect(gateway.counters().shed).toBe(1);
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(200);
    expect(held.received).toBe('');

    resident.mockReturnValue(1_000);
    await gateway.time.advance(1_000);
    client.send(request('Ping', PING, [], 'OTHER1'));
    await until(() => backend.requests.at(-1)?.target.includes('OTHER1') === true, 'the Ping to be held');
  });
});

describe('the reply to an error', () => {
  const codes = Object.keys(ERRORS) as HttpErrorCode[];
  it.each(codes)('%s has only a status', (code) => {
    const { status } = ERRORS[code];
    const [line = '', ...lines] = errorReply(code, false, 30).split('\r\n');
    expect(line).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z][A-Za-z ]+$`));
    const expected = ['Content-Length: 0', 'Connection: close', '', ''];
    if (status === 503) expected.unshift('Retry-After: 30');
    if (status === 405) expected.unshift('Allow: OPTIONS, POST');
    expect(lines).toEqual(expected);
  });

  it('names neither the mail server nor its fault', async () => {
    const { backend, gateway, open } = await setUp();
    await backend.close();
    const client = await open();
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).head).toBe('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
    expect(gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_CONNECT');
  });
});
