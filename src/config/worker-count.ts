// Owns how many workers a configuration asks for.
import { availableParallelism } from 'node:os';
import type { Config } from './schema.ts';

/** At least 1; `auto` = one per core that this process may use. */
export function workerCount({ workers: { count } }: Pick<Config, 'workers'>): number {
  return count === 'auto' ? availableParallelism() : count;
}
