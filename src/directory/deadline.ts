// Owns the longest time anything waits for the directory.

/** Rejects after `timeoutMs`; the work itself goes on and its end is ignored. */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error('the directory did not answer in time')),
    Math.max(1, timeoutMs),
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
