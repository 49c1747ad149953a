// Owns the transition of an allowed phone out of the quarantine mailbox: answers to requests that still refer to it,
// and the check that none of its keys and ids reach the mail server.
import { sendsMail } from '../../eas/commands.ts';
import { IssuedScan, findIssued } from '../../quarantine/issued-scan.ts';
import type { IssuedFinding } from '../../quarantine/issued-scan.ts';
import type { FinalAnswer } from '../../quarantine/mailbox-types.ts';
import {
  answerIssued,
  answerIssuedAnywhere,
  answerIssuedSource,
  restsOnMemory,
  sendAll,
} from '../../quarantine/transition.ts';
import { queryParameters } from '../../eas/query-parser.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { Verdict } from '../../model/verdict.ts';
import { beginningOf, plainBytes, treeOf } from './body-tree.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestBody } from '../connection/request-body.ts';
import { BUFFERED_BODY_BYTES } from '../fixed-limits.ts';

/**
 * Tracks which allowed phones show the folders of the mail server. The server holds a poll without folders on those of
 * the phone's last full poll, even if the phone was in the quarantine mailbox since, perhaps at another worker. So a
 * phone that may have been there ({@link ShownMailboxes}) is asked for all its folders until it named real ones under its
 * current verdict, with accepted credentials. A verdict is one object per phone until it changes ({@link VerdictSource.peek}), so the
 * knowledge ends with it and needs no bound.
 */
export class CompletedExits {
  private readonly known = new WeakSet<Verdict>();

  has(verdict: Verdict): boolean {
    return this.known.has(verdict);
  }

  /** The mail server answered a poll that named its folders, checked under `verdict`. */
  note(verdict: Verdict): void {
    this.known.add(verdict);
  }
}

/** What is known of phones. */
export interface ShownMailboxes {
  /** Whether an allowed phone may still show the quarantine mailbox; absent = each may. */
  mayShowMailbox?(user: UserKey, device: DeviceKey): boolean;
}

/** Checks the requests of one client connection. */
export class MailboxExit {
  private readonly completed: CompletedExits;
  private readonly phones: ShownMailboxes;
  /** The last verdict under which the phone named real folders. */
  private exitedUnder: Verdict | null = null;

  /** `completed` is shared by the worker. */
  constructor(completed: CompletedExits, phones: ShownMailboxes) {
    this.completed = completed;
    this.phones = phones;
  }

  /** The answer to send instead of forwarding, or a refusal; null = the request may be forwarded. */
  look(exchange: Exchange, body: RequestBody): FinalAnswer | HttpErrorCode | null {
    // Requests authenticated by connection or certificate alone never get the mailbox.
    const shown = exchange.authorization !== null && exchange.leg === 'none';
    const answer = shown ? answerLeaving(exchange, body) : null;
    if (answer !== null) return answer;
    const all = this.checkPoll(exchange, body);
    return shown ? all : null;
  }

  /** A poll that does not show which mailbox the phone holds: the phone is asked for all its folders. */
  private checkPoll(exchange: Exchange, { kept, complete }: RequestBody): FinalAnswer | null {
    const { verdict, command, content } = exchange;
    if (verdict === null || verdict === this.exitedUnder) return null;
    if (command !== 'Ping' && command !== 'Sync') return null;
    if (this.completed.has(verdict)) {
      this.exitedUnder = verdict;
      return null;
    }
    // A large Sync is not a poll.
    const tree = complete ? treeOf(kept, content) : undefined;
    if (tree === undefined) return null;
    if (!restsOnMemory(command, tree)) exchange.exitsUnder = verdict;
    else if (this.mayShowMailbox(exchange)) return sendAll(command);
    return null;
  }

  private mayShowMailbox({ user, device }: Exchange): boolean {
    if (user === null || device === null) return true;
    return this.phones.mayShowMailbox?.(user, device) ?? true;
  }
}

/**
 * Scans the available part of the body. The rest is scanned while it is forwarded ({@link Exchange.scan}); a compressed
 * body cannot be, so it is refused when it is larger than the read-ahead.
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
  // A new mail does not refer to another message.
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

/** The answer when an issued key is found while the body is being forwarded. */
export function answerLate({ command, protocolVersion }: Exchange): FinalAnswer {
  if (command === null) return { kind: 'http', status: 400 };
  return answerIssuedAnywhere(command, protocolVersion ?? '2.5');
}
