// Owns the promise that the description of the API (OpenAPI 3.1) has every operation, with its role, and resolves in itself.
import { describe, expect, it } from 'vitest';
import { BASE, OPERATIONS } from '../../src/api/contract/paths.ts';
import type { OperationPath } from '../../src/api/contract/paths.ts';
import { MAX_DECIDED as IN_CONTRACT } from '../../src/api/contract/decisions.ts';
import { IMPORT_FORMATS } from '../../src/api/contract/reports.ts';
import { MAX_DECIDED } from '../../src/app/decide-many.ts';
import { FORMATS } from '../../src/feeds/format-names.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

interface Described {
  readonly operationId: string;
  readonly description: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly content?: object; readonly description?: string }>>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

async function read(): Promise<Document> {
  const api = await openTestApi();
  return (await api.send('viewer', `${BASE}/openapi.json`)).json as Document;
}

describe('the description of the API', () => {
  it('has every operation with its role, its parameters and its answers', async () => {
    const { openapi, paths } = await read();
    expect(openapi).toBe('3.1.0');
    const operations: [string, OperationPath][] = Object.entries(OPERATIONS);
    for (const [name, { method, path, role }] of operations) {
      const found = paths[BASE + path]?.[method.toLowerCase()];
      expect(found?.operationId).toBe(name);
      if (role !== null) expect(found?.description).toContain(role);
      for (const [, parameter] of path.matchAll(/\{(\w+)\}/g))
        expect(found?.parameters).toContainEqual(expect.objectContaining({ name: parameter, in: 'path' }));
      expect(Object.keys(found?.responses ?? {}).length).toBeGreaterThan(1);
    }
    const described = Object.values(paths).flatMap((one) => Object.values(one));
    expect(described.filter(({ operationId }) => operationId !== undefined)).toHaveLength(operations.length);
  });

  it('names no schema that it has not', async () => {
    const document = await read();
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
    const names = [...references].map(([, name]) => name ?? '');
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) expect(document.components.schemas).toHaveProperty([name]);
  });

  it('says which files and streams there are besides JSON', async () => {
    const { paths } = await read();
    const types = (path: string): string[] =>
      Object.keys(paths[BASE + path]?.['get']?.responses['200']?.content ?? {});
    expect(types('/reports/{report}')).toEqual(['application/json', 'text/csv']);
    expect(types('/journal/stream')).toEqual(['text/event-stream']);
    expect(types('/export/{what}')).toEqual(['text/csv', 'application/x-ndjson']);
  });
});

describe('the contract', () => {
  it('has the limits and names of the use cases', () => {
    expect(IN_CONTRACT).toBe(MAX_DECIDED);
    expect(IMPORT_FORMATS).toEqual(['auto', ...FORMATS]);
  });
});
