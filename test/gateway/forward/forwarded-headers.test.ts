// Owns the promises of the headers that describe a client to the mail server, in both lanes: whose values for address, scheme
// and host are trusted.
import { beforeEach, describe, expect, it } from 'vitest';
import { addressRange } from '../../../src/ip-address.ts';
import { proxyHeader } from '../../../src/http/proxy-protocol.ts';
import type { PassThroughSettings } from '../../../src/gateway/settings.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { RawBackend } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';
import { laneSettings } from '../../support/servers/test-lane.ts';
import { backendOf, gatewayOf } from '../../support/servers/openings.ts';

checkLeaks();

/** The settings of a test; the same for both lanes. */
interface Rules {
  readonly trusted?: readonly string[];
  readonly header?: 'xForwardedFor' | 'forwarded';
  readonly sends?: boolean;
  readonly publicHosts?: readonly string[];
  readonly proxyProtocolFrom?: readonly string[];
}

const lane = (rules: Rules): PassThroughSettings =>
  laneSettings({
    paths: [{ path: '/owa', match: 'prefix', upgrade: false }],
    publicHosts: rules.publicHosts ?? [],
    trustedProxies: (rules.trusted ?? []).map(addressRange),
    forwardedHeader: rules.header ?? 'xForwardedFor',
    sendsForwarded: rules.sends ?? false,
  });

let backend: RawBackend;
beforeEach(async () => {
  backend = await backendOf(({ connection }) => connection.socket.write(ok()));
});

async function start(rules: Rules): Promise<TestGateway> {
  return gatewayOf(backend, {
    identity: {
      trustedProxies: rules.trusted ?? [],
      forwardedHeader: rules.header ?? 'xForwardedFor',
      publicHosts: rules.publicHosts ?? [],
    },
    balancing: { forwarded: rules.sends ?? false },
    listen: { proxyProtocolFrom: rules.proxyProtocolFrom ?? null },
    passThrough: lane(rules),
  });
}

type Lane = 'Exchange ActiveSync' | 'pass-through';
const LANES: readonly Lane[] = ['Exchange ActiveSync', 'pass-through'];

const write = (on: Lane, lines: string[]): string =>
  on === 'pass-through'
    ? ['GET /owa/ HTTP/1.1', 'Host: mail.example.com', ...lines, '', ''].join('\r\n')
    : request('FolderSync', FOLDER_SYNC, lines);

/** The headers at the mail server for a request with these header lines, by lower-case name. */
async function told(
  on: Lane,
  rules: Rules,
  lines: string[],
  preface: Buffer = Buffer.alloc(0),
): Promise<Record<string, string>> {
  const { port } = await start(rules);
  const client = await RawClient.open(port);
  client.send(Buffer.concat([preface, Buffer.from(write(on, lines), 'latin1')]));
  expect((await client.response()).status).toBe(200);
  client.destroy();
  return claims(0);
}

/** The headers of a request that describe its client. Repeated headers are joined. */
function claims(index: number): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of backend.requests[index]?.headers ?? []) {
    const key = name.toLowerCase();
    if (/forward|real-ip|x-host|client-ip/.test(key))
      found[key] = found[key] === undefined ? value : `${found[key]} & ${value}`;
  }
  return found;
}

const DIRECT = {
  'x-forwarded-for': '127.0.0.1',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'mail.example.com',
};
const BEHIND_PROXY = {
  'x-forwarded-for': '192.0.2.7, 127.0.0.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'mail.example.com',
};
const TRUSTED = ['127.0.0.1'];
const BY_X = ['X-Forwarded-For: 192.0.2.7', 'X-Forwarded-Proto: https'];
const BY_FORWARDED = ['Forwarded: for=192.0.2.7;proto=https;host=mail.example.com'];

