// Owns the promises about what the pass-through lane refuses: other paths, Exchange ActiveSync in every spelling, odd heads.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchPath } from '../../../src/gateway/pass-through/paths.ts';
import { get, openLane, request } from '../../support/servers/open-lane.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

describe('a path that is not listed', () => {
  it.each(['/', '/other', '/owax', '/OWA/', '/EWS/Exchange.asmx/', '/EWS', '/owa%20/', '/?/owa/'])(
    'gets 404 for %s, and the server hears nothing',
    async (target) => {
      const { backend, gateway, client } = await openLane();
      expect(gateway.lane.wants(target)).toBe(false);
      client.send(get(target));
      expect((await client.response()).status).toBe(404);
      expect(backend.connections).toHaveLength(0);
    },
  );

  it('gets 404 also behind a listed one on the same connection', async () => {
    const { backend, client } = await openLane();
    client.send(get('/owa/'));
    await client.response();
    client.send(get('/other'));
    expect((await client.response()).status).toBe(404);
    expect(backend.requests).toHaveLength(1);
    await until(() => client.ended);
  });
});

const EAS = '/Microsoft-Server-ActiveSync';
/** One character in one of the ways a server may read it. */
function disguised(character: string): fc.Arbitrary<string> {
  const escaped = '%' + character.charCodeAt(0).toString(16);
  const wide = String.fromCharCode(character.charCodeAt(0) + 0xfee0);
  return fc.constantFrom(
    character,
    character.toLowerCase(),
    character.toUpperCase(),
    escaped,
    escaped.toUpperCase(),
    escaped.replace('%', '%25'),
    encodeURIComponent(wide),
    encodeURIComponent(character + '\u00ad'),
    encodeURIComponent(character + '\u0301'),
  );
}

const EAS_SPELLINGS = [
  EAS,
  `${EAS}?Cmd=Sync&User=a&DeviceId=b&DeviceType=c`,
  '/microsoft-server-activesync',
  '/MICROSOFT-SERVER-ACTIVESYNC/',
  `${EAS}/default.eas`,
  `${EAS}/Proxy`,
  `${EAS}.`,
  `${EAS}./`,
  `${EAS}...`,
  `${EAS}%20`,
  `${EAS}%20.`,
  `${EAS};x=y`,
  `${EAS}%3bx`,
  `${EAS}::$DATA`,
  `${EAS}%00`,
  `${EAS}%3f`,
  `${EAS}%23`,
  `${EAS}#x`,
  '/%4dicrosoft-Server-ActiveSync',
  '/%4Dicrosoft-Server-ActiveSync',
  '/Microsoft%2DServer%2dActiveSync',
  '/Microsoft-Server-ActiveSyn%63',
  '/%254dicrosoft-Server-ActiveSync',
  '/%u004dicrosoft-Server-ActiveSync',
  '/%c1%8dicrosoft-Server-ActiveSync',
  '/%EF%BC%ADicrosoft-Server-ActiveSync',
  '/Micro%C5%BFoft-Server-ActiveSync',
  '/M%C4%B1crosoft-Server-ActiveSync',
  '/Microsoft%C2%ADServer-ActiveSync/default.eas',
  '/Micro%C2%ADsoft-Server-ActiveSync',
  '/Microsoft%E2%80%90Server%E2%80%93ActiveSync',
  `//${EAS.slice(1)}`,
  `/owa/${EAS}`,
  `/.${EAS}`,
  `/./${EAS}`,
  `/owa/..${EAS}`,
  `/owa/%2e%2e${EAS}`,
  `/owa/.%2E${EAS}`,
  `/owa/%2e.${EAS}`,
  `/owa/..;${EAS}`,
  `/owa/..%2f${EAS.slice(1)}`,
  `/owa%2f..${EAS}`,
  `/owa/..%5c${EAS.slice(1)}`,
  `/owa/..\\${EAS.slice(1)}`,
  `/owa/..%c0%af${EAS.slice(1)}`,
  `/owa/%EF%BC%8E%EF%BC%8E${EAS}`,
  `/owa/%E2%80%A5${EAS}`,
  `/owa/..%EF%BC%8F${EAS.slice(1)}`,
  `\\${EAS.slice(1)}`,
  '/%5cMicrosoft-Server-ActiveSync',
  '/SOGo/Microsoft-Server-ActiveSync',
  '/owa/default.eas',
  '/owa/DEFAULT.EAS',
  '/http:/Microsoft-Server-ActiveSync',
  // Horde's rpc.php serves Exchange ActiveSync when the name of Autodiscover occurs anywhere in the URI.
  '/horde/rpc.php?autodiscover/autodiscover&Cmd=Sync&User=a&DeviceId=b&DeviceType=c',
  '/horde/rpc.php?Cmd=Sync&User=a&DeviceId=b&DeviceType=c&x=Autodiscover/Autodiscover',
  '/horde/rpc.php?x=autodiscover%2Fautodiscover&Cmd=Sync',
  '/horde/rpc.php?x=%61utodiscover%252fautodiscover&Cmd=Sync',
  '/horde/rpc.php/autodiscover/autodiscover?Cmd=Sync&User=a&DeviceId=b&DeviceType=c',
  '/horde/rpc.php/%EF%BD%81utodiscover/autodiscover',
  // CVE-2021-34473
  '/autodiscover/autodiscover.json?@evil.example/owa/&Email=autodiscover/autodiscover.json%3F@evil.example',
];

