// Owns the promises of identification: user, User= claim, device and client address.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientChain, firstOf, inRanges } from '../../src/identity/client-address.ts';
import { addressRange } from '../../src/ip-address.ts';
import { deviceKey, deviceSpelling } from '../../src/identity/device.ts';
import { claimAgrees } from '../../src/identity/user-claim.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS, UserNames } from '../../src/identity/user-names.ts';
import { userFromAuthorization, userKey } from '../../src/identity/user.ts';

const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString('base64')}`;
const user = (value: string | null) => userFromAuthorization(value, 'upn');
const CLAIMS = Buffer.from('{"upn":"alice"}').toString('base64url');

describe('the user key', () => {
  it.each([
    ['alice:secret', 'alice'],
    ['ALICE:secret', 'alice'],
    ['CONTOSO\\Alice:secret', 'contoso\\alice'],
    ['\\Alice:secret', 'alice'],
    ['CONTOSO\\Alice@Contoso.com:secret', 'alice@contoso.com'],
    ['A.B. Systems\\carol@example.com:pw', 'carol@example.com'],
    ['Alice@Contoso.com:se:cr:et', 'alice@contoso.com'],
    ['a:', 'a'],
    ['Carol+Example.com:x', 'carol@example.com'],
    ['carol%example.com:x', 'carol@example.com'],
    ['X\\carol%mail.example.com:x', 'carol@mail.example.com'],
    ['Carol+Exämple.com:x', 'carol@exämple.com'],
    ['carol+sales:x', 'carol+sales'],
    ['carol%x:x', 'carol%x'],
    ['carol+tag@example.com:x', 'carol+tag@example.com'],
    ['carol+a.b c:x', 'carol+a.b c'],
    ['+example.com:x', '+example.com'],
  ])('of %s is %s', (credentials, key) => {
    expect(user(basic(credentials))).toBe(key);
  });

  it('is read from UTF-8 and from Latin-1', () => {
    expect(user(basic('Jürgen:x'))).toBe('jürgen');
    expect(user(basic(Buffer.from('J\xfcrgen:x', 'latin1')))).toBe('jürgen');
  });

  it('is read whatever the letter case of the scheme and the number of spaces', () => {
    expect(user(basic('alice:x').replace('Basic ', 'bAsIc  '))).toBe('alice');
  });

  it.each([null, '', 'Basic', 'Bearer', 'NTLM TlRMTVNTUAAB', 'Negotiate YII=', 'Digest username="a"'])(
    'is missing for %s',
    (value) => {
      expect(user(value)).toBe('none');
    },
  );

  it.each([
    ['impersonation of Z-Push', basic('victim#me:x')],
    ['impersonation of grommunio', basic('me!victim:x')],
    ['no colon', basic('alice')],
    ['no name', basic(':x')],
    ['quoted address', basic('"alice"@example.com:x')],
    ['address in angle brackets', basic('Alice <alice@example.com>:x')],
    ['distinguished name', basic('uid=alice,ou=people:x')],
    ['domain with a dot at its end, behind a plus', basic('alice+example.com.:x')],
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

  it('equals the result of a plain decoder, for any credentials', () => {
    let named = 0;
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 }),
        fc.string({ maxLength: 30 }),
        (name, password) => {
          const found = user(basic(`${name}:${password}`));
          if (found.startsWith('EASGATE_')) return;
          named++;
          const written = (name.split(':')[0] ?? '').toLowerCase();
          expect([written, written.replace(/[+%](?=[^+%]*$)/, '@')].some((one) => one.endsWith(found))).toBe(
            true,
          );
        },
      ),
      { numRuns: 1_000 },
    );
    expect(named).toBeGreaterThan(0);
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
    ['CONTOSO\\alice', 'fabrikam\\alice', true],
    ['alice', 'contoso\\alice', true],
    ['alice@contoso.com', 'contoso\\alice', true],
    ['CONTOSO\\alice', 'alice@contoso.com', true],
    ['CONTOSO\\bob', 'contoso\\alice', false],
  ])('%s and %s agree: %s', (claim, key, agrees) => {
    expect(claimAgrees(claim, key as UserKey)).toBe(agrees);
  });

  it('agrees across the DNS domains of a group', () => {
    const names = new UserNames([['a.example', 'b.example']]);
    expect(claimAgrees('alice@a.example', 'alice@b.example' as UserKey, names)).toBe(true);
    expect(claimAgrees('alice@a.example', 'alice@c.example' as UserKey, names)).toBe(false);
  });
});

describe('the device key', () => {
  const hexOf = (text: string): string => Buffer.from(text).toString('hex');
  const ids = fc.string({
    unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'),
    minLength: 1,
    maxLength: 16,
  });

  it.each([
    ['V140Device', 'v140device'],
    ['56313430446576696365', 'v140device'],
    ['76313430446576696365', 'v140device'],
    [hexOf(hexOf('Appl1')), 'appl1'],
    ['c86cb866c1647db0e4a0a5116324d342', 'c86cb866c1647db0e4a0a5116324d342'],
    ['AB', 'ab'],
  ])('of %s is %s', (id, key) => {
    expect(deviceKey(id)).toBe(key);
  });

  it('is the same for an id, its hex form and the hex of that, in any letter case', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const key = deviceKey(id);
        for (const spelled of [id.toUpperCase(), hexOf(id), hexOf(id).toUpperCase(), hexOf(hexOf(id))])
          expect(deviceKey(spelled)).toBe(key);
        expect(deviceKey(key)).toBe(key);
      }),
    );
  });

  it('has one spelling per level of hex encoding, whatever the letter case', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const key = deviceKey(id);
        const plain = deviceSpelling(id, false);
        expect(deviceSpelling(id.toUpperCase(), false)).toBe(plain);
        const inHex = deviceSpelling(hexOf(id), false);
        expect(inHex).not.toBe(plain);
        // A base64 query has the raw text; servers write it in hex.
        expect(deviceSpelling(id, true)).toBe(inHex);
        for (const spelling of [plain, inHex]) expect(deviceKey(spelling)).toBe(key);
      }),
    );
  });
});

describe('a user name', () => {
  const groups = new UserNames([
    ['Contoso.com', 'corp.contoso.local', 'CONTOSO'],
    ['FABRIKAM', 'fabrikam.example'],
    ['OLD', 'OLDER'],
  ]);
  const relation = (names: UserNames, a: string, b: string): string => {
    const [one, other] = [userKey(a) as UserKey, userKey(b) as UserKey];
    expect(names.mayBeSame(other, one)).toBe(names.mayBeSame(one, other));
    return names.same(one, other) ? 'same' : names.mayBeSame(one, other) ? 'meets' : 'apart';
  };

  it.each([
    ['carol', 'CAROL', 'same'],
    ['carol', 'carol@contoso.com', 'meets'],
    ['carol', 'CONTOSO\\carol', 'meets'],
    ['CONTOSO\\carol', 'carol@contoso.com', 'meets'],
    ['CONTOSO\\carol', 'FABRIKAM\\carol', 'meets'],
    ['contoso.com\\carol', 'carol@fabrikam.example', 'meets'],
    ['carol@CONTOSO', 'carol@contoso.com', 'meets'],
    ['carol@', 'carol@contoso.com', 'meets'],
    ['carol@contoso.com', 'carol@fabrikam.example', 'apart'],
    ['carol@contoso.com', 'X\\carol@fabrikam.example', 'apart'],
    ['carol', 'carola', 'apart'],
    ['carol', 'dave@contoso.com', 'apart'],
  ])('%s and %s, without groups: %s', (a, b, expected) => {
    expect(relation(NO_GROUPS, a, b)).toBe(expected);
  });

  it.each([
    ['CONTOSO\\carol', 'carol@contoso.com', 'same'],
    ['carol@corp.contoso.local', 'carol@contoso.com', 'same'],
    ['contoso.com\\carol', 'carol@CONTOSO', 'same'],
    ['FABRIKAM\\carol', 'carol@fabrikam.example', 'same'],
    ['OLD\\carol', 'OLDER\\carol', 'same'],
    ['CONTOSO\\carol', 'FABRIKAM\\carol', 'apart'],
    ['OLD\\carol', 'carol@contoso.com', 'meets'],
    ['carol', 'carol@contoso.com', 'meets'],
    ['OTHER\\carol', 'carol@contoso.com', 'meets'],
    ['CONTOSO\\carol', 'carol@other.example', 'apart'],
    ['CONTOSO\\carol', 'dave@contoso.com', 'apart'],
  ])('%s and %s, with groups: %s', (a, b, expected) => {
    expect(relation(groups, a, b)).toBe(expected);
  });
});

describe('the client address', () => {
  const trusted = ['10.0.0.0/8', '2001:db8::/32'].map(addressRange);

  it('is the peer when the peer is not a trusted proxy', () => {
    expect(clientChain('192.0.2.1', '198.51.100.7', trusted)).toBe('192.0.2.1');
  });

  it('is the first untrusted address from the right', () => {
    const chain = clientChain('10.0.0.1', '203.0.113.9, 198.51.100.7, 10.0.0.2', trusted);
    expect(firstOf(chain)).toBe('198.51.100.7');
    expect(firstOf(clientChain('2001:db8::1', '198.51.100.7', trusted))).toBe('198.51.100.7');
  });

  it('comes with the proxies between, without the entries that the client wrote', () => {
    const chain = clientChain('10.0.0.1', '203.0.113.9,198.51.100.7 ,10.0.0.2', trusted);
    expect(chain).toBe('198.51.100.7, 10.0.0.2, 10.0.0.1');
  });

  it('stops at an entry that is not an address', () => {
    expect(clientChain('10.0.0.1', '198.51.100.7, unknown', trusted)).toBe('10.0.0.1');
  });

  it('treats IPv4-mapped addresses as IPv4', () => {
    expect(inRanges('::ffff:10.1.2.3', trusted)).toBe(true);
  });
});
