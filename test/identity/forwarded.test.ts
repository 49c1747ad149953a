// Owns the promises of the header Forwarded: which elements are trusted, where reading ends, and that written headers read back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientChain, inRanges } from '../../src/identity/client-address.ts';
import { parseAddress, addressRange } from '../../src/ip-address.ts';
import { forwardedClient, forwardedValue } from '../../src/identity/forwarded.ts';
import { timeOf } from '../support/checks/work-time.ts';

const trusted = ['10.0.0.0/8', '2001:db8::/32'].map(addressRange);
const read = (forwarded: string, peer = '10.0.0.1') => forwardedClient(peer, forwarded, trusted);
const PEER_ONLY = { address: '10.0.0.1', chain: '10.0.0.1', proto: null, host: null, hidden: true };

describe('the client that Forwarded names', () => {
  it.each([
    ['for=192.0.2.7', '192.0.2.7'],
    ['For=192.0.2.7', '192.0.2.7'],
    ['for="192.0.2.7"', '192.0.2.7'],
    ['for="192.0.2.7:47011"', '192.0.2.7'],
    ['for="192.0.2.7:_port"', '192.0.2.7'],
    ['for="[2001:db9::7]"', '2001:db9::7'],
    ['for="[2001:db9::7]:47011"', '2001:db9::7'],
    ['for="\\[2001:db9::7\\]"', '2001:db9::7'],
    ['by=_x;for=192.0.2.7;secret="a;b,c\\"d"', '192.0.2.7'],
    [' \tfor=192.0.2.7\t ', '192.0.2.7'],
  ])('by %s is %s', (forwarded, address) => {
    expect(read(forwarded).address).toBe(address);
  });

  it('is the first untrusted address from the right, with the proxies between', () => {
    const said =
      'for=203.0.113.9, for=192.0.2.7;proto=https;host=mail.example.com,for=10.0.0.3 , for=10.0.0.2';
    expect(read(said)).toEqual({
      address: '192.0.2.7',
      chain: '192.0.2.7, 10.0.0.3, 10.0.0.2, 10.0.0.1',
      proto: 'https',
      host: 'mail.example.com',
      hidden: false,
    });
  });

  it('is the peer when the peer is not a trusted proxy', () => {
    expect(read('for=192.0.2.7;proto=https', '198.51.100.1')).toEqual({
      address: '198.51.100.1',
      chain: '198.51.100.1',
      proto: null,
      host: null,
      hidden: false,
    });
  });

  it.each(['unknown', 'Unknown', '_hidden', '"_h-i.d_d3n"', '"unknown:80"', '"_x:_y"'])(
    'is the last known address when a proxy hides the next one: for=%s',
    (node) => {
      expect(read(`for=203.0.113.9, for=${node};proto=https`)).toEqual({ ...PEER_ONLY, proto: 'https' });
    },
  );

  it('is the last known address when a proxy omits the next one', () => {
    expect(read('for=203.0.113.9, proto=https')).toEqual({ ...PEER_ONLY, proto: 'https' });
  });

  it('does not use scheme and host from an element that the client wrote', () => {
    expect(read('for=10.0.0.9;proto=https;host=evil, for=192.0.2.7')).toEqual({
      address: '192.0.2.7',
      chain: '192.0.2.7, 10.0.0.1',
      proto: null,
      host: null,
      hidden: false,
    });
  });

  it.each([
    ['nothing', ''],
    ['an empty element', 'for=192.0.2.7,'],
    ['no pair', 'for'],
    ['no value', 'for='],
    ['an empty quoted value', 'for=""'],
    ['no name', '=192.0.2.7'],
    ['a name twice', 'for=192.0.2.7;for=192.0.2.8'],
    ['a name twice in another case', 'for=192.0.2.7;FOR=192.0.2.8'],
    ['an unknown name twice', 'for=192.0.2.7;x=1;x=2'],
    ['too many pairs', 'for=192.0.2.7;a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1'],
    ['white space inside', 'for=192.0.2.7; proto=https'],
    ['white space around =', 'for = 192.0.2.7'],
    ['an empty pair', 'for=192.0.2.7;;proto=https'],
    ['a semicolon at the end', 'for=192.0.2.7;'],
    ['a port without quotes', 'for=192.0.2.7:80'],
    ['a port without digits', 'for="192.0.2.7:"'],
    ['a port of six digits', 'for="192.0.2.7:123456"'],
    ['a signed port', 'for="192.0.2.7:+1"'],
    ['IPv6 without quotes', 'for=[2001:db9::7]'],
    ['IPv6 without brackets', 'for="2001:db9::7"'],
    ['IPv6 with one bracket', 'for="[2001:db9::7"'],
    ['IPv6 with a zone', 'for="[fe80::1%eth0]"'],
    ['IPv4 in brackets', 'for="[192.0.2.7]"'],
    ['text behind the brackets', 'for="[2001:db9::7]x"'],
    ['an octal octet', 'for=192.0.02.7'],
    ['a host name', 'for=phone.example.com'],
    ['a made-up name without characters', 'for=_'],
    ['a made-up name with others', 'for="_a b"'],
    ['single quotes', "for='192.0.2.7'"],
    ['a quote that is not closed', 'for="192.0.2.7'],
    ['a quote that is not opened', 'for=192.0.2.7"'],
    ['a quote that is escaped at the end', 'for="192.0.2.7\\"'],
    ['text behind a quoted value', 'for="192.0.2.7"x'],
    ['a control character', 'for=192.0.2.7;x="\u0001"'],
    ['a control character behind a backslash', 'for=192.0.2.7;x="\\\u0001"'],
  ])('is the peer when an element has %s', (_name, forwarded) => {
    expect(read(forwarded)).toEqual(PEER_ONLY);
    // Elements before it cannot be trusted either.
    expect(read(`for=203.0.113.9, ${forwarded}`)).toEqual(PEER_ONLY);
  });

  it.each([
    'for="',
    'for="\\',
    'for=1.1.1.1;by="',
    '"',
    '\\',
    'for="a, for="',
    '","',
    ',,,',
    '\u0001',
    'for=10.0.0.7;host="',
  ])('is the one that the proxy wrote, whatever the client wrote before it: %j', (garbage) => {
    expect(read(`${garbage}, for=192.0.2.7;proto=https;host="m"`)).toEqual({
      address: '192.0.2.7',
      chain: '192.0.2.7, 10.0.0.1',
      proto: 'https',
      host: 'm',
      hidden: false,
    });
  });

  it('is searched in at most 16 elements', () => {
    const hops = Array.from({ length: 40 }, (_, index) => `for=10.0.1.${index}`).join(', ');
    expect(read(`for=192.0.2.7, ${hops}`).address).toBe('10.0.1.24');
  });

  it.each(['\\', '"', ',', '\\"', '",', 'for="\\', 'for=10.0.0.1,'])(
    'is found in linear time among 16 KB of %j',
    (piece) => {
      const long = piece.repeat(Math.floor(1_000_000 / piece.length));
      const took = timeOf(() => {
        for (const text of [long, `for="${long}`, `${long}"`]) read(text);
      });
      // With a million characters, quadratic work takes minutes and linear work less than a tenth of a second.
      expect(took).toBeLessThan(30_000);
    },
  );
});

