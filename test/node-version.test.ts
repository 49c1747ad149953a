// Owns the promise that an old Node.js leads to an error that names the required version, not to a syntax error.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NEEDED_NODE, nodeTrouble } from '../src/node-version.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

describe('nodeTrouble', () => {
  it.each(['18.20.4', '20.20.2', '24.21.0', '26.3.9'])(
    'refuses %s and says where to get a newer one',
    (version) => {
      const text = nodeTrouble(version);
      expect(text).toContain(`this is Node.js ${version}; easgate needs ${NEEDED_NODE}`);
      expect(text).toMatch(/npm ci.*\n.*node_modules\/\.bin\/node.*\n.*nodejs\.org/);
    },
  );

  it.each(['26.4.0', '26.10.0', '27.0.0', '100.1.1'])('accepts %s', (version) => {
    expect(nodeTrouble(version)).toBeNull();
  });

  it('requires the version of package.json', () => {
    expect(JSON.parse(read('package.json'))).toMatchObject({ engines: { node: `>=${NEEDED_NODE}` } });
  });
});

describe('src/main.ts', () => {
  it('loads nothing before it has checked the version', () => {
    const imports = (text: string): string[] =>
      [...text.matchAll(/^import .* from '(.*)';$/gm)].map(([, name = '']) => name);
    expect(imports(read('src/main.ts'))).toEqual(['./node-version.ts']);
    expect(imports(read('src/node-version.ts'))).toEqual([]);
  });
});
