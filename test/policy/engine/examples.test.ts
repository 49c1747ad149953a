// Owns the promise that every example policy is valid and decides as its cases say, and that the documentation quotes it exactly.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadPolicyCases, runPolicyCases } from '../../../src/app/policy-cases.ts';
import { loadPolicyFile } from '../../../src/config/policy-file.ts';
import { policyReference, policySchemaText } from '../../../src/app/policy-reference.ts';

const ROOT = new URL('../../../', import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, ROOT));
const text = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');
const files = readdirSync(new URL('config/policies/', ROOT));
const policies = files.filter((name) => name.endsWith('.yaml') && !name.endsWith('.cases.yaml'));

describe('the example', () => {
  it.each(['config/policy.example.yaml', ...policies.map((name) => `config/policies/${name}`)])(
    '%s has no errors',
    (name) => {
      const { policy, problems } = loadPolicyFile(path(name));
      expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(policy).not.toBeNull();
    },
  );

  it.each(policies)('%s decides as its cases say', (name) => {
    const file = path(`config/policies/${name}`);
    const cases = loadPolicyCases(file.replace(/\.yaml$/, '.cases.yaml'));
    expect(cases.policy).toBe(file);
    const { policy } = loadPolicyFile(file);
    if (policy === null) throw new Error('no policy');
    for (const { differences, name: title } of runPolicyCases(policy, cases.cases, 0))
      expect({ title, differences }).toEqual({ title, differences: [] });
    expect(cases.cases.every(({ facts }) => typeof facts['now'] === 'string')).toBe(true);
  });

  it.each(policies)('%s is quoted exactly in the guide', (name) => {
    expect(text('docs/guide/policy.md')).toContain(text(`config/policies/${name}`).trim());
  });
});

describe('the reference', () => {
  it('is generated from the schema', () => {
    expect(text('docs/reference/policy.md')).toBe(policyReference());
    expect(text('docs/reference/policy.schema.json')).toBe(policySchemaText());
  });
});
