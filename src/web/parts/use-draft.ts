// Owns the draft of the policy on its page: the text, whether it differs from what is in use, what it began with.
import { useCallback, useState } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { tagOf } from '../client/call.ts';
import { keepDraft, readDraft } from '../client/draft.ts';
import { FIRST_TEXT } from './policy-text.ts';

/** What the editor shows. */
export interface DraftState {
  /** Null until the policy is known. */
  readonly text: string | null;
  /** The text of what is in use; empty = nothing was published. */
  readonly inUse: string;
  readonly isChanged: boolean;
  /** ETag of the policy that the draft began with. */
  readonly tag: string | null;
  /** Another policy is in use since. */
  readonly isBehind: boolean;
  readonly edit: (text: string) => void;
  readonly discard: () => void;
  /** The draft goes on from this ETag. The policy that is shown at this moment may be the one before: it is no change by somebody else. */
  readonly goOn: (tag: string | null) => void;
}

/** `policy` = what is in use; null = not known yet. */
export function useDraft(policy: AnswerOf<'showPolicy'> | null): DraftState {
  const [draft, setDraft] = useState(readDraft);
  // ETag of the policy before a change from this page: it is shown until the policy is read again.
  const [before, setBefore] = useState<string | null>(null);
  const isFixed = policy?.source === 'file';
  const inUse = policy?.document ?? '';
  const now = tagOf(policy);
  const change = useCallback((next: typeof draft) => {
    keepDraft(next);
    setDraft(next);
  }, []);
  const mine = isFixed ? null : draft;
  const text = policy === null ? null : (mine?.text ?? policy.document ?? FIRST_TEXT);
  return {
    text,
    inUse,
    isChanged: text !== null && text !== inUse,
    tag: mine === null ? now : mine.tag,
    isBehind: mine !== null && now !== null && mine.tag !== now && now !== before,
    edit: (next) => change({ text: next, tag: mine === null ? now : mine.tag }),
    discard: () => change(null),
    goOn: (tag) => {
      setBefore(now);
      if (draft !== null) change({ text: draft.text, tag });
    },
  };
}
