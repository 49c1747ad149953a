// Owns the words about a directory that can be read but takes no changes, as the workers report it. Pure.
import type { WorkerHealth } from './messages.ts';

/** Without the cause, which may name files and servers. */
export const REFUSED_TEXT =
  'the directory takes no changes: phones are served, but decisions and reports are refused';

/** Of a worker; null and absent = the directory takes changes, or this is not known. */
export function isRefused(refusal: string | null | undefined): refusal is string {
  return typeof refusal === 'string';
}

/** The standing warning about it, with the cause; null = no worker reports it. A worker that cannot read the directory either does not count. */
export function refusalWarning(workers: readonly { readonly health: WorkerHealth }[]): string | null {
  const refusals = workers
    .map(({ health }) => (health.store ? health.storeRefusal : null))
    .filter((refusal) => isRefused(refusal));
  const [first] = refusals;
  if (first === undefined) return null;
  const by =
    refusals.length === workers.length ? '' : `, as ${refusals.length} of ${workers.length} workers report`;
  return `${REFUSED_TEXT}${by} (${first})`;
}
