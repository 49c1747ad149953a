// Owns the promises of the query parser: every vector, and no spelling that servers read in different ways.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEasQuery, queryParameters } from '../../src/eas/query-parser.ts';
import type { EasQuery } from '../../src/eas/query.ts';
import { parseEasTarget } from '../../src/eas/request-target.ts';
import { agreeOnPolicyKey, agreeOnVersion, isAgreementError } from '../../src/eas/protocol-version.ts';
import { vectors } from '../support/checks/fixtures.ts';

interface Base64Vector {
  readonly query: string;
  readonly note: string;
  readonly decoded: {
    readonly error?: string;
    readonly protocolVersion: string;
    readonly command: string;
    readonly locale: number;
    readonly deviceIdLength: number;
    readonly deviceIdHex: string;
    readonly deviceIdAscii: string | null;
    readonly policyKey: number | null;
    readonly deviceType: string;
    readonly parameters: Record<string, unknown>;
  };
}

interface PlainVector {
  readonly query: string;
  readonly note: string;
  readonly expected: {
    error?: string;
    command: string;
    device: string;
    deviceType: string;
    userClaim: string | null;
  };
}

const parse = (query: string) => parseEasQuery(query, false);

describe('base64 vectors', () => {
  for (const { query, decoded, note } of vectors<{ vectors: Base64Vector[] }>('base64-query-vectors')
    .vectors) {
    it(`${decoded.error === undefined ? 'reads' : 'refuses'} ${query.slice(0, 40)} (${note})`, () => {
      const result = parse(query);
      if (decoded.error !== undefined) {
        expect(result).toMatch(/^EASGATE_/);
        return;
      }
      if (typeof result === 'string') throw new Error(result);
      expect(agreeOnVersion(result, null)).toBe(decoded.protocolVersion);
      expect(result.command?.name).toBe(decoded.command);
      expect(result.locale).toBe(decoded.locale);
      expect(result.policyKey).toBe(decoded.policyKey);
      expect(result.deviceType).toBe(decoded.deviceType);
      expect(result.device).toBe(
        decoded.deviceIdLength === 16 ? decoded.deviceIdHex : decoded.deviceIdAscii?.toLowerCase(),
      );
      expect(queryParameters(result)).toEqual(decoded.parameters);
      if (result.dropped === 0) expect(result.canonical).toBe(query);
      expect(parse(result.canonical)).toMatchObject({ ...result, dropped: 0 });
    });
  }
});

describe('plain vectors', () => {
  for (const { query, expected, note } of vectors<{ vectors: PlainVector[] }>('plain-query-vectors')
    .vectors) {
    it(`${expected.error === undefined ? 'reads' : 'refuses'} ${query} (${note})`, () => {
      const result = parse(query);
      if (expected.error !== undefined) {
        expect(result).toMatch(/^EASGATE_/);
        return;
      }
      if (typeof result === 'string') throw new Error(result);
      expect(result).toMatchObject({
        device: expected.device,
        deviceType: expected.deviceType,
        userClaim: expected.userClaim,
      });
      expect(result.command?.name).toBe(expected.command);
    });
  }
});

