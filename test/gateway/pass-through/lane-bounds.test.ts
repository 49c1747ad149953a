// Owns the promises of the pass-through lane about bounds, and about stopping.
import { describe, expect, it } from 'vitest';
import { LINGER_MS } from '../../../src/gateway/fixed-limits.ts';
import { get, openLane, request } from '../../support/servers/open-lane.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendConnection } from '../../support/servers/raw-backend.ts';
import { stopTimers } from '../../support/checks/test-clock.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

describe('bounds', () => {
  it('refuse a body that is announced too large', async () => {
    const { backend, client } = await openLane();
    client.send(request('POST /owa/', ['Content-Length: 100001', 'Expect: 100-continue']));
    expect((await client.response()).status).toBe(413);
    expect(backend.connections).toHaveLength(0);
  });

  it('refuse a chunked body that grows too large', async () => {
    const { backend, client } = await openLane();
    const chunk = 'c350\r\n' + 'x'.repeat(50_000) + '\r\n';
    client.send(request('POST /owa/', ['Transfer-Encoding: chunked'], chunk + chunk + chunk));
    client.send('0\r\n\r\n');
    expect((await client.response()).status).toBe(413);
    await until(() => backend.connections.every(({ closed }) => closed));
    expect(backend.requests).toHaveLength(0);
  });

  it('refuse a malformed chunk', async () => {
    const { backend, gateway, client } = await openLane();
    client.send(request('POST /owa/', ['Transfer-Encoding: chunked'], '4\r\nbody\r\n'));
    await until(() => backend.connections[0]?.received.includes('body') === true);
    client.send('zz\r\n');
    expect((await client.response()).status).toBe(400);
    await until(() => backend.connections[0]?.closed === true);
    await until(() => gateway.lines.length === 1, 'the line of the request');
    expect(gateway.lines[0]?.error).toBe('EASGATE_BAD_CHUNK');
  });

  it('end a body that stops coming', async () => {
    const pass = stopTimers();
    const { backend, gateway, client } = await openLane(undefined, { responseTimeoutMs: 1_000 });
    client.send(request('POST /owa/', ['Content-Length: 10'], 'half'));
    await until(() => backend.connections[0]?.received.endsWith('half') === true, 'a part of the body');
    await pass(1_000);
    // What the client still sends is read for a moment before the answer.
    await pass(LINGER_MS);
    expect((await client.response()).status).toBe(408);
    await until(() => backend.connections[0]?.closed === true);
    await until(() => gateway.lines.length === 1, 'the line of the request');
    expect(gateway.lines[0]?.error).toBe('EASGATE_BODY_TIMEOUT');
  });

  it('end a head that does not come whole', async () => {
    const pass = stopTimers();
    const { gateway, client } = await openLane(undefined, { headTimeoutMs: 1_000 });
    client.send('GET /owa/ HTTP/1.1\r\nHost: x\r\n');
    await until(() => gateway.lane.connections() === 1, 'the connection');
    await pass(1_000);
    await until(() => client.ended);
  });

  it('end a head that began during an answer and does not come whole', async () => {
    const pass = stopTimers();
    let page: BackendConnection | null = null;
    const { client } = await openLane(({ connection }) => (page = connection), { headTimeoutMs: 1_000 });
    client.send(`${get()}GET /owa/ HTTP/1.1\r\nHost: x\r\n`);
    await until(() => page !== null, 'the page');
    (page as BackendConnection | null)?.socket.write(ok());
    await client.response();
    await pass(1_000);
    await until(() => client.ended, 'the end');
  });

  it('end an idle connection', async () => {
    const pass = stopTimers();
    const { client } = await openLane(undefined, { headTimeoutMs: 1_000, keepAliveTimeoutMs: 500 });
    client.send(get());
    await client.response();
    await pass(1_500);
    await until(() => client.ended);
  });

  it('turn away more connections than allowed', async () => {
    const { gateway, client, open } = await openLane(() => undefined, { maxConnections: 1 });
    client.send(get());
    await until(() => gateway.lane.connections() === 1);
    const second = await open();
    second.send(get());
    expect((await second.response()).status).toBe(503);
    expect(gateway.lane.connections()).toBe(1);
  });
});

describe('stopping', () => {
  it('closes idle connections at once, and others behind their response', async () => {
    let held: BackendConnection | null = null;
    const { gateway, client, open } = await openLane(({ connection, target }) => {
      if (target === '/owa/held') held = connection;
      else connection.socket.write(ok());
    });
    client.send(get());
    await client.response();
    const busy = await open();
    busy.send(get('/owa/held'));
    await until(() => held !== null);
    gateway.lane.drain();
    await until(() => client.ended);
    (held as BackendConnection | null)?.socket.write(ok());
    const response = await busy.response();
    expect(response.header('connection')).toBe('close');
    await until(() => busy.ended && gateway.lane.connections() === 0);
    const late = await open();
    late.send(get());
    expect((await late.response()).status).toBe(503);
  });

  it('closes everything when told to', async () => {
    const { backend, gateway, client } = await openLane(() => undefined);
    client.send(get());
    await until(() => backend.requests.length === 1);
    await gateway.lane.close();
    expect(gateway.lane.connections()).toBe(0);
    await until(() => client.ended && backend.connections[0]?.closed === true);
  });
});
