// Owns the bounds of one WBXML document, for both directions.

/** Bounds of one document. */
export interface WbxmlLimits {
  /** Longest document, in bytes. */
  readonly maxBytes: number;
  /** Deepest element; the root is at 1. */
  readonly maxDepth: number;
  /**
   * Most elements, texts and opaque contents together. An empty element takes two bytes here but far more memory in a
   * reader.
   */
  readonly maxNodes: number;
  /** Keep unlisted tags as `unknown-PP-TT` instead of refusing them. */
  readonly keepUnknown: boolean;
}

/**
 * Enough for every command: a Sync of 500 items has about 40,000 nodes. Request bodies are limited to 100 MiB by
 * default.
 */
export const DEFAULT_LIMITS: WbxmlLimits = {
  maxBytes: 104_857_600,
  maxDepth: 32,
  maxNodes: 200_000,
  keepUnknown: false,
};
