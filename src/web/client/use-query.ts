// Owns reading from the admin API in components: the last answer at once, a fresh one behind it, again while the page is visible.
import { useCallback, useEffect, useRef, useState } from 'react';
import type { AnswerOf, JsonOperation } from '../../api/contract/operations.ts';
import { addressOf, call } from './call.ts';
import type { Input } from './call.ts';
import { ApiError, networkError } from './problem.ts';

/** What a component knows of an answer. Data and error may stand together: the data is then of an earlier answer. */
export interface Query<T> {
  readonly data: T | null;
  /** When the data was received, in milliseconds since 1970. */
  readonly receivedAt: number | null;
  readonly error: ApiError | null;
  readonly loading: boolean;
  readonly reload: () => void;
}

/** How a component reads. */
export interface QueryOptions {
  /** Reads again so often, while the page is visible; absent = only once. */
  readonly everyMs?: number;
  /** False: does not read. */
  readonly enabled?: boolean;
}

interface Kept {
  readonly data: unknown;
  readonly receivedAt: number;
}

/** The latest answers, so that going back shows a page at once. */
const kept = new Map<string, Kept>();
const MOST_KEPT = 60;
/** After an error, so much later at first and at most. */
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 60_000;

/** When to read again after an error; undefined = never, the same request would fail again. */
function waitAfter(error: ApiError | null, failures: number): number | undefined {
  if (error?.trouble === 'status' && error.status < 500 && error.status !== 429) return undefined;
  if (error !== null && error.retryAfterSeconds !== null)
    return Math.min(error.retryAfterSeconds * 1_000, LONGEST_WAIT_MS);
  return Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
}

function keep(address: string, data: unknown): Kept {
  kept.delete(address);
  const entry = { data, receivedAt: Date.now() };
  kept.set(address, entry);
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break;
    kept.delete(oldest);
  }
  return entry;
}

/** Forgets every answer: after signing in or out. */
export function forgetAnswers(): void {
  kept.clear();
}

interface State {
  readonly address: string;
  readonly kept: Kept | null;
  readonly error: ApiError | null;
  readonly loading: boolean;
}

/** Reads with an operation, and again when its input changes. */
export function useQuery<Name extends JsonOperation>(
  name: Name,
  input: Omit<Input<Name>, 'signal' | 'body'> = {},
  { everyMs, enabled = true }: QueryOptions = {},
): Query<AnswerOf<Name>> {
  const address = addressOf(name, input.params, input.query as object | undefined);
  const [state, setState] = useState<State>({ address: '', kept: null, error: null, loading: true });
  const [turn, setTurn] = useState(0);
  const latest = useRef(input);
  latest.current = input;

  useEffect(() => {
    if (!enabled) return undefined;
    const abort = new AbortController();
    let timer: number | undefined;
    let failures = 0;
    setState({ address, kept: kept.get(address) ?? null, error: null, loading: true });

    const read = async (): Promise<void> => {
      window.clearTimeout(timer);
      let told: ApiError | null = null;
      try {
        const data = await call(name, { ...latest.current, signal: abort.signal });
        failures = 0;
        setState({ address, kept: keep(address, data), error: null, loading: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        failures += 1;
        told = error instanceof ApiError ? error : networkError();
        const failed = told;
        setState((before) => ({ ...before, error: failed, loading: false }));
      }
      if (abort.signal.aborted) return;
      // After an error it is tried again also where nothing else reads again: the page says so.
      const wait = failures === 0 ? everyMs : waitAfter(told, failures);
      if (wait !== undefined) timer = window.setTimeout(readIfVisible, wait);
    };
    const readIfVisible = (): void => {
      if (document.visibilityState === 'visible') void read();
    };
    const onVisible = (): void => {
      if (everyMs !== undefined) readIfVisible();
    };
    document.addEventListener('visibilitychange', onVisible);
    window.addEventListener('online', readIfVisible);
    void read();
    return () => {
      abort.abort();
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
      window.removeEventListener('online', readIfVisible);
    };
  }, [address, name, everyMs, enabled, turn]);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  // The first drawing with a new address must not show the answer of the old one.
  const current = state.address === address ? state.kept : (kept.get(address) ?? null);
  return {
    data: (current?.data ?? null) as AnswerOf<Name> | null,
    receivedAt: current?.receivedAt ?? null,
    error: state.address === address ? state.error : null,
    loading: state.address === address ? state.loading : true,
    reload,
  };
}
