// Owns the promises of compact tables of names: they hold what a map would.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KnownDevices } from '../../src/app/known-devices.ts';
import { NONE, NameIndex, NameSet } from '../../src/name-index.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';

it('a table has the number of each name, also after it grew, and of no other', () => {
  const names = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.integer({ min: -2, max: 2 ** 30 }).filter((number) => number !== NONE)), { maxLength: 300 }); // prettier-ignore
  fc.assert(
    fc.property(names, fc.string(), (entries, other) => {
      const [index, map] = [new NameIndex(), new Map<string, number>()];
      for (const [name, number] of entries) {
        index.set(name, number);
        map.set(name, number);
      }
      expect(index.size).toBe(map.size);
      for (const [name, number] of map) expect(index.get(name)).toBe(number);
      expect(index.get(other)).toBe(map.get(other) ?? NONE);
    }),
  );
});

it('names that differ in one letter, in the order of their letters or in their length are apart, however many', () => {
  const set = new NameSet();
  const names = Array.from({ length: 60_000 }, (_, index) => [`SER${index}`, `${index}`.padStart(15, '0'), 'x'.repeat(index % 60) + index]).flat(); // prettier-ignore
  for (const name of names) set.add(name);
  expect(set.size).toBe(new Set(names).size);
  expect([set.has('SER59999'), set.has('SER60000'), set.has('')]).toEqual([true, false, false]);
});

it('devices are found by key and by number, and have what was set last', () => {
  const devices = new KnownDevices();
  const keys = Array.from({ length: 3_000 }, (_, index) => `phone${index}` as DeviceKey);
  for (const [index, key] of keys.entries())
    devices.set(key, { own: index % 2 === 0 ? 'a' : null, isPresent: index % 3 === 0, observedAt: index, effective: 'b' }); // prettier-ignore
  devices.set(keys[7] as DeviceKey, { own: 'c', isPresent: true, observedAt: 1.5e12, effective: null });
  expect(devices.size).toBe(3_000);
  expect(devices.get(keys[7] as DeviceKey)).toEqual({ own: 'c', isPresent: true, observedAt: 1.5e12, effective: null }); // prettier-ignore
  expect(devices.get(keys[2_999] as DeviceKey)).toEqual({ own: null, isPresent: false, observedAt: 2_999, effective: 'b' }); // prettier-ignore
  expect(devices.keyOf(devices.numberOf(keys[2_048] as DeviceKey))).toBe(keys[2_048]);
  expect([devices.keyOf(NONE), devices.get('other' as DeviceKey), devices.has('other' as DeviceKey)]).toEqual([undefined, undefined, false]); // prettier-ignore
  expect([...devices].map(([key]) => key)).toEqual(keys);
});
