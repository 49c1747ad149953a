// Owns the longest time anything waits for the directory.

/**
 * Rejects after `timeoutMs`; the work itself goes on and its end is ignored. An answer that arrived while the process was
 * stopped is read first, and has arrived in time.
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
