// Owns the promises of naming: user, claim, device and client address.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clientChain,
  firstOf,
  inRanges,
  parseAddress,
  parseRange,
} from '../../src/identity/client-address.ts';
import { deviceAliases, deviceKey } from '../../src/identity/device.ts';
import { claimAgrees } from '../../src/identity/user-claim.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { userFromAuthorization } from '../../src/identity/user.ts';

const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString('base64')}`;
const user = (value: string | null) => userFromAuthorization(value, 'upn');
const CLAIMS = Buffer.from('{"upn":"alice"}').toString('base64url');

describe('the user key', () => {
  it.each([
    ['alice:secret', 'alice'],
    ['ALICE:secret', 'alice'],
    ['CONTOSO\\Alice:secret', 'alice'],
    ['Alice@Contoso.com:se:cr:et', 'alice@contoso.com'],
    ['a:', 'a'],
  ])('of %s is %s', (credentials, key) => {
    expect(user(basic(credentials))).toBe(key);
  });

  it('is read from UTF-8 and from Latin-1', () => {
    expect(user(basic('Jürgen:x'))).toBe('jürgen');
    expect(user(basic(Buffer.from('J\xfcrgen:x', 'latin1')))).toBe('jürgen');
  });

  it('is read whatever the case of the scheme and however many spaces follow', () => {
    expect(user(basic('alice:x').replace('Basic ', 'bAsIc  '))).toBe('alice');
  });

  it.each([null, '', 'Basic', 'Bearer', 'NTLM TlRMTVNTUAAB', 'Negotiate YII=', 'Digest username="a"'])(
    'is none for %s',
    (value) => {
      expect(user(value)).toBe('none');
    },
  );

  it.each([
    ['impersonation of Z-Push', basic('victim#me:x')],
    ['impersonation of grommunio', basic('me!victim:x')],
    ['no colon', basic('alice')],
    ['no name', basic(':x')],
    ['only a domain', basic('CONTOSO\\:x')],
    ['control character', basic('al\nice:x')],
    ['white space around the name', basic(' alice:x')],
    ['no padding', basic('alice:secret1').replace(/=+$/, '')],
    ['foreign character', 'Basic YWxpY2U6*2VjcmV0'],
    ['unused bits set', 'Basic YWxpY2U6eB=='],
    ['second space inside', 'Basic YWxp Y2U6eA=='],
    ['long value', `Basic ${'A'.repeat(20_000)}`],
    ['broken token', 'Bearer a.b'],
    ['token without the claim', `Bearer a.${Buffer.from('{}').toString('base64url')}.c`],
    ['token that is no JSON', 'Bearer a.b.c'],
    ['token of five parts (JWE, RFC 7516 7.1)', `Bearer h.${CLAIMS}.iv.text.tag`],
    ['token of four parts', `Bearer h.${CLAIMS}.s.more`],
    ['token that ends in a dot', `Bearer h.${CLAIMS}.s.`],
    [
      'claims that are no UTF-8',
      `Bearer h.${Buffer.from('{"upn":"j\xfcrgen"}', 'latin1').toString('base64url')}.s`,
    ],
    [
      'claims cut inside a character',
      `Bearer h.${Buffer.from('7b2275706e223a22c3227d', 'hex').toString('base64url')}.s`,
    ],
    [
      'claims in surrogates (CESU-8)',
      `Bearer h.${Buffer.from('7b2275706e223a22eda0bdedb8b0227d', 'hex').toString('base64url')}.s`,
    ],
    [
      'claims behind a byte order mark',
      `Bearer h.${Buffer.from('\ufeff{"upn":"alice"}').toString('base64url')}.s`,
    ],
  ])('is refused: %s', (_name, value) => {
    expect(user(value)).toMatch(/^EASGATE_/);
  });

  it('comes from the configured claim of a Bearer token', () => {
    const payload = Buffer.from(JSON.stringify({ upn: 'Alice@Contoso.com' })).toString('base64url');
    expect(user(`Bearer h.${payload}.s`)).toBe('alice@contoso.com');
  });

  it('is what a plain decoder finds, for any credentials', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 }),
        fc.string({ maxLength: 30 }),
        (name, password) => {
          const found = user(basic(`${name}:${password}`));
          if (found.startsWith('EASGATE_')) return;
          expect(name.split(':')[0]?.toLowerCase().endsWith(found)).toBe(true);
        },
      ),
    );
  });
});

describe('the User= claim', () => {
  it.each([
    ['alice', 'alice', true],
    ['ALICE', 'alice', true],
    ['CONTOSO\\alice', 'alice', true],
    ['alice@contoso.com', 'alice', true],
    ['alice', 'alice@contoso.com', true],
    ['alice@contoso.com', 'alice@contoso.com', true],
    ['alice@a.example', 'alice@b.example', false],
    ['bob', 'alice', false],
    ['bob@contoso.com', 'alice', false],
    ['alice#bob', 'alice', false],
    ['@contoso.com', 'alice', false],
  ])('%s and %s agree: %s', (claim, key, agrees) => {
    expect(claimAgrees(claim, key as UserKey)).toBe(agrees);
  });
});

describe('the device key', () => {
  it('has the hex of its lower-case text as alias', () => {
    expect(deviceAliases(deviceKey('V140Device'))).toEqual(['76313430646576696365']);
  });

  it('of a hex id that spells a text is the hex of its lower case', () => {
    expect(deviceKey('56313430446576696365')).toBe('76313430646576696365');
  });

  it('has the text that a hex id spells as alias', () => {
    expect(deviceAliases(deviceKey('76313430446576696365'))).toContain('v140device');
  });

  it('of raw bytes has no text alias', () => {
    expect(
      deviceAliases(deviceKey('c86cb866c1647db0e4a0a5116324d342')).every((alias) =>
        /^[0-9a-f]{64}$/.test(alias),
      ),
    ).toBe(true);
  });
});

describe('the client address', () => {
  const trusted = ['10.0.0.0/8', '2001:db8::/32'].map(parseRange);

  it('is the peer when the peer is not a trusted proxy', () => {
    expect(clientChain('192.0.2.1', '198.51.100.7', trusted)).toBe('192.0.2.1');
  });

  it('is the first untrusted address from the right', () => {
    const chain = clientChain('10.0.0.1', '203.0.113.9, 198.51.100.7, 10.0.0.2', trusted);
    expect(firstOf(chain)).toBe('198.51.100.7');
    expect(firstOf(clientChain('2001:db8::1', '198.51.100.7', trusted))).toBe('198.51.100.7');
  });

  it('comes with the proxies between, and without what only the client said', () => {
    const chain = clientChain('10.0.0.1', '203.0.113.9,198.51.100.7 ,10.0.0.2', trusted);
    expect(chain).toBe('198.51.100.7, 10.0.0.2, 10.0.0.1');
  });

  it('stops at what is no address', () => {
    expect(clientChain('10.0.0.1', '198.51.100.7, unknown', trusted)).toBe('10.0.0.1');
  });

  it('counts IPv4-mapped addresses as IPv4', () => {
    expect(inRanges('::ffff:10.1.2.3', trusted)).toBe(true);
  });

  it.each(['1.2.3', '1.2.3.256', '01.2.3.4', '1::2::3', ':::', 'g::1', '1:2:3:4:5:6:7:8:9', ''])(
    'refuses %s',
    (text) => {
      expect(parseAddress(text)).toBeNull();
    },
  );
});
