// Owns the promise that every code of easgate is explained in docs/.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorsTable } from '../../src/describe-errors.ts';

const root = new URL('../../', import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

/** Codes in quotes, file by file. */
function codesOf(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    for (const [, code = ''] of read(`${folder}/${name}`).matchAll(/\b(EASGATE_[A-Z0-9_]*[A-Z0-9])\b/g))
      found.set(code, name);
  }
  return found;
}

const DOCUMENTS = ['guide/logs.md', 'guide/operations.md', 'reference/errors.md'];

/** Codes in the first column of a table. */
function explained(document: string): string[] {
  const rows = read(`docs/${document}`).matchAll(/^\| (`EASGATE_[^|]*)\|.*[a-z]/gm);
  return [...rows].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(EASGATE_[A-Z0-9_]+)`/g)].map(([, code = '']) => code),
  );
}

describe('the codes of easgate', () => {
  it('each have a row of a table: of docs/guide/logs.md, docs/reference/errors.md, or (variables) docs/guide/operations.md', () => {
    const known = new Set(DOCUMENTS.flatMap(explained));
    const missing = [...codesOf('src')].filter(([code]) => !known.has(code));
    expect(missing).toEqual([]);
  });

  it('are in the documents only if they are in the program', () => {
    const codes = codesOf('src');
    const stale = DOCUMENTS.flatMap(explained).filter((code) => !codes.has(code));
    expect(stale).toEqual([]);
  });
});

describe('docs/reference/errors.md', () => {
  it('is up to date (easgate check --errors)', () => {
    expect(read('docs/reference/errors.md')).toBe(errorsTable());
  });
});
