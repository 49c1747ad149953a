// Owns what a request of an allowed phone is answered that still belongs to the quarantine mailbox, and that none of its keys
// and ids reaches the mail server, wherever in a body they stand.
import { sendsMail } from '../../eas/commands.ts';
import { IssuedScan, findIssued } from '../../quarantine/issued-scan.ts';
import type { IssuedFinding } from '../../quarantine/issued-scan.ts';
import type { MailboxAnswer } from '../../quarantine/model.ts';
import { answerIssued, answerIssuedAnywhere, answerIssuedSource } from '../../quarantine/transition.ts';
import { queryParameters } from '../../eas/query.ts';
import type { HttpErrorCode } from '../../errors.ts';
import { beginningOf, plainBytes } from './body-tree.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestBody } from '../connection/request-body.ts';
import { BUFFERED_BODY_BYTES } from '../settings.ts';

/**
 * Looks through what there is of the body: the answer, or why the request is refused; null = the request is none of the
 * quarantine mailbox. The rest of a body that is not complete is looked through on its way ({@link Exchange.scan}); a coded
 * one cannot be, so it is refused when it is larger than what is read ahead.
 */
export function answerLeaving(
  exchange: Exchange,
  { kept, complete, received }: RequestBody,
): MailboxAnswer | HttpErrorCode | null {
  const { command, content, query } = exchange;
  if (command === null || query === null) return null;
  const version = exchange.protocolVersion ?? '2.5';
  if (sendsMail(command)) {
    const answer = answerIssuedSource(command, version, queryParameters(query));
    if (answer !== null) return answer;
  }
  // A new mail names no message that it is made from.
  if (kept === null || content === 'rfc822' || command === 'SendMail') return null;
  const plain = plainBytes(kept, content);
  if (typeof plain === 'string') return plain;
  switch (complete ? findIssued(plain) : findOnTheWay(exchange, plain)) {
    case 'odd':
      return 'EASGATE_BODY_MALFORMED';
    case 'issued': {
      const tree = beginningOf(plain);
      const answer = tree === null ? null : answerIssued(command, version, tree);
      return answer ?? answerIssuedAnywhere(command, version);
    }
    default:
      return content === 'wbxml' || received <= BUFFERED_BODY_BYTES ? null : 'EASGATE_BODY_TOO_LARGE';
  }
}

function findOnTheWay(exchange: Exchange, plain: Buffer): IssuedFinding {
  exchange.scan = new IssuedScan();
  return exchange.scan.push(plain);
}

/** What a phone is answered whose body turned out on its way to name something of the quarantine mailbox. */
export function answerLate({ command, protocolVersion }: Exchange): MailboxAnswer {
  if (command === null) return { kind: 'http', status: 400 };
  return answerIssuedAnywhere(command, protocolVersion ?? '2.5');
}
