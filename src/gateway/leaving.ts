// Owns what a request of an allowed phone is answered that still belongs to the quarantine mailbox.
import { sendsMail } from '../eas/commands.ts';
import { answerIssued, answerIssuedSource } from '../eas/mailbox/transition.ts';
import type { MailboxAnswer } from '../eas/mailbox/model.ts';
import { queryParameters } from '../eas/query.ts';
import { treeWithIssued } from './body-tree.ts';
import type { Exchange } from './exchange.ts';

/** The answer, by what there is of the body; null = the request is none of the quarantine mailbox. */
export function answerLeaving(exchange: Exchange, kept: Buffer | null): MailboxAnswer | null {
  const { command, content, query } = exchange;
  if (command === null || query === null) return null;
  const version = exchange.protocolVersion ?? '2.5';
  if (sendsMail(command)) {
    const answer = answerIssuedSource(command, version, queryParameters(query));
    if (answer !== null) return answer;
  }
  const tree = kept === null || content === 'rfc822' ? null : treeWithIssued(kept, content);
  return tree === null ? null : answerIssued(command, version, tree);
}
