// Owns the promises of the throttle in isolation, on a clock that the test sets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Throttle } from '../../../src/gateway/access/throttle.ts';
import type { HeldPing } from '../../../src/gateway/access/throttle.ts';
import type { ThrottleSettings } from '../../../src/gateway/settings.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';

const ALICE = 'alice' as UserKey;
const BOB = 'bob' as UserKey;
const PHONE = 'abc123' as DeviceKey;
const TABLET = 'def456' as DeviceKey;
const SECRET = 'Basic YWxpY2U6c2VjcmV0';
const GUESS = 'Basic YWxpY2U6Z3Vlc3M=';
const START = 1_800_000_000_000;

const guardWith = (settings: Partial<ThrottleSettings> = {}): Throttle =>
  new Throttle({
    burst: 3,
    perMinute: 60,
    repeats: 0,
    repeatsPerMinute: 30,
    pauseSeconds: 30,
    maxDevices: 100,
    ...settings,
  });

/** A held Ping that counts how often it was ended. */
function heldPing(): HeldPing & { ended: number } {
  return {
    ended: 0,
    supersede() {
      this.ended++;
    },
  };
}

describe('the rate of a device', () => {
  it('allows a burst at once, then returns the time until the next request is allowed', () => {
    const guard = guardWith();
    const use = guard.useOf('192.0.2.1', ALICE, PHONE);
    expect([0, 1, 2].map(() => guard.admit(use, 'Sync', START))).toEqual([0, 0, 0]);
    expect(guard.admit(use, 'Sync', START)).toBe(1_000);
    expect(guard.admit(use, 'Sync', START + 400)).toBe(600);
    expect(guard.admit(use, 'Sync', START + 1_000)).toBe(0);
    expect(guard.admit(use, 'Sync', START + 1_000)).toBe(1_000);
  });

  it('does not count refused requests', () => {
    const guard = guardWith();
    const use = guard.useOf('192.0.2.1', ALICE, PHONE);
    for (let sent = 0; sent < 1_000; sent++) guard.admit(use, 'Sync', START);
    expect(guard.admit(use, 'Sync', START + 1_000)).toBe(0);
  });

  it('accumulates at most one burst, however long the device was silent', () => {
    const guard = guardWith();
    const use = guard.useOf('192.0.2.1', ALICE, PHONE);
    guard.admit(use, 'Sync', START);
    const later = START + 86_400_000;
    expect([0, 1, 2, 3].map(() => guard.admit(use, 'Sync', later))).toEqual([0, 0, 0, 1_000]);
  });

  it('counts each command separately', () => {
    const guard = guardWith({ burst: 1 });
    const use = guard.useOf('192.0.2.1', ALICE, PHONE);
    expect(guard.admit(use, 'Sync', START)).toBe(0);
    expect(guard.admit(use, 'Ping', START)).toBe(0);
    expect(guard.admit(use, 'Sync', START)).toBeGreaterThan(0);
    expect(guard.admit(use, 'Ping', START)).toBeGreaterThan(0);
  });

  it.each([
    ['another user', '192.0.2.1', BOB, PHONE],
    ['another device', '192.0.2.1', ALICE, TABLET],
    ['another address', '198.51.100.7', ALICE, PHONE],
  ] as const)('is not affected by %s', (_what, address, user, device) => {
    const guard = guardWith({ burst: 1 });
    guard.admit(guard.useOf('192.0.2.1', ALICE, PHONE), 'Sync', START);
    expect(guard.admit(guard.useOf(address, user, device), 'Sync', START)).toBe(0);
    expect(guard.admit(guard.useOf('192.0.2.1', ALICE, PHONE), 'Sync', START)).toBeGreaterThan(0);
  });

  it('is unlimited when the burst is 0', () => {
    const guard = guardWith({ burst: 0 });
    const use = guard.useOf('192.0.2.1', ALICE, PHONE);
    for (let sent = 0; sent < 1_000; sent++) expect(guard.admit(use, 'Sync', START)).toBe(0);
    expect(use.due).toBeNull();
  });

  it('never allows more than burst and rate, and allows a device that waits as long as Retry-After says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 200 }),
        (burst, perMinute, pauses) => {
          const guard = guardWith({ burst, perMinute });
          const use = guard.useOf('192.0.2.1', ALICE, PHONE);
          let now = START;
          const passed: number[] = [];
          for (const pause of pauses) {
            now += pause;
            const wait = guard.admit(use, 'Sync', now);
            if (wait > 0) {
              now += Math.ceil(wait);
              expect(guard.admit(use, 'Sync', now)).toBe(0);
            }
            passed.push(now);
          }
          for (const [first, from] of passed.entries()) {
            for (const [offset, to] of passed.slice(first).entries()) {
              const allowed = burst + ((to - from) * perMinute) / 60_000;
              expect(offset + 1).toBeLessThanOrEqual(allowed + 1e-3);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the memory of the throttle', () => {
  it('holds at most maxDevices, the most recently seen', () => {
    const guard = guardWith({ maxDevices: 2 });
    const first = guard.useOf('192.0.2.1', ALICE, PHONE);
    const second = guard.useOf('192.0.2.2', ALICE, PHONE);
    expect(guard.useOf('192.0.2.1', ALICE, PHONE)).toBe(first);
    guard.useOf('192.0.2.3', ALICE, PHONE);
    expect(guard.useOf('192.0.2.1', ALICE, PHONE)).toBe(first);
    expect(guard.useOf('192.0.2.2', ALICE, PHONE)).not.toBe(second);
  });
});

describe('the newest Ping of a device', () => {
  it('ends an older one with the same credentials, once', () => {
    const guard = guardWith();
    const [older, newer] = [heldPing(), heldPing()];
    guard.registerPing(ALICE, PHONE, SECRET, older);
    guard.registerPing(ALICE, PHONE, SECRET, newer);
    expect([older.ended, newer.ended]).toEqual([1, 0]);
    guard.registerPing(ALICE, PHONE, SECRET, heldPing());
    expect([older.ended, newer.ended]).toEqual([1, 1]);
  });

  it.each([
    ['other credentials', ALICE, PHONE, GUESS],
    ['another device', ALICE, TABLET, SECRET],
    ['another user', BOB, PHONE, SECRET],
  ] as const)('is not ended by a Ping of %s', (_what, user, device, credentials) => {
    const guard = guardWith();
    const held = heldPing();
    guard.registerPing(ALICE, PHONE, SECRET, held);
    guard.registerPing(user, device, credentials, heldPing());
    expect(held.ended).toBe(0);
  });

  it('stays the newest after a stranger with other credentials sent one for the same device', () => {
    const guard = guardWith();
    const [older, stranger, newer] = [heldPing(), heldPing(), heldPing()];
    guard.registerPing(ALICE, PHONE, SECRET, older);
    const ticket = guard.registerPing(ALICE, PHONE, GUESS, stranger);
    guard.registerPing(ALICE, PHONE, SECRET, newer);
    expect([older.ended, stranger.ended]).toEqual([1, 0]);
    guard.forgetPing(ticket, stranger);
    guard.registerPing(ALICE, PHONE, SECRET, heldPing());
    expect(newer.ended).toBe(1);
  });

  it('does not end itself when the same connection sends it again', () => {
    const guard = guardWith();
    const held = heldPing();
    guard.registerPing(ALICE, PHONE, SECRET, held);
    guard.registerPing(ALICE, PHONE, SECRET, held);
    expect(held.ended).toBe(0);
  });

  it('does not end one that has ended already', () => {
    const guard = guardWith();
    const held = heldPing();
    guard.forgetPing(guard.registerPing(ALICE, PHONE, SECRET, held), held);
    guard.registerPing(ALICE, PHONE, SECRET, heldPing());
    expect(held.ended).toBe(0);
  });

  it('stays registered when the older one that it ended reports its end', () => {
    const guard = guardWith();
    const [older, newer] = [heldPing(), heldPing()];
    const ticket = guard.registerPing(ALICE, PHONE, SECRET, older);
    guard.registerPing(ALICE, PHONE, SECRET, newer);
    guard.forgetPing(ticket, older);
    guard.registerPing(ALICE, PHONE, SECRET, heldPing());
    expect(newer.ended).toBe(1);
  });
});

describe('a throttle that limits nothing', () => {
  it('keeps nothing of a device', () => {
    const guard = new Throttle(
      { burst: 0, perMinute: 60, repeats: 0, repeatsPerMinute: 30, pauseSeconds: 30, maxDevices: 100 },
      false,
    );
    const use = guard.useOf('192.0.2.1', ALICE, PHONE, SECRET);
    expect(guard.admit(use, 'Sync', START)).toBe(0);
    guard.noteEnd(use, 'Sync', 7, START);
    expect(guard.useOf('192.0.2.2', BOB, TABLET)).toBe(use);
    expect(use).toMatchObject({ due: null, repeats: null });
  });

  it('counts the exchanges of each device where these are limited', () => {
    const guard = guardWith({ burst: 0 });
    expect(guard.useOf('192.0.2.1', ALICE, PHONE)).not.toBe(guard.useOf('192.0.2.1', ALICE, TABLET));
  });
});
