// Owns which allowed phones are known to show the folders of the mail server, as far as a poll without folders may pass.
import type { MailboxAnswer } from '../../quarantine/model.ts';
import { answerIssued, restsOnMemory, sendAll } from '../../quarantine/transition.ts';
import type { Verdict } from '../../model/verdict.ts';
import { treeOf } from './body-tree.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestBody } from '../connection/request-body.ts';

/**
 * The mail server holds a poll without folders on those of the phone's last full one, although the phone may have been in
 * the quarantine mailbox since, at another worker perhaps. So a phone is asked for all of them until it was seen here to
 * name folders of the mail server under the verdict it has, with credentials that the server took: anybody can name a
 * phone and folders. A verdict is one object for one phone until something of it
 * changes ({@link VerdictSource.peek}): what is known here ends with it, and needs no bound of its own.
 */
export class Arrivals {
  private readonly known = new WeakSet<Verdict>();

  /**
   * Looks at a poll of an allowed phone: what it is answered, or whether the phone is known to have arrived, or arrives with
   * this poll if the mail server answers it ({@link note}).
   */
  look(
    exchange: Exchange,
    verdict: Verdict,
    command: 'Ping' | 'Sync',
    { kept, complete }: RequestBody,
  ): MailboxAnswer | 'arrived' | 'arrives' | 'unclear' {
    if (this.known.has(verdict)) return 'arrived';
    // A large Sync: whatever it has, it is no poll.
    if (!complete) return 'unclear';
    const tree = treeOf(kept, exchange.content);
    if (tree === undefined) return 'unclear';
    if (restsOnMemory(command, tree)) return sendAll(command);
    const issued = tree === null ? null : answerIssued(command, exchange.protocolVersion ?? '2.5', tree);
    return issued ?? 'arrives';
  }

  /** The mail server answered a poll that named its folders, looked at under `verdict`. */
  note(verdict: Verdict): void {
    this.known.add(verdict);
  }
}
