// Owns helpers of the policy commands: opening a document, and showing an explanation.
import { explanationDocument, stepOfDocument, verdictOfDocument } from '../app/explanation-json.ts';
import { safeJson, withIsoTimes } from '../app/times.ts';
import type { StepDocument, VerdictDocument } from '../app/explanation-json.ts';
import { messageOf } from '../caught-error.ts';
import { loadPolicyFile, problemLine } from '../config/policy-file.ts';
import type { LoadedPolicy } from '../config/policy-file.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { explain } from '../policy/engine/evaluate.ts';
import { readFacts } from '../policy/engine/read-facts.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { explanationText } from './explanation-text.ts';

/** Reads a valid policy. @throws ProgramError that lists every problem */
export function openPolicy(path: string): CompiledPolicy {
  let loaded: LoadedPolicy;
  try {
    loaded = loadPolicyFile(path);
  } catch (error) {
    throw new ProgramError('EASGATE_POLICY', messageOf(error));
  }
  const { policy, problems } = loaded;
  if (policy !== null) return policy;
  const errors = problems.filter(({ severity }) => severity === 'error');
  throw new ProgramError(
    'EASGATE_POLICY',
    `${path}: ${errors.length} problem${errors.length === 1 ? '' : 's'}\n${errors.map((one) => problemLine(path, one)).join('\n')}`,
  );
}

/** Decides facts and shows every step, as JSON or text. @throws ProgramError when the facts are not an object */
export function explainFacts(policy: CompiledPolicy, facts: unknown, json: boolean): string {
  if (typeof facts !== 'object' || facts === null || Array.isArray(facts))
    throw new ProgramError('EASGATE_POLICY_FACTS', 'the facts are not one JSON object');
  const explanation = explain(policy, readFacts(facts, Date.now()));
  return json ? `${safeJson(explanationDocument(explanation), 2)}\n` : explanationText(explanation);
}

/** An explanation as the API gives it. */
export interface ExplanationDocument {
  readonly verdict: VerdictDocument;
  readonly steps: readonly StepDocument[];
}

/** An explanation of the API, as {@link explainFacts} writes one. */
export function explainedText({ verdict, steps }: ExplanationDocument, json: boolean): string {
  if (json) return `${safeJson(withIsoTimes({ verdict, steps }), 2)}\n`;
  return explanationText({ verdict: verdictOfDocument(verdict), steps: steps.map(stepOfDocument) });
}