describe('Exchange ActiveSync', () => {
  it.each(EAS_SPELLINGS)('does not go by the gate as %s, even where every path is open', async (target) => {
    const { backend, gateway, client } = await openLane(undefined, {
      paths: [{ path: '/', match: 'prefix', upgrade: true }],
    });
    expect(gateway.lane.wants(target)).toBe(false);
    client.send(get('/anything'));
    expect((await client.response()).status).toBe(200);
    client.send(request(`POST ${target}`, ['Content-Length: 0']));
    expect((await client.response()).status).toBe(400);
    expect(backend.requests).toHaveLength(1);
  });

  it('does not go by the gate however it is encoded', () => {
    const everything = { paths: [{ path: '/', match: 'prefix', upgrade: true }], ownPaths: [EAS] } as const;
    const characters = fc.tuple(...Array.from(EAS.slice(1), (character) => disguised(character)));
    fc.assert(
      fc.property(fc.constantFrom('/', '/owa/', '/owa/../', '//'), characters, (start, spelling) => {
        expect(typeof matchPath(start + spelling.join(''), everything)).toBe('string');
      }),
    );
  });

  it('does not go by the gate as an upgrade', async () => {
    const { backend, client } = await openLane(undefined, {
      paths: [{ path: '/', match: 'prefix', upgrade: true }],
    });
    client.send(get(EAS, 'Connection: Upgrade', 'Upgrade: websocket'));
    expect((await client.response()).status).toBe(400);
    expect(backend.connections).toHaveLength(0);
  });

  it.each([
    '/owa/..',
    '/owa/./x',
    '/owa/.',
    '/owa//x',
    '/owa/x;y',
    '/owa/%2e%2e/x',
    '/owa/http:/x',
    '/owa/%zz',
  ])('could hide in %s, so that is refused', async (target) => {
    const { backend, client } = await openLane();
    client.send(get(target));
    expect((await client.response()).status).toBe(400);
    expect(backend.connections).toHaveLength(0);
  });
});

describe('a head that node:http would take', () => {
  const chunked = ['Transfer-Encoding: chunked'];
  const hidden = '0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';
  it.each([
    ['a chunked OPTIONS (CVE-2026-29057)', request('OPTIONS /owa/', chunked, hidden), 400],
    ['a chunked DELETE (CVE-2026-29057)', request('DELETE /owa/', chunked, hidden), 400],
    ['a chunked GET', request('GET /owa/', chunked, hidden), 400],
    ['an OPTIONS with a length', request('OPTIONS /owa/', ['Content-Length: 4'], 'body'), 400],
    ['a DELETE with a length', request('DELETE /owa/', ['Content-Length: 4'], 'body'), 400],
    ['both framings', request('POST /owa/', [...chunked, 'Content-Length: 5'], '0\r\n\r\n'), 400],
    ['gzip, chunked', request('POST /owa/', ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'), 400],
    [
      'chunked in HTTP/1.0',
      'POST /owa/ HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a second Host', get('/owa/', 'Host: other.example.com'), 400],
    ['a Host with a user', 'GET /owa/ HTTP/1.1\r\nHost: a@b\r\n\r\n', 400],
    ['no Host', 'GET /owa/ HTTP/1.1\r\n\r\n', 400],
    ['a second Authorization', get('/owa/', 'Authorization: Basic YQ==', 'Authorization: Basic Yg=='), 400],
    ['an underscore in a name', get('/owa/', 'Content_Length: 5'), 400],
    ['Connection: authorization', get('/owa/', 'Connection: authorization'), 400],
    [
      'an obfuscated Expect',
      request('POST /owa/', ['Content-Length: 1', 'Expect: x 100-continue'], 'x'),
      417,
    ],
    ['an absolute-form target', get('http://other.example.com/owa/'), 400],
    ['HTTP/2.0', 'GET /owa/ HTTP/2.0\r\nHost: x\r\n\r\n', 505],
    ['PROPFIND', request('PROPFIND /owa/'), 405],
    ['too many headers', get('/owa/', ...Array.from({ length: 40 }, (_, index) => `X-H${index}: 1`)), 431],
    ['a target too long', get('/owa/' + 'x'.repeat(3_000)), 414],
    ['our own Via', get('/owa/', 'Via: 1.1 easgate'), 508],
  ])('is refused with %s', async (_what, bytes, status) => {
    const { backend, gateway, client } = await openLane();
    client.send(bytes);
    expect((await client.response()).status).toBe(status);
    await until(() => client.ended);
    await until(() => gateway.lines.length > 0);
    expect(gateway.lines.map((line) => line.status)).toEqual([status]);
    expect(backend.connections).toHaveLength(0);
  });

  it('is refused when it is malformed', async () => {
    const { gateway, client } = await openLane();
    client.send('GET /owa/ HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n');
    const response = await client.response();
    expect(response.status).toBe(400);
    expect(response.body.toString()).toBe('Bad Request\n');
    await until(() => gateway.lines.length === 1, 'the line of the request');
    expect(gateway.lines[0]).toMatchObject({ method: '', path: '', error: 'EASGATE_BAD_HEADER' });
  });

  it('is refused for a host that is not ours', async () => {
    const { client } = await openLane(undefined, { publicHosts: ['other.example.com'] });
    client.send(get());
    expect((await client.response()).status).toBe(421);
  });
});
