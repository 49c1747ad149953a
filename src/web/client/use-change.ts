// Owns changes by the admin API in components: one at a time, with its error.
import { useCallback, useState } from 'react';
import type { AnswerOf, JsonOperation } from '../../api/contract/operations.ts';
import { call } from './call.ts';
import type { Input } from './call.ts';
import { ApiError, networkError } from './problem.ts';

/** A change and how it goes. */
export interface Change<Name extends JsonOperation> {
  readonly busy: boolean;
  readonly error: ApiError | null;
  /** Sends it; null when it failed, see `error`. An operation without an answer gives undefined. */
  readonly send: (input: Omit<Input<Name>, 'signal'>) => Promise<AnswerOf<Name> | null>;
  readonly clear: () => void;
}

/** For one operation. */
export function useChange<Name extends JsonOperation>(name: Name): Change<Name> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const send = useCallback(
    async (input: Omit<Input<Name>, 'signal'>) => {
      setBusy(true);
      setError(null);
      try {
        return await call(name, input as Input<Name>);
      } catch (thrown) {
        setError(thrown instanceof ApiError ? thrown : networkError());
        return null;
      } finally {
        setBusy(false);
      }
    },
    [name],
  );
  const clear = useCallback(() => setError(null), []);
  return { busy, error, send, clear };
}
