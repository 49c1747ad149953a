// Owns the promises of the PROXY protocol codec: the headers it reads, the headers it writes, and that both agree.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyHeader, proxyHeader } from '../../src/http/proxy-protocol.ts';
import { parseAddress } from '../../src/ip-address.ts';

const BAD = 'EASGATE_PROXY_PROTOCOL';
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

const parse = (bytes: string | Buffer) => {
  const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  return parseProxyHeader(all, all.length);
};

/** A version 2 header: command and family as in proxy-protocol.txt 2.2. */
function v2(command: number, family: number, rest: Buffer, length = rest.length): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from([command, family, length >> 8, length & 0xff]), rest]);
}

const IPV4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 9, 0xdc, 0x04, 0x01, 0xbb]);
const IPV6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from([0xdc, 0x04, 0x01, 0xbb]),
]);
const tlv = (type: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);

/** PP2_TYPE_SSL: the client used TLS, and its version in a TLV of its own (section 2.2.6). */
const SSL = tlv(0x20, Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), tlv(0x21, Buffer.from('TLSv1.3'))]));

describe('a version 1 header', () => {
  it('says the address and port of the client', () => {
    const text = 'PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n';
    expect(parse(`${text}POST /`)).toEqual({
      source: '192.0.2.1',
      sourcePort: 56324,
      secure: false,
      end: text.length,
    });
    const six = 'PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n';
    expect(parse(six)).toEqual({ source: '2001:db8::1', sourcePort: 56324, secure: false, end: six.length });
  });

  it.each([
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
  ])('normalizes the spelling of an address: %s', (text, address) => {
    expect(parse(`PROXY TCP6 ${text} 2001:db8::2 1 2\r\n`)).toMatchObject({ source: address });
  });

  it('gives no address for UNKNOWN, whatever follows', () => {
    expect(parse('PROXY UNKNOWN\r\n')).toEqual({ source: null, sourcePort: 0, secure: false, end: 15 });
    const text = 'PROXY UNKNOWN 192.0.2.1 any thing\r\n';
    expect(parse(text)).toEqual({ source: null, sourcePort: 0, secure: false, end: text.length });
  });

  it('is accepted at its maximum length and refused beyond it', () => {
    const most = `PROXY UNKNOWN ${'f'.repeat(91)}\r\n`;
    expect(most).toHaveLength(107);
    expect(parse(most)).toMatchObject({ source: null, end: 107 });
    expect(parse(`PROXY UNKNOWN ${'f'.repeat(92)}\r\n`)).toBe(BAD);
    expect(parse('PROXY TCP4 '.padEnd(107, '1'))).toBe(BAD);
  });

  it.each([
    ['lower case', 'proxy TCP4 192.0.2.1 198.51.100.9 1 2\r\n'],
    ['another family', 'PROXY UDP4 192.0.2.1 198.51.100.9 1 2\r\n'],
    ['a family that only begins like UNKNOWN', 'PROXY UNKNOWNX\r\n'],
    ['no family', 'PROXY \r\n'],
    ['two spaces', 'PROXY TCP4  192.0.2.1 198.51.100.9 1 2\r\n'],
    ['a tab', 'PROXY TCP4 192.0.2.1\t198.51.100.9 1 2\r\n'],
    ['white space at the end', 'PROXY TCP4 192.0.2.1 198.51.100.9 1 2 \r\n'],
    ['a bare LF', 'PROXY TCP4 192.0.2.1 198.51.100.9 1 2\nPOST / HTTP/1.1\r\n'],
    ['too few fields', 'PROXY TCP4 192.0.2.1 198.51.100.9 1\r\n'],
    ['IPv6 as TCP4', 'PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n'],
    ['IPv4 as TCP6', 'PROXY TCP6 192.0.2.1 198.51.100.9 1 2\r\n'],
    ['an octet above 255', 'PROXY TCP4 192.0.2.256 198.51.100.9 1 2\r\n'],
    ['an octal octet', 'PROXY TCP4 192.0.02.1 198.51.100.9 1 2\r\n'],
    ['a short address', 'PROXY TCP4 192.0.513 198.51.100.9 1 2\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n'],
    ['two gaps in an address', 'PROXY TCP6 1::2::3 2001:db8::2 1 2\r\n'],
    ['a bad destination', 'PROXY TCP4 192.0.2.1 nowhere 1 2\r\n'],
    ['a port above 65535', 'PROXY TCP4 192.0.2.1 198.51.100.9 65536 2\r\n'],
    ['a port with a leading zero', 'PROXY TCP4 192.0.2.1 198.51.100.9 01 2\r\n'],
    ['a signed port', 'PROXY TCP4 192.0.2.1 198.51.100.9 +1 2\r\n'],
    ['no header at all', 'POST /Microsoft-Server-ActiveSync HTTP/1.1\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01'],
  ])('is refused: %s', (_name, text) => {
    expect(parse(text)).toBe(BAD);
  });
});

