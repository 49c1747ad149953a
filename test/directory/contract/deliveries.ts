// Owns what every store promises of the deliveries that it remembers.
import { expect, it } from 'vitest';
import { MOST_DELIVERIES } from '../../../src/directory/delivery-memory.ts';
import type { StoreFixture } from './fixture.ts';
import { twoHandles } from './handles.ts';

const NOW = Date.now();
const LATER = NOW + 600_000;

export function deliveryContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);

  it('another process knows a delivery, of its feed alone, until its end', async () => {
    const { store: one, other } = handles;
    expect(await other.deliveries.isKnown('mdm', 'first', NOW)).toBe(false);
    await one.deliveries.remember('mdm', 'first', LATER, NOW);
    expect(await other.deliveries.isKnown('mdm', 'first', NOW)).toBe(true);
    expect(await other.deliveries.isKnown('jamf', 'first', NOW)).toBe(false);
    expect(await other.deliveries.isKnown('mdm', 'second', NOW)).toBe(false);
    expect(await other.deliveries.isKnown('mdm', 'first', LATER)).toBe(false);
  });

  it('names are whatever a sender signs', async () => {
    const { store: one, other } = handles;
    for (const name of ['a b', 'ä\u0000\u2028', ':{}%', '-inf', 'x'.repeat(200)]) {
      await one.deliveries.remember('mdm feed', name, LATER, NOW);
      expect(await other.deliveries.isKnown('mdm feed', name, NOW)).toBe(true);
    }
  });

  it('very many leave those that end last', async () => {
    const { store: one, other } = handles;
    // As many as it takes until they are counted.
    for (let place = 0; place < MOST_DELIVERIES + 600; place += 200)
      await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          one.deliveries.remember('many', `${place + index}`, LATER + place + index, NOW),
        ),
      );
    expect(await other.deliveries.isKnown('many', '0', NOW)).toBe(false);
    expect(await other.deliveries.isKnown('many', `${MOST_DELIVERIES + 599}`, NOW)).toBe(true);
  });
}
