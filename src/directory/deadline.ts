// Owns the deadline for operations of the directory.

/**
 * Rejects after `timeoutMs`; the work continues and its result is ignored. An answer that arrived while the process was
 * suspended is read first, and counts as in time.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new Error('the directory did not answer in time'));
  const timer = setTimeout(() => setImmediate(late), Math.max(1, timeoutMs));
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