describe('a plain query', () => {
  const good = 'Cmd=Sync&User=bob&DeviceId=ABC123&DeviceType=iPhone';

  it.each([
    ['percent-encoded device id', 'Cmd=Sync&User=bob&DeviceId=%41BC&DeviceType=iPhone'],
    ['semicolon separator', 'Cmd=Sync;User=bob&DeviceId=ABC&DeviceType=iPhone'],
    ['two trailing ampersands', `${good}&&`],
    ['an ampersand in front', `&${good}`],
    ['nothing but an ampersand', '&'],
    ['fragment', `${good}#x`],
    ['control character in User', 'Cmd=Sync&User=bo%0Ab&DeviceId=ABC&DeviceType=iPhone'],
    ['NUL in User', 'Cmd=Sync&User=bob%00&DeviceId=ABC&DeviceType=iPhone'],
    ['broken escape', 'Cmd=Sync&User=bo%4&DeviceId=ABC&DeviceType=iPhone'],
    ['long device id', `Cmd=Sync&User=bob&DeviceId=${'A'.repeat(34)}&DeviceType=iPhone`],
    ['unknown command', 'Cmd=WebserviceInfo&User=bob&DeviceId=ABC&DeviceType=iPhone'],
    ['Autodiscover', 'Cmd=Autodiscover&User=bob&DeviceId=ABC&DeviceType=iPhone'],
    ['odd SaveInSent', `${good}&SaveInSent=t`],
    ['case variant of an optional name', `${good}&itemid=5`],
    ['long device type', `Cmd=Sync&User=bob&DeviceId=ABC&DeviceType=${'x'.repeat(65)}`],
    ['no device type', 'Cmd=Sync&User=bob&DeviceId=ABC123'],
    ['empty user', 'Cmd=Sync&User=&DeviceId=ABC&DeviceType=iPhone'],
    ['more than 2 KB', `${good}&ItemId=${'5'.repeat(2048)}`],
    ['base64 and plain together', `jQAJBBAA++++////ABEiM0RVZneIAAVpUGFkMg==&${good}`],
  ])('is refused: %s', (_name, query) => {
    expect(parse(query)).toMatch(/^EASGATE_/);
  });

  it.each([
    [good, good],
    [
      'User=eas\\carol&DeviceId=A&DeviceType=iPhone&Cmd=Ping',
      'User=eas\\carol&DeviceId=A&DeviceType=iPhone&Cmd=Ping',
    ],
    [
      `Cmd=Ping&User=a%40b.c&DeviceId=A&DeviceType=X&PolicyKey=9`,
      'Cmd=Ping&User=a%40b.c&DeviceId=A&DeviceType=X',
    ],
    [`PolicyKey=9&Cmd=Ping&DeviceId=A&DeviceType=X`, 'Cmd=Ping&DeviceId=A&DeviceType=X'],
    [`Cmd=Ping&Foo=1&DeviceId=A&Bar=2&Baz=&DeviceType=X`, 'Cmd=Ping&DeviceId=A&DeviceType=X'],
    ['Cmd=Ping&User=a+b&DeviceId=A&DeviceType=X', 'Cmd=Ping&User=a%2Bb&DeviceId=A&DeviceType=X'],
    ['Cmd=Ping&DeviceId=A&DeviceType=X&', 'Cmd=Ping&DeviceId=A&DeviceType=X'],
    ['DeviceType=X&DeviceId=A&Cmd=Ping&Foo=1&', 'DeviceType=X&DeviceId=A&Cmd=Ping'],
  ])('is forwarded in canonical form: %s', (query, canonical) => {
    expect(parse(query)).toMatchObject({ canonical });
  });

  it('is unambiguous: an accepted query has each name once, literally', () => {
    const name = fc.constantFrom(
      'Cmd',
      'User',
      'DeviceId',
      'DeviceType',
      'ItemId',
      'cmd',
      'DeviceID',
      'Foo',
      '%43md',
      'Device.Id',
      '',
    );
    const value = fc.constantFrom(
      'Sync',
      'Ping',
      'bob',
      'ABC',
      'iPhone',
      '%41',
      '',
      'a=b',
      'T',
      'a?b',
      'x%00',
    );
    const separator = fc.constantFrom('&', '&', '&', '&&', ';', '?');
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value, separator), { minLength: 1, maxLength: 7 }), (pairs) => {
        const query = pairs
          .map(([key, text, between]) => `${key}=${text}${between}`)
          .join('')
          .replace(/[&;?]+$/, '');
        const result = parse(query);
        if (typeof result === 'string') return;
        const again = new URLSearchParams(result.canonical.replaceAll('+', '%2B'));
        for (const key of new Set(again.keys())) expect(again.getAll(key)).toHaveLength(1);
        expect(again.get('Cmd')).toBe(result.command?.name);
        expect(again.get('DeviceId')?.toLowerCase()).toBe(result.device);
        expect(parse(result.canonical)).toMatchObject({ canonical: result.canonical, dropped: 0 });
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a policy key', () => {
  const query = parse('Cmd=Ping&DeviceId=A&DeviceType=X') as EasQuery;

  it.each([
    ['', null],
    ['0', 0],
    ['4294967295', 4_294_967_295],
    // sent by old copies of Z-Push
    ['9876543210', 9_876_543_210],
    ['0000000001', 1],
  ])('is read: "%s"', (text, key) => {
    expect(agreeOnPolicyKey(query, text)).toBe(key);
  });

  it.each(['-1', '+1', '0x1', '1.5', '1 2', '12345678901', 'null'])('is refused: "%s"', (text) => {
    expect(agreeOnPolicyKey(query, text)).toBe('EASGATE_POLICY_KEY');
  });
});

describe('the User claim', () => {
  const claims = (user: string) => {
    const { userClaim, formClaim } = parse(`Cmd=Ping&User=${user}&DeviceId=A&DeviceType=X`) as EasQuery;
    return [userClaim, formClaim];
  };

  it.each([
    ['john+smith', 'john+smith', 'john smith'],
    ['john%20smith', 'john smith', null],
    ['al%2Bice', 'al+ice', null],
    ['a%2Bb+c', 'a+b+c', 'a+b c'],
    ['j%C3%BCrgen+x', 'j\xfcrgen+x', 'j\xfcrgen x'],
    ['alice', 'alice', null],
  ])('has two readings when it contains a raw plus: %s', (text, plain, form) => {
    expect(claims(text)).toEqual([plain, form]);
  });
});

describe('a base64 query', () => {
  const encode = (...bytes: number[]) => Buffer.from(bytes).toString('base64');
  const text = (value: string) => [...Buffer.from(value)];
  const head = (version = 141, command = 18) => [
    version,
    command,
    9,
    4,
    3,
    ...text('abc'),
    0,
    6,
    ...text('iPhone'),
  ];

  it.each([191, 25, 0, 120, 142, 255, 145])(
    'with version byte %i and no version header is refused',
    (version) => {
      const query = parse(encode(...head(version)));
      if (typeof query === 'string') throw new Error(query);
      expect(agreeOnVersion(query, null)).toBe('EASGATE_VERSION_UNKNOWN');
    },
  );

  it('with version byte 145 means 14.1 only when the header says 14.1', () => {
    const query = parse(encode(...head(145)));
    if (typeof query === 'string') throw new Error(query);
    expect(agreeOnVersion(query, '14.1')).toBe('14.1');
    expect(isAgreementError(agreeOnVersion(query, '14.0'))).toBe(true);
  });

  it('must not contradict the headers', () => {
    const query = parse(encode(141, 18, 9, 4, 3, ...text('abc'), 4, 7, 0, 0, 0, 1, 0x58));
    if (typeof query === 'string') throw new Error(query);
    expect(agreeOnVersion(query, '16.1')).toBe('EASGATE_VERSION_CONTRADICTION');
    expect(agreeOnPolicyKey(query, '7')).toBe(7);
    expect(agreeOnPolicyKey(query, '8')).toBe('EASGATE_POLICY_KEY');
    expect(agreeOnPolicyKey(query, 'x')).toBe('EASGATE_POLICY_KEY');
    expect(agreeOnPolicyKey(query, '4294967303')).toBe('EASGATE_POLICY_KEY');
    // An empty header counts as absent.
    expect(agreeOnPolicyKey(query, '')).toBe(7);
  });

  it.each([
    ['options of two bytes', [...head(), 7, 2, 1, 1]],
    ['options of no byte', [...head(), 7, 0]],
    ['unknown option bits', [...head(), 7, 1, 4]],
    ['unassigned tag without length', [...head(), 9]],
    ['unassigned tag that reaches behind the end', [...head(), 255, 2, 1]],
    ['tag without length', [...head(), 8]],
    ['NUL in User', [...head(), 8, 4, ...text('bob'), 0]],
    ['empty User', [...head(), 8, 0]],
    ['id with punctuation', [141, 18, 9, 4, 4, ...text('a-bc'), 0, 1, 0x58]],
    ['policy key of two bytes', [141, 18, 9, 4, 3, ...text('abc'), 2, 1, 1, 1, 0x58]],
  ])('is refused: %s', (_name, bytes) => {
    expect(parse(encode(...bytes))).toMatch(/^EASGATE_/);
  });

  it('is refused, or reads the same in its canonical form, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const query = Buffer.from(bytes).toString('base64');
        const result = parse(query);
        if (typeof result === 'string') return;
        if (result.dropped === 0) expect(result.canonical).toBe(query);
        expect(parse(result.canonical)).toMatchObject({ ...result, dropped: 0 });
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a target', () => {
  const query = 'Cmd=Ping&DeviceId=A&DeviceType=X';
  it.each([
    '/Microsoft-Server-ActiveSync',
    '/microsoft-server-activesync',
    '/Microsoft-Server-ActiveSync/default.eas',
    '/Microsoft-Server-ActiveSync/',
    '/MICROSOFT-SERVER-ACTIVESYNC/',
  ])('is accepted: %s', (path) => {
    expect(parseEasTarget(`${path}?${query}`, false)).not.toBeTypeOf('string');
    expect(parseEasTarget(path, true)).not.toBeTypeOf('string');
  });

  it.each([
    '/Microsoft-Server-ActiveSync//',
    '/Microsoft-Server-ActiveSync/default.eas/',
    '/Microsoft-Server-ActiveSync%2F',
    '/Microsoft-Server-ActiveSyncX',
    '/Microsoft-Server-ActiveSync;x=1',
    '/Microsoft%2DServer-ActiveSync',
    '//Microsoft-Server-ActiveSync',
    '/./Microsoft-Server-ActiveSync',
    '/x/../Microsoft-Server-ActiveSync',
    '/Microsoft-Server-ActiveSync/../owa',
    '/Microsoft-Server-ActiveSync/Proxy/default.eas',
    '/SOGo/Microsoft-Server-ActiveSync',
    '/rpc.php',
    '/owa',
    '/',
  ])('is not found: %s', (path) => {
    expect(parseEasTarget(`${path}?${query}`, false)).toBe('EASGATE_NOT_FOUND');
  });

  it.each([
    ['Cmd=Options&User=a&DeviceId=B&DeviceType=X', 'User=a&DeviceId=B&DeviceType=X'],
    ['Cmd=OPTIONS&User=a&DeviceId=B&DeviceType=X', 'User=a&DeviceId=B&DeviceType=X'],
    ['User=a&DeviceId=B&DeviceType=X&Cmd=Sync', 'User=a&DeviceId=B&DeviceType=X'],
    ['User=a&Cmd=&DeviceId=B&DeviceType=X', 'User=a&DeviceId=B&DeviceType=X'],
    ['User=a&Cmd=%4fptions&DeviceId=B', 'User=a&DeviceId=B'],
    ['Cmd=%zz', ''],
    ['Cmd=Options', ''],
    ['Cmd=OPTIONS&', ''],
    ['User=a&', 'User=a'],
    ['&', ''],
    ['', ''],
    // FolderSync of ABC123; an unassigned code; with an unassigned tag
    ['jQkJBAZBQkMxMjMABmlQaG9uZQ==', ''],
    ['jf8JBAZBQkMxMjMABmlQaG9uZQ==', ''],
    ['jQkJBAZBQkMxMjMABmlQaG9uZf8BAQ==', ''],
  ])('of OPTIONS has no command, whatever its query: %s', (text, canonical) => {
    const result = parseEasTarget(`/Microsoft-Server-ActiveSync?${text}`, true);
    expect(result).toMatchObject({ command: null, canonical });
  });

  it.each(['cmd=Options', 'Cmd=Options&Cmd=Sync', 'Cmd=a?b', 'Cmd=a=b', 'C%6dd=Options', 'jQ==', 'Cmd'])(
    'of OPTIONS is otherwise checked as strictly as others: %s',
    (text) => {
      expect(parseEasTarget(`/Microsoft-Server-ActiveSync?${text}`, true)).toMatch(/^EASGATE_QUERY/);
    },
  );

  it('without a command is refused for POST', () => {
    expect(parseEasTarget('/Microsoft-Server-ActiveSync', false)).toMatch(/^EASGATE_QUERY/);
    expect(
      parseEasTarget('/Microsoft-Server-ActiveSync?User=a&DeviceId=B&DeviceType=X', true),
    ).not.toBeTypeOf('string');
  });
});
