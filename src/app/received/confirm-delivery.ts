// Owns the confirmation of what a brake holds, of a feed that is sent its records: the next delivery is written all the same.
import { ProgramError } from '../../errors/program-errors.ts';
import type { Operator } from '../audited-run.ts';
import type { FeedStates } from '../feed-runs/feed-state.ts';

/** @throws ProgramError EASGATE_USAGE where nothing is held */
export async function confirmDelivery(
  states: FeedStates,
  name: string,
  { audit, by, via, at }: Operator,
): Promise<void> {
  const state = await states.read(name);
  if (state.held === null) throw new ProgramError('EASGATE_USAGE', `no delivery to ${name} is held`);
  await states.write(name, { ...state, confirmedAt: Math.max(at, state.held.at) });
  const { reasons } = state.held;
  await audit.record({ by, via, at, operation: 'feed_confirm', subject: name, after: { reasons } });
}
