// Owns the promises against a refusal that is void because policy and facts spell a name or a value differently.
import { describe, expect, it } from 'vitest';
import { loadPolicyText } from '../../src/config/policy-file.ts';
import { evaluate } from '../../src/policy/engine/evaluate.ts';
import { readFacts } from '../../src/policy/engine/read-facts.ts';

/** The action on facts under a document. */
function action(document: object, facts: object): string {
  const { policy } = loadPolicyText(JSON.stringify(document), {});
  if (policy === null) throw new Error('the document has errors');
  return evaluate(policy, readFacts(facts, Date.parse('2026-12-01T10:00:00Z'))).action;
}

const blocking = (match: object): object => ({
  rules: [{ name: 'refusal', match, action: 'block' }],
  unknownDevice: { action: 'allow' },
  compliance: [],
  noCompliancePolicy: { action: 'allow' },
});

// Written with escapes: an editor may compose them.
const COMPOSED = 'Z\u00fcrich';
const DECOMPOSED = 'Zu\u0308rich';

describe('a refusal whose text has accents', () => {
  it.each([
    [COMPOSED, DECOMPOSED],
    [DECOMPOSED, COMPOSED],
    [`${DECOMPOSED}*`, COMPOSED],
    ['Z?rich', DECOMPOSED],
    ['\u00c5land', 'A\u030aland'],
    ['\u212bland', '\u00e5land'],
  ])('counts for every spelling of them (%j and %j)', (group, reported) => {
    const policy = blocking({ groups: group });
    expect(action(policy, { user: { names: ['alice'], groups: [reported] } })).toBe('block');
    expect(action(policy, { user: { names: ['alice'], groups: ['Zurik', 'Olanda'] } })).toBe('allow');
  });
});

describe('a refusal by an attribute', () => {
  it('counts where the feed writes the name of the attribute in other letters', () => {
    const device = { managed: true, attributes: { Threat: 'high' } };
    expect(action(blocking({ attributes: { threat: 'high' } }), { device })).toBe('block');
    const user = { names: ['alice'], attributes: { employeeType: 'contractor' } };
    expect(action(blocking({ userAttributes: { EmployeeType: 'contractor' } }), { user })).toBe('block');
  });

  it('goes by the attribute that is spelled exactly so, where there are several', () => {
    const policy = blocking({ attributes: { threat: 'high' } });
    const device = { managed: true, attributes: { THREAT: 'high', threat: 'low' } };
    expect(action(policy, { device })).toBe('allow');
  });

  it('lets a phone meet a requirement under either spelling', () => {
    const policy = { compliance: [{ name: 'a', require: { attributes: { threat: 'low' } } }] };
    expect(action(policy, { device: { managed: true, attributes: { Threat: 'low' } } })).toBe('allow');
    expect(action(policy, { device: { managed: true, attributes: { Threat: 'high' } } })).toBe('quarantine');
  });
});
