// Owns the promises of the facts that policies read of requests: those of the last request are used again while nothing differs.
import { describe, expect, it } from 'vitest';
import { factsFrom } from '../../../src/gateway/access/request-facts.ts';
import type { RequestOrigin } from '../../../src/gateway/access/request-facts.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import { readFacts } from '../../../src/policy/engine/read-facts.ts';

function exchangeOf(change: Partial<Exchange> = {}): Exchange {
  return Object.assign(new Exchange(0), {
    userAgent: 'Apple-iPhone15C2/2105.219',
    protocolVersion: '16.1',
    command: 'Sync',
    auth: 'basic',
    ...change,
  });
}

describe('the facts of a request', () => {
  it('are those of the last one from there while it says the same', () => {
    const origin: RequestOrigin = { address: '10.1.2.3', lastFacts: null };
    const first = factsFrom(origin, exchangeOf());
    expect(factsFrom(origin, exchangeOf())).toBe(first);
    expect(first).toMatchObject({ addressText: '10.1.2.3', command: { as: 'Sync' }, auth: { as: 'basic' } });
  });

  it.each<[string, Partial<Exchange>, string?]>([
    ['User-Agent', { userAgent: 'Other' }],
    ['User-Agent, which it leaves out', { userAgent: null }],
    ['protocol version', { protocolVersion: '14.1' }],
    ['command', { command: 'Ping' }],
    ['command, which it has none of', { command: null }],
    ['way to sign in', { auth: 'bearer' }],
    ['address', {}, '192.0.2.1'],
  ])('are others where it has another %s', (_, change, address = '10.1.2.3') => {
    const origin = { address: '10.1.2.3', lastFacts: null };
    const first = factsFrom(origin, exchangeOf());
    const second = factsFrom(Object.assign(origin, { address }), exchangeOf(change));
    expect(second).not.toEqual(first);
    expect(second).toEqual(factsFrom({ address, lastFacts: null }, exchangeOf(change)));
  });

  it('of phones that say the same have its texts in common, and each its own address', () => {
    const [one, other] = ['10.1.2.3', '192.0.2.1'].map((address) =>
      factsFrom({ address, lastFacts: null }, exchangeOf()),
    );
    for (const name of ['userAgent', 'protocolVersion', 'command', 'auth'] as const) {
      expect(one?.[name]).not.toBeNull();
      expect(other?.[name]).toBe(one?.[name]);
    }
    expect([one?.addressText, other?.addressText]).toEqual(['10.1.2.3', '192.0.2.1']);
    expect(one?.address).not.toEqual(other?.address);
  });
});

describe('the key of a request', () => {
  it('is the same for equal facts, and follows an expression that also reads the phone', () => {
    const { policy } = compilePolicy({
      rules: [
        { match: { network: '10.0.0.0/8' }, action: 'block' },
        { when: 'request.command == "Sync" && device.managed', action: 'block' },
      ],
    });
    const facts = readFacts({ request: { address: '10.1.2.3', command: 'Sync' } }, 0);
    const of = (managed: boolean): number | string | undefined =>
      policy?.requestKey({ ...facts, device: readFacts({ device: { managed } }, 0).device });
    expect(of(true)).toBe(0b11);
    expect(of(false)).toBe(0b10);
    expect(of(true)).toBe(0b11);
  });
});
