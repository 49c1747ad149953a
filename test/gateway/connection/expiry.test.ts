// Owns the promises of expired deadlines: the error, by the phase of the exchange.
import { describe, expect, it } from 'vitest';
import { expiryOf } from '../../../src/gateway/connection/expiry.ts';
import type { Expiry, ExpiryInputs } from '../../../src/gateway/connection/expiry.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import type { ExchangePhase } from '../../../src/gateway/exchange/transitions.ts';

type Inputs = Partial<Omit<ExpiryInputs, 'timeouts'>> & {
  readonly over?: boolean;
  readonly lapsed?: boolean;
};

/** The phases that lead to each phase. */
const WAYS: Readonly<Record<ExchangePhase, readonly ExchangePhase[]>> = {
  reading: [],
  asking: ['asking'],
  queued: ['queued'],
  held: ['held'],
  forwarded: ['forwarded'],
  responding: ['forwarded', 'responding'],
  done: ['done'],
};

function expiryIn(phase: ExchangePhase, facts: Partial<Exchange> = {}, inputs: Inputs = {}): Expiry {
  const exchange = Object.assign(new Exchange(0), facts);
  for (const one of WAYS[phase]) exchange.moveTo(one);
  const { over = false, lapsed = false, draining = false, bodyPaused = false } = inputs;
  const timeouts = { isOver: () => over, isLapsed: () => lapsed };
  return expiryOf(exchange, { draining, bodyPaused, timeouts });
}

const connected = { upstream: { connected: true, paused: false } } as unknown as Partial<Exchange>;
const connecting = { upstream: { connected: false, paused: false } } as unknown as Partial<Exchange>;
const stalled = { upstream: { connected: true, paused: true } } as unknown as Partial<Exchange>;
const whole = { ...connected, requestComplete: true };
const poll = { ...whole, held: true };

describe('an expired deadline', () => {
  it.each<[string, Expiry, Expiry]>([
    ['while a body is read', expiryIn('reading'), { kind: 'refuse', code: 'EASGATE_BODY_TIMEOUT' }],
    [
      'while the directory is asked',
      expiryIn('asking'),
      { kind: 'refuse', code: 'EASGATE_STORE_UNAVAILABLE' },
    ],
    ['in the queue', expiryIn('queued'), { kind: 'fail', code: 'EASGATE_UPSTREAM_BUSY' }],
    ['of a poll held here', expiryIn('held'), { kind: 'heldPoll' }],
    ['of a poll held here, in a drain', expiryIn('held', {}, { draining: true }), { kind: 'endPoll' }],
    ['while connecting', expiryIn('forwarded', connecting), { kind: 'connect' }],
    [
      'while the body is sent',
      expiryIn('forwarded', connected),
      { kind: 'refuse', code: 'EASGATE_BODY_TIMEOUT' },
    ],
    [
      'while the server takes no body',
      expiryIn('forwarded', connected, { bodyPaused: true }),
      { kind: 'fail', code: 'EASGATE_UPSTREAM_STALLED' },
    ],
    ['before the response', expiryIn('forwarded', whole), { kind: 'response' }],
    ['of a poll at the server', expiryIn('forwarded', poll, { over: true }), { kind: 'response' }],
    ['of one whose verdict lapsed', expiryIn('forwarded', poll, { lapsed: true }), { kind: 'lapsedPoll' }],
    [
      'of one whose verdict and heartbeat ended',
      expiryIn('forwarded', poll, { over: true, lapsed: true }),
      { kind: 'endPoll' },
    ],
    [
      'of one whose verdict lapsed while connecting',
      expiryIn('forwarded', { ...poll, ...connecting }, { lapsed: true }),
      { kind: 'endPoll' },
    ],
    ['of one in a drain', expiryIn('forwarded', poll, { over: true, draining: true }), { kind: 'endPoll' }],
    [
      'in a drain, of one with time left',
      expiryIn('forwarded', poll, { draining: true }),
      { kind: 'response' },
    ],
    ['of a response', expiryIn('responding', whole), { kind: 'cut', code: 'EASGATE_UPSTREAM_STALLED' }],
    [
      'of a response that the phone does not take',
      expiryIn('responding', stalled),
      { kind: 'cut', code: 'EASGATE_CLIENT_STALLED' },
    ],
  ])('%s', (_, found, expected) => {
    expect(found).toEqual(expected);
  });
});
