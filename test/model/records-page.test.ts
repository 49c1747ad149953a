// Owns the promise that docs/reference/records.md says what the schemas of the records say.
import { expect, it } from 'vitest';
import { recordsPage } from '../support/checks/records-page.ts';

it('docs/reference/records.md is up to date (npm run records)', () => {
  const { is, shouldBe } = recordsPage();
  expect(is).toBe(shouldBe);
});

it('every field of a record has a meaning', () => {
  expect(recordsPage().shouldBe).not.toContain('undefined');
});
