// Owns the promise that the pages on records say what the schemas, tables and keys are.
import { expect, it } from 'vitest';
import { directorySchemaPage } from '../support/checks/directory-schema-page.ts';
import { recordsPage } from '../support/checks/records-page.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

it.each([
  ['records.md', recordsPage],
  ['directory-schema.md', directorySchemaPage],
])('docs/reference/%s is up to date (npm run records)', (_name, page) => {
  const { is, shouldBe } = page();
  expect(is).toBe(shouldBe);
});

it.each([recordsPage, directorySchemaPage])('everything has a meaning', (page) => {
  expect(page().shouldBe).not.toContain('undefined');
});
