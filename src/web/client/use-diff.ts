// Owns comparisons of two policies over the directory: started, followed until they end, the last good one kept meanwhile.
import { useCallback, useEffect, useState } from 'react';
import type { AnswerOf, BodyOf } from '../../api/contract/operations.ts';
import { call } from './call.ts';
import { ApiError, networkError } from './problem.ts';

/** What is compared. */
export type DiffQuestion = BodyOf<'diffPolicy'>;
/** What a change would do. */
export type Impact = NonNullable<AnswerOf<'diffPolicy'>['diff']>;

/** A comparison and how it goes. */
export interface Diff {
  /** The latest that ended; see `isCurrent`. */
  readonly impact: Impact | null;
  /** When the comparison that it is of began. */
  readonly startedAt: string | null;
  /** Whether it is about what is asked now. */
  readonly isCurrent: boolean;
  /** Phones so far, of how many, of the comparison under way; null = none is. */
  readonly progress: { readonly compared: number; readonly total: number | null } | null;
  /** Of what is asked now. */
  readonly error: ApiError | null;
  readonly again: () => void;
}

interface Known {
  readonly key: string;
  readonly impact: Impact | null;
  readonly startedAt: string | null;
}

const POLL_MS = 1_000;
const PAUSE_MS = 500;
const LONGEST_WAIT_S = 30;

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = window.setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer);
      reject(new DOMException('The comparison is not awaited any more.', 'AbortError'));
    });
  });

/** Compares; null = nothing is asked, and the last comparison stays. */
export function useDiff(question: DiffQuestion | null): Diff {
  const key = question === null ? null : JSON.stringify(question);
  const [known, setKnown] = useState<Known>({ key: '', impact: null, startedAt: null });
  const [progress, setProgress] = useState<Diff['progress']>(null);
  const [failed, setFailed] = useState<{ readonly key: string; readonly error: ApiError } | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    const { signal } = abort;
    setProgress({ compared: 0, total: null });
    setFailed(null);
    const follow = async (): Promise<void> => {
      await pause(PAUSE_MS, signal);
      let run = await begin(JSON.parse(key) as DiffQuestion, signal);
      while (run.state === 'running') {
        setProgress({ compared: run.compared, total: run.total });
        await pause(POLL_MS, signal);
        run = await call('showPolicyDiff', { params: { diff: run.id }, signal });
      }
      if (run.diff === null) throw new ApiError('status', 500, problemOf(run), null);
      setKnown({ key, impact: run.diff, startedAt: run.startedAt });
    };
    follow()
      .catch((thrown: unknown) => {
        if (!signal.aborted) setFailed({ key, error: thrown instanceof ApiError ? thrown : networkError() });
      })
      .finally(() => {
        if (!signal.aborted) setProgress(null);
      });
    return () => abort.abort();
  }, [key, turn]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  return {
    impact: known.impact,
    startedAt: known.startedAt,
    isCurrent: known.key === key,
    progress: key === null ? null : progress,
    error: failed?.key === key ? failed.error : null,
    again,
  };
}

/** Starts a comparison. Others may be under way, such as those of texts that were typed before: then it waits for its turn. */
async function begin(question: DiffQuestion, signal: AbortSignal): Promise<AnswerOf<'diffPolicy'>> {
  for (;;) {
    try {
      return await call('diffPolicy', { body: question, signal });
    } catch (error) {
      if (!(error instanceof ApiError) || error.retryAfterSeconds === null) throw error;
      await pause(Math.min(error.retryAfterSeconds, LONGEST_WAIT_S) * 1_000, signal);
    }
  }
}

function problemOf({ error }: AnswerOf<'diffPolicy'>): ApiError['problem'] {
  const { code, message } = error ?? { code: 'EASGATE_FAILED', message: '' };
  return { type: 'about:blank', title: code, status: 500, code, detail: message };
}
