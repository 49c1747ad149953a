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

/** The verdict of a document as the evaluation made it. */
export function verdictOfDocument(document: object): Explanation['verdict'] {
  const { validUntil, since, recheckAt, ...rest } = document as Readonly<Record<string, string | null>>;
  return {
    ...rest,
    validUntil: momentOf(validUntil),
    since: momentOf(since),
    recheckAt: momentOf(recheckAt) ?? Infinity,
  } as unknown as Explanation['verdict'];
}

function momentOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Date.parse(text);
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
