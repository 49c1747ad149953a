// Owns what every store promises of the answers to pushed records that it remembers.
import { expect, it } from 'vitest';
import { ANSWER_MEMORY_MS, MOST_ANSWERS } from '../../../src/directory/push-memory.ts';
import type { StoreFixture } from './fixture.ts';
import { twoHandles } from './handles.ts';

const NOW = Date.now();

export function pushContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);

  it('another process repeats the latest answer to a key, of its feed alone, for a day', async () => {
    const { store: one, other } = handles;
    expect(await other.pushes.recall('mdm', 'run-1', NOW)).toBeNull();
    await one.pushes.remember('mdm', 'run-1', '{"a":1}', NOW);
    await one.pushes.remember('mdm', 'run-1', '{"a":"2 ä\\n"}', NOW);
    expect(await other.pushes.recall('mdm', 'run-1', NOW)).toBe('{"a":"2 ä\\n"}');
    expect(await other.pushes.recall('jamf', 'run-1', NOW)).toBeNull();
    expect(await other.pushes.recall('mdm', 'run-2', NOW)).toBeNull();
    expect(await other.pushes.recall('mdm', 'run-1', NOW + ANSWER_MEMORY_MS)).toBeNull();
  });

  it('keys are whatever a sender names', async () => {
    const { store: one, other } = handles;
    for (const key of ['a b', ':{}%', '-inf', 'x'.repeat(200)]) {
      await one.pushes.remember('mdm feed', key, key, NOW);
      expect(await other.pushes.recall('mdm feed', key, NOW)).toBe(key);
    }
  });

  it('very many leave the newest', async () => {
    const { store: one, other } = handles;
    for (let place = 0; place < MOST_ANSWERS + 10; place++)
      await one.pushes.remember('many', `${place}`, 'done', NOW + place);
    expect(await other.pushes.recall('many', '9', NOW)).toBeNull();
    expect(await other.pushes.recall('many', '10', NOW)).toBe('done');
    expect(await other.pushes.recall('many', `${MOST_ANSWERS + 9}`, NOW)).toBe('done');
  });
}
