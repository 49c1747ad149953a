// Owns the promise that short commands and the processes of the gateway start fast. It checks the imports of their sources: unlike times, these do not depend on
// the machine.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = new URL('../../src/', import.meta.url);
/** An import that exists at run time: not one of types alone. */
const IMPORT = /^(?:import|export) (?!type )[^;]*?from '([^']+)';|^import '([^']+)';/gm;

/** Every file below src/ and every package that a file loads on import. */
function loadedBy(...files: string[]): Set<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    if (!name.endsWith('.ts')) return;
    const file = new URL(name, SRC);
    for (const [, from = '', bare = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const target = from === '' ? bare : from;
      if (target.startsWith('.'))
        visit(fileURLToPath(new URL(target, file)).slice(fileURLToPath(SRC).length));
      else found.add(target);
    }
  };
  for (const name of files) visit(name);
  return found;
}

const packages = (loaded: Set<string>): string[] =>
  [...loaded].filter((name) => !name.endsWith('.ts') && !name.startsWith('node:')).sort();

describe('short commands', () => {
  it('load only commander to define all commands', () => {
    const loaded = loadedBy('main.ts', 'compile-cache.ts', 'cli/program.ts');
    expect(packages(loaded)).toEqual(['commander']);
    const others = [...loaded].filter((name) => /^(?:config|gateway|directory|sample|worker)\//.test(name));
    // Names of fields, which loads nothing itself.
    expect(others).toEqual(['directory/read-model/model-fields.ts']);
    expect(loaded).toContain('app/decision-words.ts');
  });

  it.each(['cli/lists.ts', 'cli/users.ts', 'cli/devices.ts', 'cli/wipe.ts', 'cli/store.ts'])(
    '%s loads nothing of the gateway, no client of Redis and no logger',
    (file) => {
      const loaded = loadedBy(file);
      expect(packages(loaded)).toEqual(['yaml', 'zod']);
      expect([...loaded].filter((name) => name.startsWith('gateway/'))).toEqual([]);
      expect(loaded).toContain('directory/embedded/embedded-store.ts');
    },
  );

  it('that explain load of the gateway only what says what a phone gets', () => {
    const loaded = loadedBy('cli/explain.ts');
    expect(packages(loaded)).toEqual(['lru-cache', 'yaml', 'zod']);
    expect([...loaded].filter((name) => name.startsWith('gateway/')).sort()).toEqual([
      'gateway/access/local-replies.ts',
      'gateway/access/notice-cache.ts',
    ]);
  });
});

describe('processes of the gateway', () => {
  it('load what only some configurations need when it is configured', () => {
    const needed = ['pino', 'yaml', 'zod'];
    expect(packages(loadedBy('worker/worker.ts'))).toEqual([...needed, 'lru-cache', 'sax'].sort());
    const primary = loadedBy('cli/serve.ts');
    expect(packages(primary)).toEqual([...needed, 'croner'].sort());
    expect([...primary].filter((name) => name.startsWith('sample/'))).toEqual([]);
    const control = loadedBy('control/control.ts');
    expect(packages(control).filter((name) => name.includes('fastify'))).toEqual([]);
    expect([...control].filter((name) => name.startsWith('api/'))).toEqual([]);
  });

  it.each(['worker/worker.ts', 'cli/serve.ts', 'control/control.ts', 'control/admin-server.ts'])(
    '%s imports node:http nowhere, which would load all of fetch',
    (file) => {
      const loaded = loadedBy(file);
      expect([...loaded].filter((name) => /^node:https?$/.test(name))).toEqual([]);
    },
  );
});
