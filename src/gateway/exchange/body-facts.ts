// Owns the facts that the body of a request gives: its root element, the heartbeat it asks for, what a phone says of itself in
// it. Hot path.
import { checkBodyStart, heartbeatOf } from '../../eas/body-gate.ts';
import { deviceInformationOf } from '../../quarantine/provision.ts';
import type { HttpErrorCode } from '../../errors.ts';
import { treeOf } from '../access/body-tree.ts';
import type { RequestBody } from '../connection/request-body.ts';
import type { Exchange } from './exchange.ts';

/**
 * Looks at the beginning of a body, as far as it has come; returns why it is refused. Whatever the phone says of `Expect`: it
 * need not wait (RFC 9110 10.1.1). What a stranger sends is not judged.
 */
export function seeRoot(exchange: Exchange, { kept, complete }: RequestBody): HttpErrorCode | null {
  if (exchange.challengeOnly || exchange.bodySpent) return null;
  const outcome = checkBodyStart(exchange.content, exchange.command, kept, complete);
  if (outcome === 'ok') exchange.rootSeen = true;
  return outcome === 'ok' || outcome === 'need-more' ? null : outcome;
}

/** Reads what must be known of a body that goes on as it is. */
export function readFacts(exchange: Exchange, { kept, complete }: RequestBody): void {
  if (!complete) return;
  const { command, content } = exchange;
  // It is written down when the mail server has taken the credentials.
  if (command === 'Provision' || command === 'Settings')
    exchange.information = deviceInformationOf(treeOf(kept, content) ?? null);
  exchange.heartbeat = heartbeatOf(content, command, kept);
  exchange.held = exchange.heartbeat !== 0;
}
