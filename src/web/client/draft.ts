// Owns the draft of the policy: kept in this tab, until it is published or thrown away.

/** A text that is not published. */
export interface Draft {
  readonly text: string;
  /** ETag of the policy that the draft began with: publishing is refused when another one is in use by then. */
  readonly tag: string | null;
}

const STORAGE = 'easgate.policy-draft';

/** The draft of this tab; null = there is none. */
export function readDraft(): Draft | null {
  try {
    const stored = JSON.parse(sessionStorage.getItem(STORAGE) ?? 'null') as Partial<Draft> | null;
    return typeof stored?.text === 'string' ? { text: stored.text, tag: stored.tag ?? null } : null;
  } catch {
    return null;
  }
}

/** Keeps a draft; null = forgets it. */
export function keepDraft(draft: Draft | null): void {
  try {
    if (draft === null) sessionStorage.removeItem(STORAGE);
    else sessionStorage.setItem(STORAGE, JSON.stringify(draft));
  } catch {
    // Then it lasts until the page is left.
  }
}
