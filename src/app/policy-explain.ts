// Owns an explanation as a JSON document: the verdict and the steps of the evaluation, with ISO times.
import { formatTime } from '../policy/document/times.ts';
import type { Explanation, TraceNode } from '../policy/engine/trace.ts';
import { verdictDocument } from '../policy/engine/verdict.ts';

/** Fields of steps that are times. */
const TIMES: ReadonlySet<string> = new Set([
  'expiresAt',
  'since',
  'next',
  'held',
  'firstSeen',
  'lastAllowed',
  'until',
]);

/** The document. */
export function explanationDocument({ verdict, steps }: Explanation): object {
  return {
    verdict: {
      ...verdictDocument(verdict),
      since: verdict.since === null ? null : formatTime(verdict.since),
      recheckAt: formatTime(verdict.recheckAt),
      message: verdict.message,
    },
    steps: steps.map(stepDocument),
  };
}

/** One step, with ISO times. */
export function stepDocument(node: TraceNode): unknown {
  return JSON.parse(
    JSON.stringify(node, (key, value: unknown) =>
      TIMES.has(key) && typeof value === 'number' ? formatTime(value) : value,
    ),
  );
}
