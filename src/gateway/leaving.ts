// Owns what a request of an allowed phone is answered that still belongs to the quarantine mailbox.
import { sendsMail } from '../eas/commands.ts';
import { answerIssued, answerIssuedSource } from '../eas/mailbox/transition.ts';
import type { MailboxAnswer } from '../eas/mailbox/model.ts';
import { queryParameters } from '../eas/query.ts';
import { startOver } from './answers.ts';
import { treeWithIssued } from './body-tree.ts';
import type { Exchange } from './exchange.ts';
import type { ShownMailboxes } from './shown-mailboxes.ts';

/** The answer, by what there is of the body; null = the request is none of the quarantine mailbox. */
export function answerLeaving(
  exchange: Exchange,
  kept: Buffer | null,
  shown: ShownMailboxes,
): MailboxAnswer | null {
  const { command, content, query, user, device } = exchange;
  if (command === null || query === null || user === null || device === null) return null;
  const version = exchange.protocolVersion ?? '2.5';
  if (content === 'empty') {
    const bytes = shown.has(user, device) ? startOver(command) : null;
    return bytes === null ? null : { kind: 'ready', bytes };
  }
  if (sendsMail(command)) {
    const answer = answerIssuedSource(command, version, queryParameters(query));
    if (answer !== null) return answer;
  }
  const tree = kept === null || content === 'rfc822' ? null : treeWithIssued(kept, content);
  return tree === null ? null : answerIssued(command, version, tree);
}
