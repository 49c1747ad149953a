// Owns suspending an exchange while the directory or a mail server is asked about it.
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from './downstream.ts';

/** In place of an answer: the exchange is over, since its deadline passed, or the client left or broke its body. */
export const ENDED = Symbol('ended');

/** What a suspension needs of the client connection. */
export type Suspended = Pick<Downstream, 'exchange' | 'enter' | 'resumeBody'> & {
  readonly timeouts: Pick<Downstream['timeouts'], 'awaitAnswer' | 'awaitPhone'>;
};

/**
 * Asks, and awaits the answer in the phase `asking`. A change of the directory meanwhile sets {@link Exchange.overtaken}: then
 * what was learned may rest on the state before. Ends in one way only: with the answer and in the phase `reading`, or with
 * {@link ENDED}; then the caller does nothing more. `ask` must not reject.
 */
export async function suspend<Answer>(
  downstream: Suspended,
  exchange: Exchange,
  ask: () => Promise<Answer>,
): Promise<Answer | typeof ENDED> {
  // First of all, so that no change is missed that comes while the question is put.
  if (!downstream.enter(exchange, 'asking')) return ENDED;
  exchange.overtaken = false;
  downstream.timeouts.awaitAnswer();
  const answer = await ask();
  if (downstream.exchange !== exchange || exchange.phase !== 'asking') return ENDED;
  if (!downstream.enter(exchange, 'reading')) return ENDED;
  downstream.timeouts.awaitPhone();
  downstream.resumeBody();
  return answer;
}
