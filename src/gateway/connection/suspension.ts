// Owns the suspension of an exchange during a question to the directory or a mail server.
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from './downstream.ts';

/** Returned instead of an answer: the exchange ended, by its deadline, the client's departure or a broken body. */
export const ENDED = Symbol('ended');

/** The parts of the client connection that a suspension uses. */
export type Suspended = Pick<Downstream, 'exchange' | 'enter' | 'resumeBody' | 'clientEnded'> & {
  readonly timeouts: Pick<Downstream['timeouts'], 'awaitAnswer' | 'awaitPhone' | 'halfClosed'>;
};

/**
 * Asks and awaits the answer in the phase `asking`. A change of the directory meanwhile sets {@link
 * Exchange.overtaken}: the answer may be outdated. Returns the answer, in the phase `reading`, or {@link ENDED}, after
 * which the caller must stop. `ask` must not reject.
 */
export function suspend<Answer>(
  downstream: Suspended,
  exchange: Exchange,
  ask: () => Promise<Answer>,
): Promise<Answer | typeof ENDED> {
  // First, so that no change is missed while the question is sent.
  if (!downstream.enter(exchange, 'asking')) return Promise.resolve(ENDED);
  exchange.overtaken = false;
  downstream.timeouts.awaitAnswer();
  // A client that closed its side may have left: another question does not give it the whole time again.
  if (downstream.clientEnded) downstream.timeouts.halfClosed();
  return ask().then((answer) => (resume(downstream, exchange) ? answer : ENDED));
}

/** False = the exchange ended meanwhile. */
function resume(downstream: Suspended, exchange: Exchange): boolean {
  if (downstream.exchange !== exchange || exchange.phase !== 'asking') return false;
  exchange.waitsFor = null;
  if (!downstream.enter(exchange, 'reading')) return false;
  downstream.timeouts.awaitPhone();
  downstream.resumeBody();
  return true;
}
