// Owns the thread that checks and tries texts of policies: every role may send one, and none may keep the control process busy.
import { parentPort } from 'node:worker_threads';
import { checkTexts, compileTexts } from '../app/policy-texts.ts';
import type { PolicyMode } from '../app/policy-texts.ts';
import { simulate } from '../app/simulate.ts';
import type { Simulation } from '../app/simulate.ts';
import { checkMapping } from '../config/feed-mapping.ts';
import type { PolicyTexts } from '../config/stored-policy.ts';
import { forEverybody } from '../policy/active-policies.ts';
import type { Known } from '../policy/compile/warnings.ts';
import { READY, answerMessage } from './questions/asked-thread.ts';

/** A question about the texts of a policy; `now`: milliseconds since the epoch. */
export type PolicyQuestion =
  | {
      readonly name: 'check';
      readonly texts: PolicyTexts;
      readonly mode: PolicyMode | undefined;
      readonly known: Known;
    }
  | {
      readonly name: 'simulate';
      readonly texts: PolicyTexts;
      readonly simulation: Simulation;
      readonly now: number;
    }
  /** The document is the mapping of a file. */
  | { readonly name: 'mapping'; readonly texts: PolicyTexts };

if (parentPort !== null) serve(parentPort);

function serve(port: NonNullable<typeof parentPort>): void {
  port.on('message', (question: PolicyQuestion) => port.postMessage(answerMessage(() => answer(question))));
  port.postMessage(READY);
}

function answer(question: PolicyQuestion): object {
  if (question.name === 'mapping') return checkMapping(question.texts.document);
  if (question.name === 'check') return checkTexts(question.texts, question.mode, question.known);
  return simulate(forEverybody(compileTexts(question.texts)), question.simulation, question.now);
}
