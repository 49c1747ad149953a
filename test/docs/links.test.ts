// Owns the promise that every file mentioned in the documentation exists.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'bench/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Markdown links, and paths in running text: those that begin with a folder of the project, or end in `.md`. */
const MENTIONS = [
  /\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g,
  /(?<![\w./-])((?:\.\.\/)*(?:src|test|docs|bench|config|decisions|guide|reference|images)\/[\w./-]*[\w/])/g,
  /(?<![\w./*-])((?:\.\.\/)*[\w./-]+\.md)\b/g,
];

/** A decision may be named by its number alone. Paths count from the page, or from the root of the project. */
function exists(page: string, mention: string): boolean {
  const decision = /(?:^|\/)decisions\/(\d{4})$/.exec(mention)?.[1];
  if (decision !== undefined)
    return readdirSync(join(root, 'docs/decisions')).some((name) => name.startsWith(`${decision}-`));
  return [dirname(page), '.', 'docs'].some((folder) => existsSync(join(root, folder, mention)));
}

describe('documentation', () => {
  it.each(pages)('%s mentions only files that exist', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const mentions = MENTIONS.flatMap((pattern) =>
      [...text.matchAll(pattern)].map((match) => match[1] ?? ''),
    );
    const missing = mentions.filter((mention) => !mention.includes('://') && !exists(page, mention));
    expect([...new Set(missing)]).toEqual([]);
  });
});
