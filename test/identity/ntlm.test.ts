// Owns the promises of reading NTLM and Negotiate credentials: which leg of the handshake, and which user.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { challengeUnicode, isConnectionBound, readLeg } from '../../src/identity/ntlm.ts';
import {
  authenticateMessage,
  challengeMessage,
  credentials,
  der,
  kerberosToken,
  negotiateMessage,
  spnegoNegotiate,
  spnegoResponse,
} from '../support/phones/ntlm-tokens.ts';

const NAMES_ALICE = { leg: 'closing', user: 'contoso\\alice', unicode: true };
const OPENING = { leg: 'opening' };
const ntlm = (token: Buffer) => readLeg(credentials('NTLM', token));
const negotiate = (token: Buffer) => readLeg(credentials('Negotiate', token));

describe('a scheme that authenticates the connection', () => {
  it.each(['NTLM', 'ntlm', 'NtLm TlRM', 'Negotiate', 'NEGOTIATE YII=', 'negotiate  YII='])(
    'is recognised: %s',
    (value) => {
      expect(isConnectionBound(value)).toBe(true);
    },
  );

  it.each([null, '', 'Basic bnRsbTp4', 'Bearer ntlm', 'NTLMv2 x', 'Negotiated x', 'Nego x', ' NTLM x'])(
    'is not seen in %s',
    (value) => {
      expect(isConnectionBound(value)).toBe(false);
    },
  );
});

describe('the first leg', () => {
  it('names no user as NTLM type 1', () => {
    expect(ntlm(negotiateMessage())).toEqual(OPENING);
    expect(negotiate(negotiateMessage())).toEqual(OPENING);
  });

  it('names no user as NTLM type 1 inside SPNEGO', () => {
    expect(negotiate(spnegoNegotiate())).toEqual(OPENING);
  });

  it('names no user as a Kerberos ticket, whatever the ticket contains', () => {
    expect(negotiate(kerberosToken())).toEqual(OPENING);
    expect(negotiate(kerberosToken(authenticateMessage({ user: 'alice' })))).toEqual(OPENING);
  });

  it('names no user as a challenge that a client echoes', () => {
    expect(ntlm(challengeMessage(Buffer.alloc(8)))).toEqual(OPENING);
  });
});

describe("the character set of the server's challenge", () => {
  const unicode = challengeMessage(Buffer.alloc(8));
  const oem = Buffer.from(unicode);
  oem.writeUInt32LE(0x202, 20);
  const lines = (...values: readonly string[]): string =>
    values.map((value) => `WWW-Authenticate: ${value}\r\n`).join('') + 'Content-Length: 0\r\n';

  it('is read from NTLM and from Negotiate, plain or in SPNEGO', () => {
    for (const [message, chosen] of [
      [unicode, true],
      [oem, false],
    ] as const) {
      expect(challengeUnicode(lines(credentials('NTLM', message)))).toBe(chosen);
      expect(challengeUnicode(lines(credentials('negotiate', message)))).toBe(chosen);
      expect(challengeUnicode(lines(credentials('Negotiate', spnegoResponse(message))))).toBe(chosen);
      // Lengths that are longer than they need be (BER).
      const long = Buffer.concat([
        Buffer.from([0xa1, 0x84, 0, 0, 0, message.length + 2, 0x04, message.length]),
        message,
      ]);
      expect(challengeUnicode(lines(credentials('Negotiate', long)))).toBe(chosen);
      expect(
        challengeUnicode(lines('Basic realm="a"', `Bearer, ${credentials('NTLM', message)}, Digest a=b`)),
      ).toBe(chosen);
    }
  });

  it.each([
    ['no challenge', lines('Negotiate', 'NTLM', 'Basic realm="mail"')],
    ['a challenge without flags', lines(credentials('NTLM', unicode.subarray(0, 20)))],
    ['another message', lines(credentials('NTLM', negotiateMessage()))],
    ['two that differ', lines(credentials('NTLM', unicode), credentials('Negotiate', oem))],
    ['one of another scheme', lines(credentials('Basic', unicode))],
    ['one in another header', `X-A: ${credentials('NTLM', unicode)}\r\n`],
  ])('is unknown with %s', (_name, headerLines) => {
    expect(challengeUnicode(headerLines)).toBeNull();
  });

  it('is read in linear time', () => {
    const long = 'WWW-Authenticate: ' + 'NTLM'.padEnd(60_000, ' ') + '\r\n';
    expect(challengeUnicode(long + lines(credentials('NTLM', unicode)))).toBe(true);
  });
});

