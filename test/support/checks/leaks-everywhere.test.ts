// Owns the promise that every test file that opens sockets or starts processes checks that none is left open.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Modules that open resources; in this project, those that start a server or a process, or connect. */
const OPENERS =
  /^node:(net|tls|http|https|child_process)$|\/src\/(gateway\/gateway|gateway\/upstream\/[a-z-]+|worker\/runtime|cli\/demo|supervisor\/(supervisor|file-watch)|directory\/open-store|directory\/redis\/[a-z-]+|sample\/server|sample\/phone\/(phone|transport|autodiscover))\.ts$/;

/** The imports of a file, without imports of types; project files as paths. */
function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/^import (?!type )[^;]*?from '([^']+)';/gm)].map(([, name = '']) =>
    name.startsWith('.') ? join(dirname(path), name) : name,
  );
}

const known = new Map<string, boolean>();

function opens(path: string): boolean {
  let answer = known.get(path);
  if (answer !== undefined) return answer;
  known.set(path, false);
  answer = importsOf(path).some(
    (name) => OPENERS.test(name) || (name.startsWith(root) && existsSync(name) && opens(name)),
  );
  known.set(path, answer);
  return answer;
}

it('each file that opens resources checks for leaks after each test, or at its end if its tests share servers', () => {
  const files = globSync('**/*.test.ts', { cwd: root }).filter((file) => opens(join(root, file)));
  const careless = files.filter((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    if (/^checkLeaks\(\);$/m.test(text)) return false;
    // useRedis() starts its server in a beforeAll() too.
    return !(/^checkLeaksAtEnd\(\);$/m.test(text) && /\b(?:beforeAll|useRedis)\(/.test(text));
  });
  expect(careless).toEqual([]);
  expect(files.length).toBeGreaterThan(30);
});
