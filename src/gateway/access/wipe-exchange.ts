// Owns the Provision exchange of a wipe (MS-ASPROV 3.2.5.1.2): the order is sent only if the store confirms it now, and
// the phone's answer is recorded.
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { answerProvisionDuringWipe } from '../../eas/wipe-provision.ts';
import type { WipeAnswer } from '../../eas/wipe-provision.ts';
import type { Verdict, WipeOrder } from '../../model/verdict.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { MAX_OVERTAKINGS } from '../exchange/steps.ts';
import type { Reply } from '../exchange/steps.ts';
import type { GatewayCore } from '../gateway-core.ts';

/** Attempts to record the progress of a wipe: a lost report would wipe the phone again. */
const RECORD_TRIES = 5;

/** The outcome of the request. */
export type WipeExchangeOutcome =
  | Reply
  /** The wipe was cancelled or acknowledged before the change arrived here: this is the new verdict. */
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** The store does not answer. */
  | 'unknown';

const BLOCKED: Reply = Object.freeze({ kind: 'refusal', as: 'deviceBlocked' });
const COME_AGAIN: Reply = Object.freeze({
  kind: 'comeAgain',
  why: 'EASGATE_DECISION_OVERTAKEN',
});

/**
 * Answers a Provision request with the body `root`. The phone's answer is recorded even if it leaves: it need not wait
 * for a response before it wipes (MS-ASPROV 3.1.5.1.2). Never rejects.
 */
export async function exchangeWipe(
  core: GatewayCore,
  exchange: Exchange,
  ordered: Verdict,
  root: WbxmlElement | null,
  address: string,
): Promise<WipeExchangeOutcome> {
  const { user, device, protocolVersion } = exchange;
  if (user === null || device === null) return BLOCKED;
  for (let round = 1; round <= MAX_OVERTAKINGS; round++) {
    exchange.overtaken = false;
    const verdict = await core.confirm(exchange, address);
    if (verdict === null) return 'unknown';
    // A change during the look-up may have cancelled the order.
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
    // The answer to a failure repeats the order, which must be confirmed again.
    exchange.wipe = null;
  }
  return COME_AGAIN;
}

/**
 * Records that the order is about to be sent, or the phone's answer. Other workers, and this one after a restart,
 * accept an answer only after that record. `overtaken` = the order is no longer pending, `unknown` = the store is
 * unavailable.
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
