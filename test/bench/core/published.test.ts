// Owns the promise that the tables in the READMEs say what was measured.
import { expect, it } from 'vitest';
import { pages } from '../../../bench/core/published.ts';

it.each(pages())('$file shows the figures of bench/results', ({ is, shouldBe }) => {
  expect(is).toBe(shouldBe);
  expect(is).toContain('<!-- bench -->');
});