describe('a version 2 header', () => {
  it('says the address and port of the client', () => {
    expect(parse(Buffer.concat([v2(0x21, 0x11, IPV4), Buffer.from('POST')]))).toEqual({
      source: '192.0.2.1',
      sourcePort: 56324,
      secure: false,
      end: 28,
    });
    expect(parse(v2(0x21, 0x21, IPV6))).toEqual({
      source: '2001:db8::1',
      sourcePort: 56324,
      secure: false,
      end: 52,
    });
  });

  it('gives an IPv4-mapped IPv6 address as IPv4', () => {
    const mapped = Buffer.from(IPV6);
    Buffer.from('00000000000000000000ffffc0000201', 'hex').copy(mapped);
    expect(parse(v2(0x21, 0x21, mapped))).toMatchObject({ source: '192.0.2.1' });
  });

  it('gives no address for LOCAL or AF_UNSPEC, whatever follows', () => {
    expect(parse(v2(0x20, 0, Buffer.alloc(0)))).toEqual({
      source: null,
      sourcePort: 0,
      secure: false,
      end: 16,
    });
    expect(parse(v2(0x20, 0x11, IPV4))).toEqual({ source: null, sourcePort: 0, secure: false, end: 28 });
    expect(parse(v2(0x21, 0, Buffer.alloc(5)))).toEqual({
      source: null,
      sourcePort: 0,
      secure: false,
      end: 21,
    });
  });

  it.each([
    [true, 'PP2_CLIENT_SSL among its flags', SSL],
    [true, 'other flags too', tlv(0x20, Buffer.from([7, 0, 0, 0, 0]))],
    [false, 'a certificate but no TLS', tlv(0x20, Buffer.from([6, 0, 0, 0, 0]))],
    [false, 'another type', tlv(0x21, Buffer.from([1, 0, 0, 0, 0]))],
  ])('says that the client used TLS (%s) by a TLV with %s', (secure, _name, more) => {
    for (const rest of [Buffer.concat([IPV4, more]), Buffer.concat([IPV4, tlv(4, Buffer.alloc(3)), more])])
      expect(parse(v2(0x21, 0x11, rest))).toMatchObject({ source: '192.0.2.1', sourcePort: 56324, secure });
    expect(parse(v2(0x21, 0x21, Buffer.concat([IPV6, more])))).toMatchObject({ sourcePort: 56324, secure });
    expect(parse(v2(0x20, 0x11, Buffer.concat([IPV4, more])))).toMatchObject({ source: null, secure: false });
  });

  it('ends after its TLVs', () => {
    const more = Buffer.concat([
      tlv(0x02, Buffer.from('mail.example')),
      tlv(0x04, Buffer.alloc(0)),
      tlv(0x20, Buffer.alloc(80)),
    ]);
    const header = v2(0x21, 0x11, Buffer.concat([IPV4, more]));
    expect(parse(header)).toEqual({
      source: '192.0.2.1',
      sourcePort: 56324,
      secure: false,
      end: header.length,
    });
    const six = v2(0x21, 0x21, Buffer.concat([IPV6, more]));
    expect(parse(six)).toMatchObject({ source: '2001:db8::1', end: six.length });
  });

  it.each([
    [
      'a broken signature',
      Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\r', 'latin1'), v2(0x21, 0x11, IPV4).subarray(12)]),
    ],
    ['another version', v2(0x11, 0x11, IPV4)],
    ['another command', v2(0x22, 0x11, IPV4)],
    ['UDP', v2(0x21, 0x12, IPV4)],
    ['a UNIX socket', v2(0x21, 0x31, Buffer.alloc(216))],
    ['too short for its family', v2(0x21, 0x11, IPV4.subarray(0, 11))],
    ['IPv4 addresses as IPv6', v2(0x21, 0x21, IPV4)],
    ['a cut TLV', v2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([4, 0])]))],
    ['a TLV beyond the end', v2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([4, 0, 9, 1])]))],
    ['a TLV about TLS that is too short', v2(0x21, 0x11, Buffer.concat([IPV4, tlv(0x20, Buffer.alloc(4))]))],
    [
      'a TLV about TLS whose own TLVs do not fit',
      v2(0x21, 0x11, Buffer.concat([IPV4, tlv(0x20, Buffer.alloc(7))])),
    ],
    ['two TLVs about TLS', v2(0x21, 0x11, Buffer.concat([IPV4, SSL, SSL]))],
    ['more than 536 bytes', v2(0x21, 0x11, Buffer.alloc(0), 537)],
  ])('is refused: %s', (_name, bytes) => {
    expect(parse(bytes)).toBe(BAD);
  });
});