describe('any Forwarded', () => {
  const addresses = fc.oneof(
    fc.ipV4(),
    fc.ipV6().filter((address) => parseAddress(address)?.length === 4),
    fc.nat(255).map((last) => `10.1.2.${last}`),
  );
  const node = (address: string) => (address.includes(':') ? `for="[${address}]"` : `for=${address}`);
  const noise = fc.stringMatching(/^[ -~\t]{0,80}$/);

  it('leads to an address in its trusted part, whatever precedes that part', () => {
    fc.assert(
      fc.property(noise, fc.array(addresses, { minLength: 1, maxLength: 6 }), (garbage, hops) => {
        const outside = [...hops, '192.0.2.7'].toReversed();
        // The phone at 192.0.2.7 said `garbage`; every proxy behind it is ours.
        const ours = outside.filter((hop) => hop === '192.0.2.7' || inRanges(hop, trusted));
        const said = read(`${garbage}, ${ours.map(node).join(', ')}`);
        expect(said.address).toBe('192.0.2.7');
        expect(said.chain).toBe([...ours, '10.0.0.1'].join(', '));
      }),
    );
  });

  it('leads to the same client as X-Forwarded-For with the same addresses', () => {
    fc.assert(
      fc.property(fc.array(addresses, { maxLength: 8 }), (hops) => {
        const said = read(hops.map(node).join(', '));
        expect(said.chain).toBe(clientChain('10.0.0.1', hops.join(', '), trusted));
      }),
    );
  });

  it('never throws, and never leads to a value that is not an address', () => {
    const pieces = fc.constantFrom(
      'for=',
      'proto=',
      'host=',
      '"',
      '\\',
      ',',
      ';',
      '[',
      ']',
      ':',
      '_x',
      '10.0.0.2',
    );
    const text = fc.array(fc.oneof(pieces, noise), { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (forwarded) => {
        const said = read(forwarded);
        for (const address of said.chain.split(', ')) expect(parseAddress(address)).not.toBeNull();
      }),
    );
  });

  it('that the gateway writes reads back as the same client', () => {
    const protos = fc.constantFrom('http', 'https');
    const hosts = fc.constantFrom('mail.example.com', 'mail.example.com:8443', '[2001:db8::1]:443');
    fc.assert(
      fc.property(addresses, protos, hosts, (client, proto, host) => {
        fc.pre(!inRanges(client, trusted));
        const said = read(forwardedValue(`${client}, 10.0.0.2`, proto, host));
        const chain = `${client}, 10.0.0.2, 10.0.0.1`;
        expect(said).toEqual({ address: client, chain, proto, host, hidden: false });
      }),
    );
  });
});

describe('the Forwarded that the gateway writes', () => {
  it('has the client first, with scheme and host, then the proxies', () => {
    expect(forwardedValue('192.0.2.7, 2001:db8::2', 'https', 'mail.example.com:443')).toBe(
      'for=192.0.2.7;host="mail.example.com:443";proto=https, for="[2001:db8::2]"',
    );
  });

  it('omits an address that has no meaning on other hosts', () => {
    expect(forwardedValue('fe80::1%eth0', 'http', 'm')).toBe('for=unknown;host="m";proto=http');
  });
});
