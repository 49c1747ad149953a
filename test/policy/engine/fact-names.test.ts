// Owns the promises about names of facts: misspelt ones are found, and none that the policy reads counts as misspelt.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { unknownFacts } from '../../../src/policy/engine/fact-names.ts';
import { readFacts } from '../../../src/policy/engine/read-facts.ts';

const GUIDE = readFileSync('docs/guide/policy.md', 'utf8');
/** Every fact there is. */
const EXAMPLE = JSON.parse(
  /```json\n(\{\n {2}"now"[\s\S]*?\n\})\n```/.exec(GUIDE)?.[1] ?? 'null',
) as Readonly<Record<string, unknown>>;

it('knows every fact of the manual', () => {
  expect(Object.keys(EXAMPLE)).toContain('decisions');
  expect(unknownFacts(EXAMPLE)).toEqual([]);
});

it('knows every fact that is read', () => {
  const read = new Set<string>();
  const watched = <T extends object>(value: T, path: string): T =>
    new Proxy(value, {
      get: (target, name, self): unknown => {
        const found: unknown = Reflect.get(target, name, self);
        if (typeof name === 'symbol' || Array.isArray(target)) return wrapped(found, path);
        read.add(`${path}${name}`);
        return wrapped(found, `${path}${name}.`);
      },
    });
  const wrapped = (value: unknown, path: string): unknown =>
    typeof value === 'object' && value !== null ? watched(value, path) : value;
  readFacts(watched(EXAMPLE, ''), 0);
  expect(read.size).toBeGreaterThan(40);
  for (const path of read) {
    const made = path.split('.').reduceRight<unknown>((below, name) => ({ [name]: below }), null);
    expect([path, unknownFacts(made as object)]).toEqual([path, []]);
  }
});

it('gives the place of a misspelt name, and the name that is meant', () => {
  const facts = JSON.parse(`{
    "devices": {},
    "device": { "compliance": true, "complient": true, "unmetSince": { "managed": 1 }, "attributes": { "anything": 1 } },
    "partnership": { "told": { "modell": "x" } },
    "decisions": [{ "scope": "device" }, { "constructor": 1 }]
  }`) as object;
  expect(unknownFacts(facts).map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([
    'devices: no such fact (did you mean "device"?)',
    expect.stringMatching(/^device\.compliance: no such fact/),
    'device.complient: no such fact (did you mean "compliant"?)',
    expect.stringMatching(/^device\.unmetSince\.managed: no such fact/),
    'partnership.told.modell: no such fact (did you mean "model"?)',
    'decisions.1.constructor: no such fact',
  ]);
});