describe('any header', () => {
  const headers = [
    Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n'),
    Buffer.from('PROXY UNKNOWN\r\n'),
    v2(0x21, 0x11, IPV4),
    v2(0x21, 0x21, Buffer.concat([IPV6, tlv(4, Buffer.alloc(9))])),
    v2(0x20, 0, Buffer.alloc(0)),
  ];

  it('needs every byte up to its last one and none after it', () => {
    for (const header of headers) {
      const whole = parse(header);
      expect(whole).toMatchObject({ end: header.length });
      const all = Buffer.concat([header, Buffer.from('POST / HTTP/1.1\r\n')]);
      for (let length = 0; length < header.length; length++) expect(parseProxyHeader(all, length)).toBeNull();
      for (let length = header.length; length <= all.length; length++)
        expect(parseProxyHeader(all, length)).toEqual(whole);
    }
  });

  it('never throws and never ends beyond the input', () => {
    const start = fc.constantFrom(Buffer.alloc(0), SIGNATURE, Buffer.from('PROXY '), ...headers);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 600 }), (prefix, noise) => {
        const bytes = Buffer.concat([prefix, noise]);
        const header = parse(bytes);
        if (header === null || header === BAD) return;
        expect(header.end).toBeLessThanOrEqual(bytes.length);
        if (header.source !== null) expect(parseAddress(header.source)).not.toBeNull();
      }),
    );
  });

  it('that was written reads back as the same address and port', () => {
    const port = fc.nat(65_535);
    const versions = fc.constantFrom(1 as const, 2 as const);
    const pairs = fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6()));
    fc.assert(
      fc.property(versions, pairs, port, port, (version, [source, destination], from, to) => {
        fc.pre(!source.startsWith('::ffff:') && !destination.startsWith('::ffff:'));
        const bytes = proxyHeader(version, source, from, destination, to);
        const header = parse(bytes);
        expect(header).toMatchObject({ sourcePort: from, end: bytes.length });
        if (header === null || header === BAD || header.source === null) throw new Error('no address');
        expect(parseAddress(header.source)).toEqual(parseAddress(source));
      }),
    );
  });
});

describe('the header that is written', () => {
  it('has the text or bytes of the specification', () => {
    expect(proxyHeader(1, '192.0.2.1', 56324, '198.51.100.9', 443).toString()).toBe(
      'PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n',
    );
    expect(proxyHeader(1, '2001:db8::1', 1, '2001:db8::2', 2).toString()).toBe(
      'PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n',
    );
    expect(proxyHeader(2, '192.0.2.1', 56324, '198.51.100.9', 443)).toEqual(v2(0x21, 0x11, IPV4));
    expect(proxyHeader(2, '2001:db8::1', 56324, '2001:db8::2', 443)).toEqual(v2(0x21, 0x21, IPV6));
  });

  it('has IPv4 addresses for IPv4-mapped addresses of a socket', () => {
    expect(proxyHeader(1, '::ffff:192.0.2.1', 1, '::ffff:198.51.100.9', 2).toString()).toBe(
      'PROXY TCP4 192.0.2.1 198.51.100.9 1 2\r\n',
    );
  });

  it('gives no address when the addresses are of different families or unknown', () => {
    for (const [source, destination] of [
      ['192.0.2.1', '2001:db8::2'],
      ['', '198.51.100.9'],
      ['phone', 'server'],
    ] as const) {
      expect(proxyHeader(1, source, 1, destination, 2).toString()).toBe('PROXY UNKNOWN\r\n');
      expect(proxyHeader(2, source, 1, destination, 2)).toEqual(v2(0x20, 0, Buffer.alloc(0)));
    }
  });
});
