// Threat: somebody without a password, or one user, fills the directory, the log or the memory with made-up devices and long
// names, or puts terminal control codes into it (CWE-117, CWE-400).
import type { Logger } from 'pino';
import { describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';
import { GateMemo } from '../../src/gateway/access/gate.ts';
import { keepShortText } from '../../src/gateway/connection/held-text.ts';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { Journal } from '../../src/journal/journal.ts';
import { collector } from '../support/checks/heap.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { openQuarantine } from '../support/servers/quarantine.ts';
import { FOLDER_SYNC, request, verdict, wipeOrder } from '../support/servers/test-gateway.ts';
import { alice, partnershipsOf } from '../support/servers/directory-records.ts';

checkLeaks();

describe('a device', () => {
  it.each([400, 404, 413, 302])('is not recorded when the mail server answers %i', async (status) => {
    const backend = await backendOf(
      ({ connection }) =>
        void connection.socket.write(`HTTP/1.1 ${status} Some Reason\r\nContent-Length: 0\r\n\r\n`),
    );
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    // A redirect does not reach the phone.
    expect((await phone.response()).status).toBe(status === 302 ? 502 : status);
    expect(gateway.seen).toEqual([]);
  });
});

describe('a web server in front of the mail server that answers OPTIONS itself, whatever the password', () => {
  it.each([
    ['as for CORS', 'HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\r\n'],
    ['as its default site', 'HTTP/1.1 200 OK\r\nAllow: GET,HEAD,POST,OPTIONS\r\nContent-Length: 0\r\n\r\n'],
  ])('%s, has no device recorded and no wipe acknowledged', async (_how, answer) => {
    const backend = await backendOf(({ connection }) => void connection.socket.write(answer));
    const gateway = await gatewayOf(backend);
    const order = wipeOrder('abc123');
    gateway.verdicts.set('abc123', { ...verdict('wipe'), reason: 'wipeRequested', wipe: order });
    const stranger = await phoneOf(gateway);
    // RemoteWipe with status 1 (MS-ASPROV 2.2.2.45).
    const wiped = encodeWbxml(
      fromXml('<Provision xmlns="Provision:"><RemoteWipe><Status>1</Status></RemoteWipe></Provision>'),
    );
    stranger.send(request('Provision', wiped));
    const { status } = await stranger.response();
    expect([status, gateway.acknowledged, gateway.seen]).toEqual([503, [], []]);
  });
});

/** A recorder whose store only counts. */
function recording(): { store: { written: number }; recorder: PartnershipRecorder } {
  const store = {
    written: 0,
    recordSeen: async (batch: readonly unknown[]) => {
      store.written += batch.length;
    },
  };
  return { store, recorder: new PartnershipRecorder(store as unknown as DirectoryStore) };
}

describe('the record of a phone', () => {
  it('has a bound, and no control characters', async () => {
    const { gateway } = await openQuarantine();
    const phone = await phoneOf(gateway);
    const agent = `Apple\u009b31m${'x'.repeat(8_000)}`;
    phone.send(request('FolderSync', FOLDER_SYNC, [`User-Agent: ${agent}`], 'PHONE1'));
    expect((await phone.response()).status).toBe(200);
    expect(gateway.agents).toEqual([`Apple31m${'x'.repeat(248)}`]);
  });

  it('keeps no request head in memory', async () => {
    const { store, recorder } = recording();
    const collect = collector();
    const before = collect();
    for (let index = 0; index < 2_000; index++) {
      const head = Buffer.alloc(16_000, 0x41 + (index % 26)).toString('latin1') + 'Apple-iPhone15C2/2107.102';
      recorder.seen({
        user: `user${index}` as UserKey,
        device: `phone${index}` as DeviceKey,
        spelling: `phone${index}`,
        deviceType: 'iPhone',
        userAgent: head.slice(16_000),
        protocolVersion: '16.1',
        verdict: verdict('allow'),
        information: null,
      });
    }
    await recorder.flush();
    expect(store.written).toBe(2_000);
    // The request heads had 32 MB in total.
    expect(collect() - before).toBeLessThan(8_000_000);
    await recorder.close();
  });
});

describe('the journal', () => {
  /** A journal with `count` devices, each seen with a head of 16 KB. */
  function told(count: number, lines: Record<string, unknown>[]): Journal {
    const log = { warn: (line: Record<string, unknown>) => lines.push(line) };
    const journal = new Journal(log as unknown as Logger, { identities: true });
    for (let index = 0; index < count; index++) {
      const head = Buffer.alloc(16_000, `Apple\u009b31m-iPhone${index}`, 'latin1').toString('latin1');
      const exchange = new Exchange(0);
      exchange.device = `device${index}` as DeviceKey;
      exchange.userAgent = head.slice(0, 8_000);
      exchange.error = 'EASGATE_DEVICE_THROTTLED';
      journal.finished(exchange, '192.0.2.1');
    }
    return journal;
  }

  it('has a bound, and no control characters', () => {
    const lines: Record<string, unknown>[] = [];
    told(1, lines).close();
    expect(lines[0]?.['user_agent']).toMatch(/^Apple31m-iPhone0[\x20-\x7e]{240}$/);
  });

  it('keeps no request head in memory', () => {
    const used = collector();
    const before = used();
    const journal = told(1_000, []);
    expect(used() - before).toBeLessThan(4_000_000);
    journal.close();
  });
});

describe('a user who makes up devices', () => {
  it('adds a bounded number of them, and other users are recorded', async () => {
    const store = new EmbeddedStore(':memory:');
    const clock = { now: 1_800_000_000_000 };
    const recorder = new PartnershipRecorder(store, () => clock.now);
    const allowed = { action: 'allow', reason: 'compliant', rule: 'test', validUntil: Infinity } as const;
    const seen = (user: string, device: string): void =>
      recorder.seen({
        user: user as UserKey,
        device: device as DeviceKey,
        spelling: device,
        deviceType: 'Test',
        userAgent: null,
        protocolVersion: '14.1',
        verdict: allowed,
        information: null,
      });
    for (let device = 0; device < 5_000; device++) seen('mallory', `made${device}`);
    seen('alice', 'phone1');
    await recorder.flush();
    const users = (await partnershipsOf(store)).map(({ user }) => user);
    const made = users.filter((user) => user === 'mallory').length;
    // An hour later the same user may add another device.
    clock.now += 3_600_001;
    seen('mallory', 'phone2');
    await recorder.flush();
    const later = (await partnershipsOf(store)).map(({ device }) => device);
    await recorder.close();
    await store.close();
    expect([made <= 200, users.includes(alice), later.includes('phone2' as DeviceKey)]).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe('thousands of made-up Hosts and user agents', () => {
  it('do not have each held poll keep texts of its own afterwards', () => {
    const [flood, polls, short, long] = [3_000, 2_000, 20, 220];
    /** A poll that is held; its texts are as new as those of a head that was just read. */
    const held = (name: string, length: number): Exchange => {
      const exchange = new Exchange(0);
      exchange.host = Buffer.from(name.padEnd(length, 'h')).toString('latin1');
      exchange.userAgent = Buffer.from(name.padEnd(length, 'a')).toString('latin1');
      keepShortText(exchange, new GateMemo());
      return exchange;
    };
    const liveBytes = collector();
    const bytesOfEach = (length: number): number => {
      for (let index = 0; index < flood; index++) held(`made-up-${index}-`, length);
      const before = liveBytes();
      const all = Array.from({ length: polls }, () => held('phone-', length));
      const bytes = liveBytes() - before;
      expect(all).toHaveLength(polls);
      return bytes / polls;
    };
    bytesOfEach(short);
    // Of their own both texts would be longer by as much.
    expect(bytesOfEach(long) - bytesOfEach(short)).toBeLessThan(long - short);
  });
});
