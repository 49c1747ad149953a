// Owns the threat of phones that come all at once, as after a restart, while a feed writes hundreds of batches a second: each look-up that waits for a place
// would be compared with each batch, and keep it. That fills the memory, and nothing else runs.
import { expect, it } from 'vitest';
import { LookupFlight } from '../../src/directory/lookup-flight.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';

/** Counts how often it is used. */
class WatchedSet extends Set<string> {
  uses = 0;

  override has(value: string): boolean {
    this.uses += 1;
    return super.has(value);
  }

  override get size(): number {
    this.uses += 1;
    return super.size;
  }
}

it('a look-up that waits for a place is compared with no change', () => {
  const flight = new LookupFlight('alice' as UserKey, 'phone1' as DeviceKey, null);
  const [devices, users] = [new WatchedSet(['phone1']), new WatchedSet(['alice'])];
  const batch = { changes: [], position: '1', trimmed: true };
  flight.noteChanges(devices, users, batch);
  expect([devices.uses, users.uses]).toEqual([0, 0]);
  flight.begin('1');
  flight.noteChanges(devices, users, batch);
  expect([devices.uses, users.uses]).not.toContain(0);
});
