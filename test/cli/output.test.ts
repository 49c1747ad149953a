// Owns the promise that outputs of one process do not add up.
import { expect, it, vi } from 'vitest';
import { outputWriter } from '../../src/cli/output.ts';

it('a process watches its standard output once, however often it writes', async () => {
  const { stdout } = process;
  await outputWriter()('');
  const before = [stdout.listenerCount('error'), stdout.listenerCount('drain')];
  const full = vi.spyOn(stdout, 'write').mockReturnValue(false);
  try {
    for (let count = 0; count < 20; count++) {
      const written = outputWriter()('text');
      stdout.emit('drain');
      expect(await written).toBe(true);
    }
  } finally {
    full.mockRestore();
  }
  expect([stdout.listenerCount('error'), stdout.listenerCount('drain')]).toEqual(before);
});
