// Owns the promise that the engine decides as the reference implementation (oracle.ts) does.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import { evaluate } from '../../../src/policy/engine/evaluate.ts';
import { readFacts } from '../../../src/policy/engine/read-facts.ts';
import { verdictDocument } from '../../../src/policy/engine/verdict.ts';
import { FUZZ_RUNS, FUZZ_TIMEOUT_MS } from '../../support/checks/fuzz-runs.ts';
import { EXPRESSIONS, LISTS, documents, facts, ruleDocuments } from './arbitraries.ts';
import { oracle } from './oracle.ts';

it(
  'agrees with the reference implementation on random policies and facts',
  () => {
    fc.assert(
      fc.property(
        fc.oneof(documents, ruleDocuments),
        fc.array(facts, { minLength: 8, maxLength: 8 }),
        (document, several) => {
          const { policy, problems } = compilePolicy(document);
          expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
          if (policy === null) return;
          for (const one of several)
            expect({ ...verdictDocument(evaluate(policy, readFacts(one, 0))), facts: one }).toEqual({
              ...oracle(document, one, EXPRESSIONS, LISTS),
              facts: one,
            });
        },
      ),
      { numRuns: Math.ceil(FUZZ_RUNS / 4) },
    );
  },
  FUZZ_TIMEOUT_MS,
);
