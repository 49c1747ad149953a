// Owns the bounds of one WBXML document, for both directions.

/** Bounds of one document. */
export interface WbxmlLimits {
  /** Longest document, in bytes. */
  readonly maxBytes: number;
  /** Deepest element; the root is at 1. */
  readonly maxDepth: number;
  /** Most elements, texts and opaque contents together: an empty one costs its reader far more than its two bytes. */
  readonly maxNodes: number;
  /** Keep tags that no page lists, as `unknown-PP-TT`, instead of refusing them. */
  readonly keepUnknown: boolean;
}

/** Enough for every command: a Sync of 500 items has some 40,000 nodes, and bodies end at 100 MiB by default. */
export const DEFAULT_LIMITS: WbxmlLimits = {
  maxBytes: 104_857_600,
  maxDepth: 32,
  maxNodes: 200_000,
  keepUnknown: false,
};
