// Owns the promise that docs/reference/import-formats.md says what the mappings do.
import { expect, it } from 'vitest';
import { importPage } from '../support/checks/import-page.ts';

it('docs/reference/import-formats.md is up to date (npm run import-page)', () => {
  const { is, shouldBe } = importPage();
  expect(is).toBe(shouldBe);
});