describe.each(LANES)('the mail server, in the lane of %s,', (on) => {
  it('gets address, scheme and host of a phone, whatever headers the phone sends', async () => {
    const lines = [
      ...BY_X,
      ...BY_FORWARDED,
      'X-Forwarded-Host: evil.example.com',
      'X-Forwarded-Port: 1',
      'X-Real-IP: 192.0.2.9',
    ];
    expect(await told(on, { sends: true }, lines)).toEqual({
      ...DIRECT,
      forwarded: 'for=127.0.0.1;host="mail.example.com";proto=http',
    });
  });

  it('gets the values of a trusted proxy, and no host other than Host', async () => {
    const lines = [...BY_X, ...BY_FORWARDED, 'X-Forwarded-Host: evil.example.com'];
    expect(await told(on, { trusted: TRUSTED }, lines)).toEqual(BEHIND_PROXY);
  });

  it('gets no values that a phone wrote before a trusted proxy', async () => {
    const lines = [
      'X-Forwarded-For: 203.0.113.9, 192.0.2.7',
      'X-Forwarded-Proto: http, http',
      'X-Forwarded-Proto: https',
    ];
    expect(await told(on, { trusted: TRUSTED }, lines)).toEqual(BEHIND_PROXY);
  });

  it.each(['ftp', 'HTTPS', 'https,', 'https, ', '', '"https"', 'https://evil', 'http, wss', 'https;x'])(
    'gets the scheme of the connection when a trusted proxy sends the scheme %j',
    async (proto) => {
      const said = await told(on, { trusted: TRUSTED }, [`X-Forwarded-Proto: ${proto}`]);
      expect(said).toEqual(DIRECT);
    },
  );

  it('gets the values of Forwarded from a trusted proxy when that header is configured, the host too', async () => {
    const rules: Rules = { trusted: TRUSTED, header: 'forwarded' };
    const lines = ['X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: http'];
    const said = await told(on, rules, [
      ...lines,
      'Forwarded: for=192.0.2.7;proto=https;host="m.example.com"',
    ]);
    expect(said).toEqual({ ...BEHIND_PROXY, 'x-forwarded-host': 'm.example.com' });
  });

  it('gets no values of X-Forwarded-* when Forwarded is configured and missing', async () => {
    expect(await told(on, { trusted: TRUSTED, header: 'forwarded' }, BY_X)).toEqual(DIRECT);
  });

  it.each([
    ['elements of the phone', 'for=203.0.113.9;proto=http;host=evil, for=192.0.2.7;proto=https'],
    ['a quote the phone opened', 'for="203.0.113.9, for=192.0.2.7;proto=https'],
    ['a host that is none', 'for=192.0.2.7;proto=https;host="evil/path"'],
    ['a host that would end the line', 'for=192.0.2.7;proto=https;host="a\\"b"'],
    ['a host that is not one of publicHosts', 'for=192.0.2.7;proto=https;host=evil.example.com'],
  ])('gets only the trusted part of Forwarded: %s', async (_name, forwarded) => {
    const rules: Rules = { trusted: TRUSTED, header: 'forwarded', publicHosts: ['mail.example.com'] };
    expect(await told(on, rules, [`Forwarded: ${forwarded}`])).toEqual(BEHIND_PROXY);
  });

  it.each(['for', 'for="', 'for=192.0.2.7; proto=https', 'for=192.0.2.7, '])(
    'gets the values of the connection when Forwarded is malformed: %j',
    async (forwarded) => {
      const rules: Rules = { trusted: TRUSTED, header: 'forwarded' };
      expect(await told(on, rules, [`Forwarded: ${forwarded}`])).toEqual(DIRECT);
    },
  );

  it('gets Forwarded too if configured', async () => {
    const said = await told(on, { trusted: TRUSTED, sends: true }, BY_X);
    expect(said).toEqual({
      ...BEHIND_PROXY,
      forwarded: 'for=192.0.2.7;host="mail.example.com";proto=https, for=127.0.0.1',
    });
  });

  it('gets the values of each client that shares a connection of a trusted proxy', async () => {
    const { port } = await start({ trusted: TRUSTED });
    let proxy = await RawClient.open(port);
    for (const lines of [BY_X, [], ['X-Forwarded-For: 192.0.2.8'], BY_X]) {
      proxy.send(write(on, lines));
      const answer = await proxy.response();
      if (answer.header('connection') !== 'close') continue;
      // The pass-through lane closes after a request of a trusted proxy.
      proxy.destroy();
      proxy = await RawClient.open(port);
    }
    proxy.destroy();
    expect([0, 1, 2, 3].map((index) => claims(index))).toEqual([
      BEHIND_PROXY,
      DIRECT,
      { ...DIRECT, 'x-forwarded-for': '192.0.2.8, 127.0.0.1' },
      BEHIND_PROXY,
    ]);
  });

  it('gets the host of each request on one connection', async () => {
    const { port } = await start({});
    const client = await RawClient.open(port);
    for (const host of ['mail.example.com', 'autodiscover.example.com', 'mail.example.com']) {
      client.send(write(on, []).replace('Host: mail.example.com', `Host: ${host}`));
      await client.response();
    }
    client.destroy();
    expect(backend.requests.map((seen) => seen.header('x-forwarded-host'))).toEqual([
      'mail.example.com',
      'autodiscover.example.com',
      'mail.example.com',
    ]);
  });

  describe('behind a PROXY header', () => {
    const rules: Rules = { proxyProtocolFrom: TRUSTED };
    const plain = proxyHeader(2, '192.0.2.7', 40_000, '198.51.100.1', 443);
    /** The header with one TLV of type PP2_TYPE_SSL: flags of the client, then `verify`. */
    const withTls = (flags: number): Buffer => {
      const tlv = Buffer.from([0x20, 0, 5, flags, 0, 0, 0, 0]);
      const header = Buffer.concat([plain, tlv]);
      header.writeUInt16BE(plain.readUInt16BE(14) + tlv.length, 14);
      return header;
    };

    it.each([
      ['https', 'with a TLV that says the phone used TLS', withTls(0x01)],
      ['https', 'with a TLV that says more too', withTls(0x07)],
      ['http', 'with a TLV that does not say so', withTls(0x06)],
      ['http', 'of version 2 without the TLV', plain],
      ['http', 'of version 1', proxyHeader(1, '192.0.2.7', 40_000, '198.51.100.1', 443)],
      ['http', 'that names nobody', proxyHeader(2, '', 0, '', 0)],
    ])('the mail server gets %s from one %s', async (proto, _name, header) => {
      const said = await told(on, rules, ['X-Forwarded-Proto: https'], header);
      expect(said['x-forwarded-proto']).toBe(proto);
    });

    it('the mail server gets the values that a trusted proxy named there sends', async () => {
      const both: Rules = { ...rules, trusted: ['192.0.2.7'] };
      const lines = ['X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: http'];
      expect(await told(on, both, lines, withTls(0x01))).toEqual({
        'x-forwarded-for': '203.0.113.9, 192.0.2.7',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'mail.example.com',
      });
    });
  });
});
