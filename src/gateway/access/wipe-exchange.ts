// Owns the Provision exchange of a wipe (MS-ASPROV 3.2.5.1.2): nothing is wiped but by what the store says now, and what a
// phone says of it is written down.
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { answerProvisionDuringWipe } from '../../eas/wipe.ts';
import type { WipeAnswer } from '../../eas/wipe.ts';
import type { Verdict, WipeOrder } from '../../model/verdict.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { MAX_OVERTAKINGS } from '../exchange/steps.ts';
import type { Reply } from '../exchange/steps.ts';
import type { GatewayCore } from '../gateway-core.ts';

/** How far a wipe has come is written down, with so many tries: a lost report would wipe the phone once more. */
const RECORD_TRIES = 5;

/** What the request leads to. */
export type WipeOutcome =
  | Reply
  /** Taken back or acknowledged, and the change did not come here yet: this is the verdict. */
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** The store does not answer. */
  | 'unknown';

const BLOCKED: Reply = Object.freeze({ kind: 'refusal', as: 'deviceBlocked' });
const COME_AGAIN: Reply = Object.freeze({
  kind: 'comeAgain',
  why: 'EASGATE_DECISION_OVERTAKEN',
});

/**
 * Answers a Provision request, whose body is `root`. What the phone says is written down also when it leaves meanwhile: it
 * need not wait for an answer before it wipes (MS-ASPROV 3.1.5.1.2). Never rejects.
 */
export async function exchangeWipe(
  core: GatewayCore,
  exchange: Exchange,
  ordered: Verdict,
  root: WbxmlElement | null,
  address: string,
): Promise<WipeOutcome> {
  const { user, device, protocolVersion } = exchange;
  if (user === null || device === null) return BLOCKED;
  for (let round = 1; round <= MAX_OVERTAKINGS; round++) {
    exchange.overtaken = false;
    const verdict = await core.confirm(exchange, address);
    if (verdict === null) return 'unknown';
    // A change that came while the order was read may have taken it back.
    if (exchange.overtaken) continue;
    const order = verdict.action === ordered.action ? verdict.wipe : undefined;
    if (order === undefined) return { kind: 'verdict', verdict };
    const kind = ordered.action === 'wipe' ? 'wipe' : 'accountWipe';
    const answer = answerProvisionDuringWipe(root, protocolVersion, kind, order.told);
    if (answer === null) return BLOCKED;
    exchange.wipe = answer.outcome;
    const recorded = await record(core, exchange, order, answer.outcome, address);
    if (recorded === 'unknown') return 'unknown';
    if (recorded === 'recorded') return { kind: 'mailbox', answer: { kind: 'body', root: answer.reply } };
    // The answer to a failure orders the wipe once more: not by an order that no longer stands.
    exchange.wipe = null;
  }
  return COME_AGAIN;
}

/**
 * Writes down that the order is about to be sent, or what the phone says to it. Another worker, and this one after a restart,
 * take its answer for one only by that. `overtaken` = the order waits for no answer any more, `unknown` = the store stays away.
 */
async function record(
  core: GatewayCore,
  exchange: Exchange,
  order: WipeOrder,
  outcome: WipeAnswer['outcome'],
  address: string,
): Promise<'recorded' | 'overtaken' | 'unknown'> {
  const { device } = exchange;
  if (device === null) return 'overtaken';
  if (outcome === 'directive' && order.told) return 'recorded';
  for (let attempt = 1; attempt <= RECORD_TRIES; attempt++) {
    try {
      if (outcome === 'directive')
        return (await core.verdicts.noteWipeTold(device, order)) ? 'recorded' : 'overtaken';
      const status = outcome === 'acknowledged' ? 1 : 2;
      const stood = await core.verdicts.acknowledgeWipe(device, order, status);
      core.journal?.wipeAnswered(exchange, address, status, stood);
      return stood ? 'recorded' : 'overtaken';
    } catch (error) {
      core.onTrouble('EASGATE_WIPE_NOT_RECORDED', { device, attempt, cause: String(error) });
    }
  }
  return 'unknown';
}
