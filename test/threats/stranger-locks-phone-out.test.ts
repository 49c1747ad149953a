// Threat: somebody who knows a phone's device id, or shares its address, uses up its requests, its places or its connections, and
// keeps it from its mail.
import { describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { ok } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  seenPartnership,
} from '../support/servers/directory-records.ts';

checkLeaks();

describe('the throttle', () => {
  const OPTIONS = {
    throttle: { burst: 2, perMinute: 1 },
    identity: { trustedProxies: ['127.0.0.1'] },
  };
  const from = (address: string): string =>
    request('FolderSync', FOLDER_SYNC, [`X-Forwarded-For: ${address}`]);

  it('counts a stranger apart from the phone that used the same proxy connection', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), OPTIONS);
    const statuses: number[] = [];
    const shared = await phoneOf(gateway);
    for (const address of ['192.0.2.1', '203.0.113.9', '203.0.113.9', '203.0.113.9']) {
      shared.send(from(address));
      statuses.push((await shared.response()).status);
    }
    const other = await phoneOf(gateway);
    other.send(from('192.0.2.1'));
    statuses.push((await other.response()).status);
    expect(statuses).toEqual([200, 200, 200, 503, 200]);
  });

  it('does not count a request without X-Forwarded-For for the client before it', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), OPTIONS);
    const shared = await phoneOf(gateway);
    const statuses: number[] = [];
    for (const bytes of [
      from('192.0.2.1'),
      from('192.0.2.1'),
      request('FolderSync', FOLDER_SYNC),
      from('192.0.2.1'),
    ]) {
      shared.send(bytes);
      statuses.push((await shared.response()).status);
    }
    expect(statuses).toEqual([200, 200, 200, 503]);
  });

  it('answers each of several pipelined requests that it refuses', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), { throttle: { burst: 1, perMinute: 1 } });
    const phone = await phoneOf(gateway);
    const empty = request('Ping', Buffer.alloc(0)).replace(/Content-Type: .*\r\n/, '');
    phone.send(empty.repeat(4));
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) statuses.push((await phone.response()).status);
    expect(statuses).toEqual([200, 503, 503, 503]);
  });
});

describe('the limit of connections per address', () => {
  it('counts all addresses of one host in IPv6 together (/64, RFC 4291 2.5.4)', async () => {
    const gateway = await gatewayOf(await backendOf(answerOk), {
      listen: { proxyProtocolFrom: ['127.0.0.1'] },
      client: { maxConnectionsPerAddress: 2 },
    });
    const answered: boolean[] = [];
    for (const source of ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::3', '192.0.2.1']) {
      const phone = await phoneOf(gateway);
      phone.send(
        `PROXY TCP6 ${source} 2001:db8:9::1 1 2\r\n`.replace(/TCP6 (192\S+) \S+/, 'TCP4 $1 192.0.2.9'),
      );
      phone.send(request('FolderSync', FOLDER_SYNC));
      await until(() => phone.received !== '' || phone.closed, 'an answer or the end');
      answered.push(phone.received !== '');
    }
    expect(answered).toEqual([true, true, false, true, true]);
  });
});

describe('a stranger behind the address of a phone', () => {
  /** A {@link request} with these credentials. */
  const ask = (authorization: string, length = FOLDER_SYNC.length): string =>
    [
      'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=ABC123&DeviceType=Test HTTP/1.1',
      'Host: mail.example.com',
      `Authorization: ${authorization}`,
      'Content-Type: application/vnd.ms-sync.wbxml',
      'MS-ASProtocolVersion: 14.1',
      `Content-Length: ${length}`,
      '',
      FOLDER_SYNC.toString('latin1'),
    ].join('\r\n');
  const basic = (password: string): string => `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;

  it('does not use up the requests of the phone with wrong passwords', async () => {
    const backend = await backendOf((asked) => {
      const good = asked.header('authorization') === basic('right');
      asked.connection.socket.write(good ? ok() : 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    });
    const gateway = await gatewayOf(backend, { throttle: { burst: 2, perMinute: 1 } });
    const stranger = await phoneOf(gateway);
    const statuses: number[] = [];
    for (let guess = 0; guess < 3; guess++) {
      stranger.send(ask(basic('wrong')));
      statuses.push((await stranger.response()).status);
    }
    const phone = await phoneOf(gateway);
    phone.send(ask(basic('right')));
    const { status } = await phone.response();
    expect([statuses, status]).toEqual([[401, 401, 503], 200]);
  });

  it('does not take the places of the phone with requests that never end', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend, { client: { maxInFlightPerDevice: 2 } });
    const strangers = await Promise.all([0, 1].map(() => phoneOf(gateway)));
    for (const stranger of strangers) stranger.send(ask(basic('wrong'), 1_000));
    const phone = await phoneOf(gateway);
    phone.send(ask(basic('right')));
    const { status } = await phone.response();
    expect(status).toBe(200);
  });
});

describe('strangers who name the device of another user', () => {
  const phone = 'phone1' as DeviceKey;

  it.each([
    ['that no feed knows', null],
    ['that a feed knows', deviceReport(phone)],
  ])(
    'do not remove its verdict from the cache, which admits it while the directory is unavailable: a device %s',
    async (_what, known) => {
      const store = new EmbeddedStore(':memory:');
      if (known !== null) await store.putDevices([known]);
      await store.decide({ user: alice, device: phone }, decision('allow'), BY_TEST);
      await store.recordSeen([seenPartnership(alice, phone, 1)]);
      const clock = { now: Date.now() };
      const bounds = {
        maxEntries: 10,
        maxUnknownEntries: 10,
        maxConcurrentLookups: 9,
        lookupTimeoutMs: 30_000,
      };
      const times = {
        lifetimeMs: 60_000,
        unknownLifetimeMs: 10_000,
        staleAllowedMs: 900_000,
        staleBlockedMs: 900_000,
      };
      const cache = new VerdictCache(
        store,
        compileSimplePolicy({}),
        { ...bounds, ...times, onLookupError: () => undefined },
        () => clock.now,
      );
      expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
      for (let stranger = 0; stranger < 20; stranger++)
        await cache.decide(`nobody${stranger}` as UserKey, phone);
      await store.close();
      clock.now += 120_000;
      expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
    },
  );
});
