// Owns the check of a document while it is typed: problems come when the typing pauses.
import { useCallback, useEffect, useState } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { call } from './call.ts';
import { ApiError, networkError } from './problem.ts';

/** What is known of the text. */
export interface Check {
  /** Of the latest text that was checked; null = none was yet. */
  readonly result: AnswerOf<'checkPolicy'> | null;
  /** The text that it is about. */
  readonly text: string | null;
  /** How long it took, in milliseconds. */
  readonly tookMs: number;
  readonly error: ApiError | null;
  /** Checks now. */
  readonly again: () => void;
}

interface Known {
  readonly result: AnswerOf<'checkPolicy'> | null;
  readonly text: string | null;
  readonly tookMs: number;
  readonly error: ApiError | null;
}

/** The typing has paused after so long. */
const PAUSE_MS = 300;

/** Checks a text, and again when it changes; null = there is none yet. */
export function useCheck(text: string | null): Check {
  const [known, setKnown] = useState<Known>({ result: null, text: null, tookMs: 0, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (text === null) return undefined;
    const abort = new AbortController();
    const check = async (): Promise<void> => {
      const startedAt = performance.now();
      try {
        const result = await call('checkPolicy', { body: { document: text }, signal: abort.signal });
        setKnown({ result, text, tookMs: performance.now() - startedAt, error: null });
      } catch (thrown) {
        if (abort.signal.aborted) return;
        const error = thrown instanceof ApiError ? thrown : networkError();
        setKnown((before) => ({ ...before, error }));
      }
    };
    const timer = window.setTimeout(() => void check(), PAUSE_MS);
    return () => {
      window.clearTimeout(timer);
      abort.abort();
    };
  }, [text, turn]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  return { ...known, again };
}
