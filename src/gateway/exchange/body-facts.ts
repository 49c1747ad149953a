// Owns the facts read from a request body: root element, heartbeat, device information. Hot path.
import { checkBodyStart } from '../../eas/body-gate.ts';
import { heartbeatOf } from '../../eas/heartbeat.ts';
import { deviceInformationOf } from '../../quarantine/provision.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { treeOf } from '../access/body-tree.ts';
import type { RequestBody } from '../connection/request-body.ts';
import type { Exchange } from './exchange.ts';

/**
 * Checks the beginning of a body, as far as it arrived; returns the refusal, if any. Also with `Expect: 100-continue`,
 * as the phone need not wait (RFC 9110 10.1.1). The body of an unauthenticated request is not checked.
 */
export function seeRoot(exchange: Exchange, { kept, complete }: RequestBody): HttpErrorCode | null {
  if (exchange.challengeOnly || exchange.bodySpent) return null;
  const outcome = checkBodyStart(exchange.content, exchange.command, kept, complete);
  if (outcome === 'ok') exchange.rootSeen = true;
  return outcome === 'ok' || outcome === 'need-more' ? null : outcome;
}

/** Reads the facts of a body that is forwarded unchanged. */
export function readBodyFacts(exchange: Exchange, { kept, complete }: RequestBody): void {
  if (!complete) return;
  const { command, content } = exchange;
  // Recorded once the mail server accepts the credentials.
  if (command === 'Provision' || command === 'Settings')
    exchange.information = deviceInformationOf(treeOf(kept, content) ?? null);
  exchange.heartbeat = heartbeatOf(content, command, kept);
  exchange.held = exchange.heartbeat !== 0;
}
