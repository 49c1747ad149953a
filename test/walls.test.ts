// Owns the promise that the linter and docs/architecture.md have the same import rules, for every folder.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { WALLS, architecturePage, lintConfig } from './support/checks/walls.ts';
import { checkLeaks } from './support/checks/leaks.ts';

checkLeaks();

const root = fileURLToPath(new URL('../', import.meta.url));

it('the linter has the rules of the table (npm run walls)', () => {
  const { is, shouldBe } = lintConfig();
  expect(JSON.parse(is)).toEqual(JSON.parse(shouldBe));
});

it('docs/architecture.md shows the table (npm run walls)', () => {
  const { is, shouldBe } = architecturePage();
  expect(is).toBe(shouldBe);
  expect(is).toContain('<!-- walls -->');
});

it('the table names every folder and file below src, and nothing else', () => {
  expect(WALLS.map(({ name }) => name).sort()).toEqual(readdirSync(join(root, 'src')).sort());
});

it('the linter refuses every import that the table does not allow, and no other', () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-walls-'));
  const place = (name: string): string => (name.endsWith('.ts') ? name : `${name}/below/probe.ts`);
  const expected: string[] = [];
  try {
    for (const { name, may } of WALLS) {
      const file = join(folder, 'src', place(name));
      mkdirSync(join(file, '..'), { recursive: true });
      const others = WALLS.filter((other) => other.name !== name).map((other) => other.name);
      const up = name.endsWith('.ts') ? './' : '../../';
      writeFileSync(
        file,
        others
          .map(
            (other, line) =>
              `import type { X${line} } from '${up}${other.endsWith('.ts') ? other : `${other}/x.ts`}';\n`,
          )
          .join(''),
      );
      others.forEach((other, line) => {
        if (!may.includes(other)) expected.push(`src/${place(name)}:${line + 1}`);
      });
    }
    writeFileSync(join(folder, '.oxlintrc.json'), readFileSync(join(root, '.oxlintrc.json')));
    expect(refusedBy(folder)).toEqual(expected.sort());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Where the linter refuses an import: file and line. */
function refusedBy(folder: string): string[] {
  let output: string;
  try {
    output = execFileSync(join(root, 'node_modules/.bin/oxlint'), ['--format', 'json', 'src'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(output) as {
    diagnostics: { code?: string; filename: string; labels: { span: { line: number } }[] }[];
  };
  return diagnostics
    .filter(({ code }) => code?.includes('no-restricted-imports'))
    .map(({ filename, labels }) => `${filename}:${labels[0]?.span.line ?? 0}`)
    .sort();
}
