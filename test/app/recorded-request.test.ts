// Owns the promises of facts from recordings: lines of the gateway's own access log, and raw heads of requests.
import { describe, expect, it } from 'vitest';
import { factsOfLogLine, factsOfRequest } from '../../src/app/recorded-request.ts';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { JsonLines } from '../../src/telemetry/access-json.ts';

const PASSWORD = 'Tr0ub4dor-and-3';
const BASIC = `Basic ${Buffer.from(`alice@contoso.com:${PASSWORD}`).toString('base64')}`;

/** The line that the access log writes. */
function logged(change: (exchange: Exchange) => void, identities = true): string {
  const exchange = new Exchange(Date.now());
  exchange.method = 'POST';
  exchange.command = 'Sync';
  exchange.protocolVersion = '16.1';
  exchange.deviceType = 'iPhone';
  exchange.userAgent = 'Apple-iPhone15C2/2105.219';
  exchange.user = 'alice@contoso.com' as never;
  exchange.device = deviceKey('ApplDNPHG6NVDT9V');
  change(exchange);
  return new JsonLines(identities).request(exchange, '10.1.2.3', 12, Date.UTC(2026, 11, 1, 10));
}

describe('a line of the access log', () => {
  it('gives every fact that it holds', () => {
    expect(factsOfLogLine(logged(() => undefined))).toEqual({
      now: '2026-12-01T10:00:00.000Z',
      user: { names: ['alice@contoso.com'] },
      partnership: { deviceId: deviceKey('ApplDNPHG6NVDT9V'), deviceType: 'iPhone' },
      request: {
        userAgent: 'Apple-iPhone15C2/2105.219',
        protocolVersion: '16.1',
        address: '10.1.2.3',
        command: 'Sync',
      },
    });
  });

  it('leaves out what is unknown: names where identities are not logged, a user who did not sign in', () => {
    const { user, partnership, request } = factsOfLogLine(logged(() => undefined, false));
    expect({ user, partnership, address: request['address'] }).toEqual({
      user: undefined,
      partnership: { deviceType: 'iPhone' },
      address: undefined,
    });
    const refused = factsOfLogLine(
      logged((exchange) => {
        exchange.user = null;
        exchange.device = null;
        exchange.deviceType = '';
        exchange.userAgent = null;
        exchange.protocolVersion = null;
        exchange.command = null;
        exchange.method = 'OPTIONS';
      }),
    );
    expect(refused).toEqual({
      now: '2026-12-01T10:00:00.000Z',
      partnership: {},
      request: { address: '10.1.2.3', command: 'OPTIONS' },
    });
  });

  it('is found behind the prefix of a log collector', () => {
    const line = `Dec  1 10:00:00 gw1 easgate[77]: ${logged(() => undefined)}`;
    expect(factsOfLogLine(line).partnership.deviceType).toBe('iPhone');
  });

  it.each([
    ['no JSON', 'GET /'],
    ['another event', '{"level":30,"msg":"started"}'],
    ['a line of passThrough', '{"method":"GET","path":"/owa/","status":200}'],
    ['a line of Autodiscover', '{"method":"POST","autodiscover":"xml","status":200}'],
  ])('is refused where no policy decides it: %s', (_, line) => {
    expect(() => factsOfLogLine(line)).toThrow(/no line of the access log|no policy decides/);
  });
});

const PLAIN =
  '/Microsoft-Server-ActiveSync?Cmd=Sync&User=alice%40contoso.com&DeviceId=ApplDNPHG6NVDT9V&DeviceType=iPhone';
/** MS-ASHTTP 2.2.1.1.1.1: version 14.1, command 0 (Sync), locale, device id, no policy key, device type. */
const BASE64 = `/Microsoft-Server-ActiveSync?${Buffer.concat([
  Buffer.from([141, 0, 0x09, 0x04, 16]),
  Buffer.from('ApplDNPHG6NVDT9V'),
  Buffer.from([0, 6]),
  Buffer.from('iPhone'),
]).toString('base64')}`;

const head = (target: string, ...lines: string[]): Buffer =>
  Buffer.from([`POST ${target} HTTP/1.1`, 'Host: mail.contoso.com', ...lines, '', ''].join('\r\n'));

describe('a recorded request', () => {
  const lines = [
    `Authorization: ${BASIC}`,
    'User-Agent: Apple-iPhone15C2/2105.219',
    'MS-ASProtocolVersion: 14.1',
  ];
  const expected = {
    user: { names: ['alice@contoso.com'] },
    partnership: { deviceId: deviceKey('ApplDNPHG6NVDT9V'), deviceType: 'iPhone' },
    request: {
      userAgent: 'Apple-iPhone15C2/2105.219',
      protocolVersion: '14.1',
      command: 'Sync',
      auth: 'basic',
    },
  };

  it.each([
    ['a plain query', PLAIN],
    ['a base64 query', BASE64],
  ])('with %s gives the facts that the gateway reads from it', (_, target) => {
    expect(factsOfRequest(head(target, ...lines))).toEqual(expected);
  });

  it('may have the line ends of an editor, no empty line at its end, and a body', () => {
    const text = head(PLAIN, ...lines).toString();
    for (const form of [
      text.replaceAll('\r\n', '\n'),
      text.trimEnd(),
      `\n${text.trimEnd().replaceAll('\r\n', '\n')}\n`,
      `${text}\x03\x01\x6a\x00body`,
    ])
      expect(factsOfRequest(Buffer.from(form, 'latin1'))).toEqual(expected);
  });

  it('may be JSON as `identify` reads it', () => {
    const headers = {
      authorization: BASIC,
      'User-Agent': 'Apple-iPhone15C2/2105.219',
      'MS-ASProtocolVersion': '14.1',
    };
    const recorded = JSON.stringify({ method: 'POST', target: PLAIN, headers });
    expect(factsOfRequest(Buffer.from(recorded))).toEqual(expected);
  });

  it('without credentials says nothing of the user and how they sign in', () => {
    const { user, request } = factsOfRequest(head(PLAIN, 'MS-ASProtocolVersion: 14.1'));
    expect({ user, auth: request['auth'] }).toEqual({ user: undefined, auth: undefined });
  });

  it.each([
    ['another user in its query', head(PLAIN.replace('alice', 'bob'), ...lines), 'EASGATE_USER_MISMATCH'],
    ['no host', Buffer.from(`POST ${PLAIN} HTTP/1.1\r\nAuthorization: ${BASIC}\r\n\r\n`), 'EASGATE_BAD_HOST'],
    ['a header that is none', head(PLAIN, `Authorization ${BASIC}`), 'EASGATE_BAD_HEADER'],
    [
      'credentials in its first line',
      Buffer.from(`Authorization: ${BASIC}\r\n\r\n`),
      'EASGATE_BAD_REQUEST_LINE',
    ],
    ['JSON that is cut', Buffer.from(`{"headers":{"authorization":"${BASIC}"}`), 'EASGATE_BAD_REQUEST_LINE'],
  ])(
    'that the gateway refuses is refused with its code, and repeats no credentials: %s',
    (_, bytes, code) => {
      let message = '';
      try {
        factsOfRequest(bytes);
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain(code);
      expect(message).not.toContain(BASIC.slice(6, 16));
      expect(message).not.toContain(PASSWORD);
    },
  );
});
