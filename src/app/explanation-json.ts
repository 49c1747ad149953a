// Owns an explanation as a JSON document: the verdict and the steps of the evaluation, with ISO times.
import { formatTime } from '../policy/document/times.ts';
import type { Explanation, TraceNode } from '../policy/engine/trace.ts';
import { verdictDocument } from '../policy/engine/verdict.ts';
import type { Verdict } from '../policy/engine/verdict.ts';

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

/** What every step has. */
export type StepDocument = Pick<TraceNode, 'step' | 'outcome'>;

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

/** The verdict of a document. Times: ISO texts, or milliseconds since the epoch; of `recheckAt` null = never. */
export interface VerdictDocument extends Pick<
  Verdict,
  'action' | 'reason' | 'rule' | 'requirement' | 'wouldBe' | 'message'
> {
  readonly validUntil: string | number | null;
  readonly since: string | number | null;
  readonly recheckAt: string | number | null;
}

/** The verdict of a document as the evaluation made it, without the decision, which no document has. */
export function verdictOfDocument(document: VerdictDocument): Verdict {
  const { action, reason, rule, requirement, wouldBe, validUntil, since, recheckAt, message } = document;
  return {
    action,
    reason,
    rule,
    requirement,
    wouldBe,
    validUntil: momentOf(validUntil),
    since: momentOf(since),
    recheckAt: momentOf(recheckAt) ?? Infinity,
    decision: null,
    message,
  };
}

function momentOf(time: string | number | null): number | null {
  return typeof time === 'string' ? Date.parse(time) : time;
}

/** A step of a document as the evaluation made it: with times in milliseconds. */
export function stepOfDocument(document: unknown): TraceNode {
  return JSON.parse(
    JSON.stringify(document, (key, value: unknown) =>
      TIMES.has(key) && typeof value === 'string' ? Date.parse(value) : value,
    ),
  ) as TraceNode;
}

/** One step, with ISO times. Each kind has more fields. */
export function stepDocument(node: TraceNode): StepDocument {
  return JSON.parse(
    JSON.stringify(node, (key, value: unknown) =>
      TIMES.has(key) && typeof value === 'number' ? formatTime(value) : value,
    ),
  ) as StepDocument;
}
