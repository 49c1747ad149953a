// Threat: a peer that closes or resets at the worst moment crashes a worker, with all its connections, or leaks a request or a
// connection.
import { createHook } from 'node:async_hooks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../fixtures/tls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf, gatewayWith, laneOf, phoneOf } from '../support/servers/openings.ts';
import { FOLDER_SYNC, PING, request, verdict } from '../support/servers/test-gateway.ts';
import { TlsPhone, listenerTls } from '../support/phones/tls-phone.ts';

checkLeaks();

const TLS = listenerTls([{ certificate: SERVER_CERTIFICATE, key: SERVER_KEY }]);

async function tlsPhoneOf({ port }: { readonly port: number }): Promise<TlsPhone> {
  const phone = await TlsPhone.connect(port);
  onTestFinished(() => phone.destroy());
  return phone;
}

describe('over TLS', () => {
  const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf';

  it('a response that the mail server cuts ends the connection, and the worker goes on', async () => {
    const backend = await backendOf(({ connection }) => connection.socket.end(HALF));
    const gateway = await gatewayOf(backend, { listen: { tls: TLS } });
    const phone = await tlsPhoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => phone.closed, 'the connection to close');
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_UPSTREAM_TRUNCATED']);
  });
});

describe('the pass-through lane', () => {
  it('goes on when an upgrade request with a body ends in a reset', async () => {
    const lane = await laneOf(await backendOf(answerOk));
    for (const [target, body] of [
      ['/owa/x', 'Content-Length: 500000\r\n\r\nhello'],
      ['/socket', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhel'],
    ] as const) {
      const phone = await phoneOf(lane);
      phone.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${body}`);
      await until(() => phone.received !== '', 'the refusal');
      phone.send('x'.repeat(100_000));
      phone.socket.resetAndDestroy();
      await until(() => lane.lane.connections() === 0, 'the connection to close');
    }
  });

  it('keeps nothing of an upgrade request whose body does not come', async () => {
    const lane = await laneOf(await backendOf(answerOk));
    const parsers = new Set<number>();
    const hook = createHook({
      init: (id, type) => void (type === 'HTTPINCOMINGMESSAGE' && parsers.add(id)),
      destroy: (id) => void parsers.delete(id),
    }).enable();
    onTestFinished(() => void hook.disable());
    const phone = await phoneOf(lane);
    phone.send(
      'POST /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n',
    );
    await until(() => phone.ended, 'the refusal');
    expect(parsers.size).toBeGreaterThan(0);
    phone.destroy();
    await until(() => parsers.size === 0, 'the parser of node:http to be freed');
  });
});

describe('a poll', () => {
  it('ends with its phone, although the phone sent bytes that nobody reads', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    phone.send('x'.repeat(300_000));
    await until(() => phone.socket.writableLength === 0 || phone.closed, 'the bytes to be sent');
    phone.destroy();
    await until(() => gateway.connections() === 0, 'the connection to close');
    await until(() => backend.connections[0]?.closed === true, 'the connection to the mail server to close');
  });

  it('is not forwarded for a phone that leaves during the look-up', async () => {
    const backend = await backendOf();
    const answer = Promise.withResolvers<void>();
    let asked = 0;
    const gateway = await gatewayWith(backend, async () => {
      asked++;
      await answer.promise;
      return { verdict: verdict('allow') };
    });
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => asked === 1, 'the look-up');
    phone.socket.end();
    // Once another one is answered, the gateway has read the end of this one.
    const other = await phoneOf(gateway);
    other.send('GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    await other.response();
    answer.resolve();
    await until(() => phone.closed, 'the connection to close');
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_NOT_FOUND', 'EASGATE_CLIENT_LEFT']);
    expect(backend.requests).toEqual([]);
  });
});
