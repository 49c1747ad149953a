// Owns the way out of the quarantine mailbox: what a request of an allowed phone is answered that still belongs to it, and that
// none of its keys and ids reaches the mail server, wherever in a body they stand.
import { sendsMail } from '../../eas/commands.ts';
import { IssuedScan, findIssued } from '../../quarantine/issued-scan.ts';
import type { IssuedFinding } from '../../quarantine/issued-scan.ts';
import type { FinalAnswer } from '../../quarantine/model.ts';
import {
  answerIssued,
  answerIssuedAnywhere,
  answerIssuedSource,
  restsOnMemory,
  sendAll,
} from '../../quarantine/transition.ts';
import { queryParameters } from '../../eas/query.ts';
import type { HttpErrorCode } from '../../errors.ts';
import type { Verdict } from '../../model/verdict.ts';
import { beginningOf, plainBytes, treeOf } from './body-tree.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestBody } from '../connection/request-body.ts';
import { BUFFERED_BODY_BYTES } from '../settings.ts';

/**
 * Which allowed phones are known to show the folders of the mail server. The mail server holds a poll without folders on
 * those of the phone's last full one, although the phone may have been in the quarantine mailbox since, at another worker
 * perhaps. So a phone is asked for all of them until it was seen here to name folders of the mail server under the verdict it
 * has, with credentials that the server took: anybody can name a phone and folders. A verdict is one object for one phone
 * until something of it changes ({@link VerdictSource.peek}): what is known here ends with it, and needs no bound of its own.
 */
export class Arrivals {
  private readonly known = new WeakSet<Verdict>();

  has(verdict: Verdict): boolean {
    return this.known.has(verdict);
  }

  /** The mail server answered a poll that named its folders, looked at under `verdict`. */
  note(verdict: Verdict): void {
    this.known.add(verdict);
  }
}

/** Looks at the requests of one client connection. */
export class MailboxExit {
  private readonly arrivals: Arrivals;
  /** The last verdict under which the phone was seen to have arrived. */
  private arrivedUnder: Verdict | null = null;

  /** `arrivals` are those of the worker. */
  constructor(arrivals: Arrivals) {
    this.arrivals = arrivals;
  }

  /** The answer that is due in place of forwarding, or why the request is refused; null = it may go on. */
  look(exchange: Exchange, body: RequestBody): FinalAnswer | HttpErrorCode | null {
    // Who is known by connection or certificate alone was shown no mailbox.
    const shown = exchange.authorization !== null && exchange.leg === 'none';
    const answer = shown ? answerLeaving(exchange, body) : null;
    if (answer !== null) return answer;
    const all = this.arrive(exchange, body);
    return shown ? all : null;
  }

  /** A poll that does not tell which mailbox its phone shows: the phone is asked for all its folders. */
  private arrive(exchange: Exchange, { kept, complete }: RequestBody): FinalAnswer | null {
    const { verdict, command, content } = exchange;
    if (verdict === null || verdict === this.arrivedUnder) return null;
    if (command !== 'Ping' && command !== 'Sync') return null;
    if (this.arrivals.has(verdict)) {
      this.arrivedUnder = verdict;
      return null;
    }
    // A large Sync: whatever it has, it is no poll.
    const tree = complete ? treeOf(kept, content) : undefined;
    if (tree === undefined) return null;
    if (restsOnMemory(command, tree)) return sendAll(command);
    exchange.arrivesUnder = verdict;
    return null;
  }
}

/**
 * Looks through what there is of the body. The rest of a body that is not complete is looked through on its way
 * ({@link Exchange.scan}); a coded one cannot be, so it is refused when it is larger than what is read ahead.
 */
function answerLeaving(
  exchange: Exchange,
  { kept, complete, received }: RequestBody,
): FinalAnswer | HttpErrorCode | null {
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
export function answerLate({ command, protocolVersion }: Exchange): FinalAnswer {
  if (command === null) return { kind: 'http', status: 400 };
  return answerIssuedAnywhere(command, protocolVersion ?? '2.5');
}
