// Owns manual decisions: sending one, and taking it back for ten seconds. The row shows the result; there are no floating messages.
import { useCallback, useEffect, useRef, useState } from 'react';
import type { AnswerOf, BodyOf } from '../../api/contract/operations.ts';
import { call } from '../client/call.ts';
import { ApiError, networkError } from '../client/problem.ts';
import { readTime } from './time.tsx';

/** What a row about a device is about. */
export interface Target {
  readonly device: string;
  /** Null = every user of the device. */
  readonly user: string | null;
}

/** A user with every device. */
export interface UserTarget {
  readonly user: string;
}

type Action = BodyOf<'decide'>['action'];

/** What was decided a moment ago. */
export interface Done {
  readonly action: Action | 'clear';
  /** ISO; null = without an end. */
  readonly expiresAt: string | null;
  readonly isUndone: boolean;
  /** Of a clear: what was cleared. */
  readonly cleared: 'decision' | 'wipe' | 'nothing';
  /** Whether it can be taken back: a wipe is never ordered by an undo. */
  readonly canUndo: boolean;
  /** Names alike that it does not hold for. */
  readonly notFor: readonly string[];
}

/** What is to be decided. */
export interface Wish {
  readonly action: Action;
  readonly expiresAt: number | null;
  readonly reason: string | null;
}

/** Decisions that were just taken, by target. */
export interface Decide<On = Target> {
  readonly doneFor: (target: On) => Done | null;
  readonly isBusy: boolean;
  readonly error: ApiError | null;
  /** True = it is written. */
  readonly decide: (target: On, wish: Wish) => Promise<boolean>;
  /** `force`: also a wipe that the phone confirmed. */
  readonly clear: (target: On, force?: boolean) => Promise<boolean>;
  readonly undo: (target: On) => Promise<void>;
  readonly forgetError: () => void;
}

/** A decision that was replaced, under the name that it had. */
interface Replaced<On> {
  readonly target: On;
  readonly decision: AnswerOf<'decide'>['decision'];
}

interface Sent<On> {
  readonly replaced: readonly Replaced<On>[];
  readonly notFor: readonly string[];
}

/** How decisions on one kind of target are sent; both answer with the decision that was replaced. */
interface Ways<On> {
  readonly keyOf: (target: On) => string;
  /** The same for every user of the device; null = there is nothing wider. */
  readonly wider: (target: On) => On | null;
  readonly send: (target: On, wish: BodyOf<'decideUser'>) => Promise<Sent<On>>;
  readonly clear: (target: On, force: boolean) => Promise<readonly Replaced<On>[]>;
}

const queryOf = ({ user }: Target): { user?: string } => (user === null ? {} : { user });

const ON_DEVICES: Ways<Target> = {
  keyOf: ({ device, user }) => `${device}\n${user ?? ''}`,
  wider: ({ device, user }) => (user === null ? null : { device, user: null }),
  send: async (target, body) => {
    const { device } = target;
    const { replaced } = await call('decide', { params: { device }, body: { ...body, ...queryOf(target) } });
    return {
      replaced: replaced.map(({ user, decision }) => ({ target: { device, user }, decision })),
      notFor: [],
    };
  },
  clear: async (target, force) => {
    const { device } = target;
    const query = { ...queryOf(target), ...(force && { force: 'true' as const }) };
    const { cleared } = await call('clearDecision', { params: { device }, query });
    return cleared.map(({ user, decision }) => ({ target: { device, user }, decision }));
  },
};

const ON_USERS: Ways<UserTarget> = {
  keyOf: ({ user }) => user,
  wider: () => null,
  send: async (target, body) => {
    const { replaced, notFor } = await call('decideUser', { params: { user: target.user }, body });
    return { replaced: replaced === null ? [] : [{ target, decision: replaced }], notFor };
  },
  clear: async (target) => {
    const { cleared } = await call('clearUserDecision', { params: { user: target.user } });
    return cleared === null ? [] : [{ target, decision: cleared }];
  },
};

type Stored = AnswerOf<'decide'>['decision']['action'];
type WipeAction = Exclude<Stored, Action>;

function isWipeAction(action: Stored): action is WipeAction {
  return action === 'wipe' || action === 'accountWipe';
}

const UNDO_MS = 10_000;

interface Kept<On> {
  readonly target: On;
  readonly done: Done;
  readonly replaced: readonly Replaced<On>[];
}

const isoOf = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** Decisions on devices of one page. `changed` is called after each, to read again. */
export function useDecide(changed: () => void): Decide {
  return useDecisions(ON_DEVICES, changed);
}

/** Decisions on users with every device, likewise. */
export function useDecideUser(changed: () => void): Decide<UserTarget> {
  return useDecisions(ON_USERS, changed);
}

function useDecisions<On>(ways: Ways<On>, changed: () => void): Decide<On> {
  const [kept, setKept] = useState<ReadonlyMap<string, Kept<On>>>(new Map());
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

  const put = useCallback(
    (entry: Kept<On>) => {
      const key = ways.keyOf(entry.target);
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
    },
    [ways],
  );

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

  const decide = useCallback(
    (target: On, { action, expiresAt: end, reason }: Wish) =>
      attempt(async () => {
        const expiresAt = isoOf(end);
        const { replaced, notFor } = await ways.send(target, { action, expiresAt, reason });
        const done = {
          action,
          expiresAt,
          isUndone: false,
          cleared: 'nothing',
          canUndo: true,
          notFor,
        } as const;
        put({ target, done, replaced });
      }),
    [attempt, ways, put],
  );

  const clear = useCallback(
    (target: On, force = false) =>
      attempt(async () => {
        const replaced = await ways.clear(target, force);
        const hasWipe = replaced.some(({ decision: { action } }) => isWipeAction(action));
        const cleared = replaced.length === 0 ? 'nothing' : hasWipe ? 'wipe' : 'decision';
        const canUndo = cleared === 'decision';
        const done = {
          action: 'clear',
          expiresAt: null,
          isUndone: false,
          cleared,
          canUndo,
          notFor: [],
        } as const;
        put({ target, done, replaced });
      }),
    [attempt, ways, put],
  );

  // What was decided for every user of a device was decided for each of them.
  const entryFor = useCallback(
    (target: On): Kept<On> | null => {
      const wider = ways.wider(target);
      return kept.get(ways.keyOf(target)) ?? (wider === null ? null : (kept.get(ways.keyOf(wider)) ?? null));
    },
    [kept, ways],
  );

  const undo = useCallback(
    async (target: On) => {
      const entry = entryFor(target);
      if (entry === null) return;
      await attempt(async () => {
        if (entry.done.action !== 'clear') await ways.clear(entry.target, false);
        // What it replaced stands again, each under its own name, unless it ended meanwhile. A wipe is never ordered by an undo.
        for (const { target: own, decision } of entry.replaced) {
          const { action, reason } = decision;
          const expiresAt = readTime(decision.expiresAt);
          const isOver = expiresAt !== null && expiresAt <= Date.now();
          if (!isOver && !isWipeAction(action))
            await ways.send(own, { action, reason, expiresAt: isoOf(expiresAt) });
        }
        put({ ...entry, done: { ...entry.done, isUndone: true }, replaced: [] });
      });
    },
    [entryFor, attempt, ways, put],
  );

  const doneFor = useCallback((target: On) => entryFor(target)?.done ?? null, [entryFor]);
  const forgetError = useCallback(() => setError(null), []);
  return { doneFor, isBusy, error, decide, clear, undo, forgetError };
}