describe('the last leg', () => {
  it('names its user, written in UTF-16', () => {
    expect(ntlm(authenticateMessage({ user: 'Alice' }))).toEqual(NAMES_ALICE);
    expect(ntlm(authenticateMessage({ user: 'Jürgen' }))).toEqual({
      leg: 'closing',
      user: 'contoso\\jürgen',
      unicode: true,
    });
  });

  it('names its user, written in the OEM character set', () => {
    expect(ntlm(authenticateMessage({ user: 'ALICE', charset: 'oem' }))).toEqual({
      ...NAMES_ALICE,
      unicode: false,
    });
  });

  it('is refused when OEM text has characters that code pages do not share', () => {
    expect(ntlm(authenticateMessage({ user: 'J\xfcrgen', charset: 'oem' }))).toBe('EASGATE_AUTHORIZATION');
    expect(ntlm(authenticateMessage({ user: 'al\tice', charset: 'oem' }))).toBe('EASGATE_AUTHORIZATION');
  });

  it('names its user inside SPNEGO, with and without a MIC', () => {
    const message = authenticateMessage({ user: 'alice' });
    expect(negotiate(spnegoResponse(message))).toEqual(NAMES_ALICE);
    expect(negotiate(spnegoResponse(message, null))).toEqual(NAMES_ALICE);
  });

  it('names its user inside SPNEGO whatever the number of length octets', () => {
    for (const size of [0, 24, 40, 100, 300]) {
      const message = authenticateMessage({ user: 'alice' }, Buffer.alloc(size));
      expect(negotiate(spnegoResponse(message, null))).toEqual(NAMES_ALICE);
    }
  });

  it('has the domain in the key, except the domain of a UPN', () => {
    expect(ntlm(authenticateMessage({ user: 'Alice', domain: 'FABRIKAM' }))).toEqual({
      leg: 'closing',
      user: 'fabrikam\\alice',
      unicode: true,
    });
    const alone = authenticateMessage({ user: 'alice', domain: '' });
    expect(ntlm(alone)).toEqual({ leg: 'closing', user: 'alice', unicode: true });
    // An empty field may have any offset.
    alone.writeUInt32LE(0, 32);
    expect(ntlm(alone)).toEqual({ leg: 'closing', user: 'alice', unicode: true });
    expect(ntlm(authenticateMessage({ user: 'alice@contoso.com', domain: 'FABRIKAM' }))).toEqual({
      leg: 'closing',
      user: 'alice@contoso.com',
      unicode: true,
    });
    expect(ntlm(authenticateMessage({ user: 'Alice@Contoso.com', domain: '' }))).toEqual({
      leg: 'closing',
      user: 'alice@contoso.com',
      unicode: true,
    });
  });

  it('is refused when the name holds a domain of its own', () => {
    expect(ntlm(authenticateMessage({ user: 'CONTOSO\\alice' }))).toBe('EASGATE_USER_NAME');
  });

  it.each(['bob#alice', 'bob!alice', 'alice\0bob', ' alice', 'a'.repeat(257)])(
    'is refused when the name is %j',
    (user) => {
      expect(ntlm(authenticateMessage({ user }))).toBe('EASGATE_USER_NAME');
    },
  );

  it('is refused when the name is empty: an anonymous logon', () => {
    expect(ntlm(authenticateMessage({ user: '', domain: '' }))).toBe('EASGATE_AUTHORIZATION');
    expect(negotiate(spnegoResponse(authenticateMessage({ user: '' })))).toBe('EASGATE_AUTHORIZATION');
  });

  it('is refused when the name has an odd number of octets or a lone surrogate', () => {
    const half = authenticateMessage({ user: 'alice' });
    half.writeUInt16LE(9, 36);
    expect(ntlm(half)).toBe('EASGATE_AUTHORIZATION');
    expect(ntlm(authenticateMessage({ user: 'alice\ud800' }))).toBe('EASGATE_AUTHORIZATION');
  });

  it('is refused when the name overlaps the fixed part or exceeds the message', () => {
    for (const offset of [0, 8, 63, 10_000, 0xffff_ffff]) {
      const message = authenticateMessage({ user: 'alice' });
      message.writeUInt32LE(offset, 40);
      expect(ntlm(message)).toBe('EASGATE_AUTHORIZATION');
    }
  });

  it('never names another user when it is truncated', () => {
    const message = authenticateMessage({ user: 'alice' });
    for (let length = 0; length < message.length; length++) {
      const leg = ntlm(message.subarray(0, length));
      expect([OPENING, NAMES_ALICE, 'EASGATE_AUTHORIZATION']).toContainEqual(leg);
    }
    for (let length = 12; length < 64; length++)
      expect(ntlm(message.subarray(0, length))).toBe('EASGATE_AUTHORIZATION');
  });
});

