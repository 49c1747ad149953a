// Owns the promise that docs/reference/records.md is generated from the schemas of the records.
import { expect, it } from 'vitest';
import { recordsPage } from '../support/checks/records-page.ts';

it('docs/reference/records.md is up to date (npm run records)', () => {
  const { is, shouldBe } = recordsPage();
  expect(is).toBe(shouldBe);
});

it('every field of a record has a description', () => {
  expect(recordsPage().shouldBe).not.toContain('undefined');
});
