// Threat: a request that was admitted before its device was blocked reaches the mail server after it.
import { describe, expect, it, onTestFinished } from 'vitest';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../fixtures/tls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { eventually, until } from '../support/checks/until.ts';
import type { RawClient } from '../support/phones/raw-client.ts';
import { answerOk, backendOf, gatewayOf, gatewayWith, phoneOf } from '../support/servers/openings.ts';
import type { BackendRequest } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, PING, request, verdict } from '../support/servers/test-gateway.ts';
import { TlsPhone, listenerTls } from '../support/phones/tls-phone.ts';

checkLeaks();

const TLS = listenerTls([{ certificate: SERVER_CERTIFICATE, key: SERVER_KEY }]);

async function tlsPhoneOf({ port }: { readonly port: number }): Promise<TlsPhone> {
  const phone = await TlsPhone.connect(port);
  onTestFinished(() => phone.destroy());
  return phone;
}

/** MS-ASCMD 2.2.2: DeviceIsBlockedForThisUser, as a FolderSync response contains it. */
const BLOCKED = '129';

describe('a device that is blocked', () => {
  it('while it still sends a chunked body does not reach the mail server', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    const body = FOLDER_SYNC.toString('latin1');
    const head = request('FolderSync', Buffer.alloc(0), [
      'Transfer-Encoding: chunked',
      'Expect: 100-continue',
    ]);
    phone.send(head);
    await until(() => phone.received.includes('100 Continue'), 'the body to be asked for');
    phone.send(`${(body.length - 1).toString(16)}\r\n${body.slice(0, -1)}\r\n`);
    // Once another request is answered, the gateway has read the bytes before it.
    const other = await phoneOf(gateway);
    other.send(request('FolderSync', FOLDER_SYNC, [], 'OTHER1'));
    await other.response();
    gateway.change('abc123', 'block');
    phone.send(`1\r\n${body.slice(-1)}\r\n0\r\n\r\n`);
    expect((await phone.response()).body.toString('latin1')).toContain(BLOCKED);
    expect(backend.requests.filter(({ target }) => target.includes('ABC123'))).toEqual([]);
  });

  it('while its request waits for an upstream connection does not reach the mail server', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend, {
      upstream: { maxConnections: 1 },
      balancing: { maxQueued: 5 },
    });
    const first = await phoneOf(gateway);
    first.send(request('FolderSync', FOLDER_SYNC, [], 'FIRST1'));
    await until(() => backend.requests.length === 1, 'the first request');
    const [blocked, allowed] = [await phoneOf(gateway), await phoneOf(gateway)];
    blocked.send(request('FolderSync', FOLDER_SYNC));
    allowed.send(request('FolderSync', FOLDER_SYNC, [], 'LAST1'));
    await until(() => gateway.connections() === 3, 'three connections');
    const other = await phoneOf(gateway);
    other.send('GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    await other.response();
    gateway.change('abc123', 'block');
    expect((await blocked.response()).status).toBe(503);
    answerOk(backend.requests[0] as BackendRequest);
    await first.response();
    await until(() => backend.requests.length === 2, 'the next request');
    expect(backend.requests[1]?.target).toContain('LAST1');
  });

  it('during the look-up of its verdict does not reach the mail server', async () => {
    const backend = await backendOf(answerOk);
    const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let asked = 0;
    const gateway = await gatewayWith(backend, async () => {
      const call = asked++;
      await answers[call]?.promise;
      return { verdict: verdict(call === 0 ? 'allow' : 'block') };
    });
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => asked === 1, 'the look-up');
    gateway.change();
    for (const { resolve } of answers) resolve();
    expect((await phone.response()).body.toString('latin1')).toContain(BLOCKED);
    expect(backend.requests.filter(({ target }) => target.includes('Cmd='))).toEqual([]);
  });

  it('keeps no held poll, even with more polls than look-ups run at a time', async () => {
    const backend = await backendOf();
    let blocked = false;
    let underWay = 0;
    // The verdict cache answers like this beyond cache.maxConcurrentLookups, or while the directory is unreachable.
    const gateway = await gatewayWith(backend, async () => {
      if (underWay >= 2) return { verdict: null };
      underWay++;
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return { verdict: verdict(blocked ? 'block' : 'allow') };
    });
    const phones: RawClient[] = [];
    for (let count = 1; count <= 5; count++) {
      const phone = await phoneOf(gateway);
      phone.send(request('Ping', PING, [], `POLL${count}`));
      await until(() => backend.requests.length === count, 'the poll to be held');
      phones.push(phone);
    }
    blocked = true;
    gateway.change();
    // A verdict that the directory did not give is asked for again after a second.
    const ended = async (): Promise<boolean> => {
      await gateway.time.advance(1_000);
      return phones.every(({ received }) => received !== '');
    };
    await eventually(ended, (all) => all, 'all polls to end');
    for (const phone of phones) expect((await phone.response()).status).toBe(200);
  });
});

