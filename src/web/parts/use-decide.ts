// Owns decisions by hand: sending one, and taking it back for ten seconds. The row says what is now; nothing floats.
import { useCallback, useEffect, useRef, useState } from 'react';
import type { AnswerOf, BodyOf } from '../../api/contract/operations.ts';
import { call } from '../client/call.ts';
import { ApiError, networkError } from '../client/problem.ts';
import { readTime } from './time.tsx';

/** What a row is about. */
export interface Target {
  readonly device: string;
  /** Null = every user of the device. */
  readonly user: string | null;
}

type Action = BodyOf<'decide'>['action'];

/** What was decided a moment ago. */
export interface Done {
  readonly action: Action | 'clear';
  /** ISO; null = without an end. */
  readonly expiresAt: string | null;
  readonly warnings: AnswerOf<'decide'>['warnings'];
  readonly isUndone: boolean;
}

/** What is to be decided. */
export interface Wish {
  readonly action: Action;
  readonly expiresAt: number | null;
  readonly reason: string | null;
}

/** Decisions that were just taken, by target. */
export interface Decide {
  readonly doneFor: (target: Target) => Done | null;
  readonly isBusy: boolean;
  readonly error: ApiError | null;
  /** True = it is written. */
  readonly decide: (target: Target, wish: Wish) => Promise<boolean>;
  readonly clear: (target: Target) => Promise<boolean>;
  readonly undo: (target: Target) => Promise<void>;
  readonly forgetError: () => void;
}

const UNDO_MS = 10_000;

const keyOf = ({ device, user }: Target): string => `${device}\n${user ?? ''}`;
const queryOf = ({ user }: Target): { user?: string } => (user === null ? {} : { user });

type Replaced = AnswerOf<'decide'>['replaced'];

interface Kept {
  readonly done: Done;
  readonly replaced: Replaced;
}

/** Decisions of one page. `changed` is called after each, to read again. */
export function useDecide(changed: () => void): Decide {
  const [kept, setKept] = useState<ReadonlyMap<string, Kept>>(new Map());
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const timers = useRef(new Set<number>());
  const after = useRef(changed);
  after.current = changed;
  useEffect(() => {
    const running = timers.current;
    return () => {
      for (const timer of running) window.clearTimeout(timer);
    };
  }, []);

  const put = useCallback((target: Target, entry: Kept) => {
    const key = keyOf(target);
    setKept((before) => new Map(before).set(key, entry));
    const timer = window.setTimeout(() => {
      timers.current.delete(timer);
      setKept((before) => {
        if (before.get(key) !== entry) return before;
        const next = new Map(before);
        next.delete(key);
        return next;
      });
    }, UNDO_MS);
    timers.current.add(timer);
  }, []);

  const attempt = useCallback(async (work: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    setError(null);
    try {
      await work();
      return true;
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown : networkError());
      return false;
    } finally {
      setBusy(false);
      // Also after a failure: a part of it may be written.
      after.current();
    }
  }, []);

  const send = useCallback(async (target: Target, { action, expiresAt, reason }: Wish) => {
    const end = expiresAt === null ? null : new Date(expiresAt).toISOString();
    const answer = await call('decide', {
      params: { device: target.device },
      body: { action, expiresAt: end, reason, ...queryOf(target) },
    });
    return { answer, end };
  }, []);

  const decide = useCallback(
    (target: Target, wish: Wish) =>
      attempt(async () => {
        const { answer, end } = await send(target, wish);
        put(target, {
          done: { action: wish.action, expiresAt: end, warnings: answer.warnings, isUndone: false },
          replaced: answer.replaced,
        });
      }),
    [attempt, send, put],
  );

  const clear = useCallback(
    (target: Target) =>
      attempt(async () => {
        const answer = await call('clearDecision', {
          params: { device: target.device },
          query: queryOf(target),
        });
        put(target, {
          done: { action: 'clear', expiresAt: null, warnings: [], isUndone: false },
          replaced: answer.cleared,
        });
      }),
    [attempt, put],
  );

  const undo = useCallback(
    async (target: Target) => {
      const entry = kept.get(keyOf(target));
      if (entry === undefined) return;
      await attempt(async () => {
        if (entry.done.action !== 'clear')
          await call('clearDecision', { params: { device: target.device }, query: queryOf(target) });
        // What it replaced stands again, each under its own name, unless it ended meanwhile. A wipe is never ordered by an undo.
        for (const { user, decision } of entry.replaced) {
          const { action, reason } = decision;
          const expiresAt = readTime(decision.expiresAt);
          const isOver = expiresAt !== null && expiresAt <= Date.now();
          if (!isOver && (action === 'allow' || action === 'block' || action === 'quarantine'))
            await send({ device: target.device, user }, { action, reason, expiresAt });
        }
        put(target, { done: { ...entry.done, isUndone: true }, replaced: [] });
      });
    },
    [kept, attempt, send, put],
  );

  const doneFor = useCallback((target: Target) => kept.get(keyOf(target))?.done ?? null, [kept]);
  const forgetError = useCallback(() => setError(null), []);
  return { doneFor, isBusy, error, decide, clear, undo, forgetError };
}