describe('SPNEGO that is not exactly one DER token', () => {
  const message = authenticateMessage({ user: 'alice' });
  const part = der(0xa2, der(0x04, message));

  /** A length with one octet more than needed: BER, not DER. */
  function longLength(token: Buffer): Buffer {
    const body = token.subarray(token[1] === 0x82 ? 4 : token[1] === 0x81 ? 3 : 2);
    return Buffer.concat([
      Buffer.from([token[0] as number, 0x83, 0, body.length >> 8, body.length & 0xff]),
      body,
    ]);
  }

  it.each([
    ['bytes behind it', Buffer.concat([spnegoResponse(message), Buffer.from([0])])],
    ['a length that is not the shortest', longLength(spnegoResponse(message))],
    ['an indefinite length', Buffer.concat([Buffer.from([0xa1, 0x80]), der(0x30, part), Buffer.alloc(2)])],
    ['no SEQUENCE', der(0xa1, der(0x31, part))],
    ['bytes behind the SEQUENCE', der(0xa1, der(0x30, part), der(0x04))],
    ['two response tokens', der(0xa1, der(0x30, part, der(0xa2, der(0x04, negotiateMessage()))))],
    ['fields out of order', der(0xa1, der(0x30, part, der(0xa0, der(0x0a, Buffer.from([1])))))],
    ['no OCTET STRING', der(0xa1, der(0x30, der(0xa2, der(0x24, message))))],
    ['bytes behind the OCTET STRING', der(0xa1, der(0x30, der(0xa2, der(0x04, message), der(0x04))))],
    ['no response token', der(0xa1, der(0x30, der(0xa0, der(0x0a, Buffer.from([1])))))],
    ['an empty response token', der(0xa1, der(0x30, der(0xa2, der(0x04))))],
    ['SPNEGO inside SPNEGO', spnegoResponse(spnegoResponse(message))],
  ])('names nobody: %s', (_name, token) => {
    expect(negotiate(token)).toEqual(OPENING);
  });

  it('names no user when it is truncated', () => {
    const token = spnegoResponse(message);
    for (let length = 1; length < token.length; length++)
      expect(negotiate(token.subarray(0, length))).toEqual(OPENING);
  });
});

describe('a token that is not canonical base64', () => {
  const text = authenticateMessage({ user: 'alice' }, Buffer.alloc(23)).toString('base64');

  it.each([
    ['no token', 'NTLM'],
    ['an empty token', 'Negotiate '],
    ['white space inside', `NTLM ${text.slice(0, 8)} ${text.slice(8)}`],
    ['no padding', `NTLM ${text.replace(/=+$/, '')}`],
    ['the URL alphabet', `Negotiate ${Buffer.alloc(12, 0xff).toString('base64url')}`],
    ['unused bits set', 'NTLM TlRMTVNTUAB='],
    ['a second parameter', `NTLM ${text}, realm="x"`],
    ['more than 64 KB', `NTLM ${'A'.repeat(64 * 1024 + 4)}`],
  ])('is refused: %s', (_name, value) => {
    expect(readLeg(value)).toBe('EASGATE_AUTHORIZATION');
  });
});

describe('any bytes', () => {
  const outcome = (leg: ReturnType<typeof readLeg>) => (typeof leg === 'string' ? leg : leg.leg);
  const outcomes = ['opening', 'closing', 'EASGATE_AUTHORIZATION', 'EASGATE_USER_NAME'];

  it('are read or refused, and never throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ maxLength: 200 }), (text, bytes) => {
        expect(outcomes).toContain(outcome(readLeg(text)));
        expect(outcomes).toContain(outcome(negotiate(Buffer.from(bytes))));
      }),
    );
  });

  it('put into a valid token never throw, nor name a user that is not a field of the token', () => {
    const message = authenticateMessage({ user: 'alice' });
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.tuple(fc.nat(message.length + 40), fc.nat(255)), { maxLength: 4 }),
        (wrapped, edits) => {
          const token = Buffer.from(wrapped ? spnegoResponse(message) : message);
          for (const [at, value] of edits) if (at < token.length) token[at] = value;
          const leg = negotiate(token);
          expect(outcomes).toContain(outcome(leg));
          if (typeof leg === 'string' || leg.leg === 'opening') return;
          const held = (text: string): boolean =>
            [text, text.toUpperCase()].some(
              (name) => token.includes(name, 0, 'latin1') || token.includes(name, 0, 'utf16le'),
            );
          // Upper and lower case may mix once a letter was changed, and NFC replaces some letters (U+F900 to U+FAFF).
          const texts = [token.toString('utf16le'), token.subarray(1).toString('utf16le')];
          const same = texts
            .flatMap((text) => [
              text,
              text.normalize('NFC'),
              Array.from(text, (one) => one.normalize('NFC')).join(''),
            ])
            .map((text) => text.toLowerCase())
            .join('\n');
          for (const field of leg.user.split('\\')) expect(held(field) || same.includes(field)).toBe(true);
        },
      ),
    );
  });
});