describe('a phone whose decision changed while the directory does not answer', () => {
  it('keeps its held poll for some seconds at most: the mail server would answer it with mail', async () => {
    const backend = await backendOf();
    let isAway = false;
    const gateway = await gatewayWith(backend, async () => ({ verdict: isAway ? null : verdict('allow') }));
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    isAway = true;
    gateway.change();
    await gateway.time.advance(1_000);
    expect([phone.received, gateway.heldPolls()]).toEqual(['', 1]);
    const ended = async (): Promise<boolean> => {
      await gateway.time.advance(1_000);
      return phone.received !== '';
    };
    await eventually(ended, Boolean, 'the poll to end');
    expect((await phone.response()).status).toBe(200);
    phone.send(request('Ping', PING));
    expect((await phone.response()).status).toBe(503);
  });
});

describe('a response over TLS', () => {
  const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf';

  it('is cut when its device is blocked under way', async () => {
    const backend = await backendOf(({ connection }) => void connection.socket.write(HALF));
    const gateway = await gatewayOf(backend, { listen: { tls: TLS } });
    const phone = await tlsPhoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => phone.received.endsWith('half'), 'half of the response');
    gateway.change('abc123', 'block');
    await until(() => phone.closed, 'the connection to close');
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_DECISION_CHANGED']);
  });
});

describe('a change of a verdict', () => {
  it('ends the request that it concerned, and not the next one on the connection', async () => {
    const backend = await backendOf();
    const asked = { abc123: 0, other1: 0 };
    let over = false;
    // From the second look-up on the directory does not answer, until the first request is complete.
    const gateway = await gatewayWith(backend, async (_user, device) => {
      const times = ++asked[device as unknown as keyof typeof asked];
      if (device === 'abc123' && over) return { verdict: verdict('block') };
      return { verdict: times === 1 ? verdict('allow') : null };
    });
    const other = await phoneOf(gateway);
    other.send(request('Ping', PING, [], 'OTHER1'));
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 2, 'both requests');
    gateway.change();
    await until(() => asked.abc123 === 3, 'it to be asked twice about the request');
    over = true;
    answerOk(backend.requests.find(({ target }) => target.includes('ABC123')) as BackendRequest);
    await phone.response();
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 3, 'the question about the credentials');
    const before = asked.other1;
    await gateway.time.advance(1_000);
    await until(() => asked.other1 > before, 'it to be asked again about what it did not answer');
    expect([asked.abc123, phone.received]).toEqual([4, '']);
    answerOk(backend.requests[2] as BackendRequest);
    await until(() => backend.requests.length === 4, 'the same question without credentials');
    answerOk(backend.requests[3] as BackendRequest);
    await until(() => backend.requests.length === 4, 'the same question without credentials');
    answerOk(backend.requests[3] as BackendRequest);
    // MS-ASCMD 2.2.2: DeviceIsBlockedForThisUser.
    expect((await phone.response()).body.toString('latin1')).toContain('129');
  });
});
