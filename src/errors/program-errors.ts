// Owns the table of errors of commands and of the start, and the exception that carries such a code.
import type { HttpErrorCode } from './request-errors.ts';

/** What failed; a column of docs/reference/errors.md. */
export type ProgramPart = 'argument' | 'command' | 'delivery' | 'start';

/** One row of the second table. */
export interface ProgramErrorInfo {
  /**
   * `argument`: a value on the command line is not valid (exit code 2). `command`: a command was not carried out. `delivery`: one to
   * a feed was not. `start`: the gateway or a command could not start.
   */
  readonly part: ProgramPart;
  /** Meaning and remedy. */
  readonly help: string;
}

const argument = (help: string): ProgramErrorInfo => ({ part: 'argument', help });
const command = (help: string): ProgramErrorInfo => ({ part: 'command', help });
const delivery = (help: string): ProgramErrorInfo => ({ part: 'delivery', help });
const start = (help: string): ProgramErrorInfo => ({ part: 'start', help });

/** Every way a command or a start fails. Codes are stable: scripts may rely on them. */
export const PROGRAM_ERRORS = {
  EASGATE_USAGE: argument(
    'there is no such command or option, an argument is missing or not valid, or arguments contradict each other; `--help` after the command shows examples',
  ),
  EASGATE_DEVICE_ID: argument('the argument is not a device id: 1 to 64 letters and digits'),
  EASGATE_EXPIRY: argument(
    'the argument is not a future time: write a duration (30m, 12h, 7d, 1w) or an ISO date',
  ),
  EASGATE_TIME: argument('the argument is not a time: write a duration (30m, 12h, 7d, 1w) or an ISO date'),
  EASGATE_FILTER: argument(
    'the value of a filter, of `--sort` or of `--limit` is not valid; the message lists the valid ones',
  ),
  EASGATE_FORMAT: command('the input is neither hex nor base64, or empty'),
  EASGATE_NOT_FOUND: command(
    'the directory does not know the device or user, or there is no such feed or version of the policy; the message suggests similar names',
  ),
  EASGATE_CHANGED: command(
    'the decision, the policy or the store was changed meanwhile, by an operator or by the device; check it and repeat',
  ),
  EASGATE_REASON: argument('the reason of a wipe is blank; give one with `--reason`'),
  EASGATE_WIPE_CONFIRM: command(
    'the wipe was not confirmed, or there is no terminal to ask (use `--confirm`); nothing was done',
  ),
  EASGATE_WIPE_USER: command(
    'the device has several users (choose with `--user` or `--all-users`), or this user was never seen with it',
  ),
  EASGATE_WIPE_VERSION: command('the client is too old for an account-only wipe, or its version is unknown'),
  EASGATE_WIPE_IN_PLACE: command(
    'a wipe is pending for the device; cancel it first (`easgate devices clear`)',
  ),
  EASGATE_WIPED: command('the device acknowledged a wipe; `easgate devices clear --force` allows it again'),
  EASGATE_NOT_RUNNING: command('`workers.pidFile` names no running gateway'),
  EASGATE_NO_ANSWER: command(
    'the gateway of `workers.pidFile` runs, but gave no answer: it was too busy to answer in time, or does not let this user ask; the message says which',
  ),
  EASGATE_HEALTH: command(
    'the gateway does not answer, answers 503 with this reason, or has no address for probes',
  ),
  EASGATE_FILE: command('a file cannot be read, parsed or written; the message names it'),
  EASGATE_FILE_SIZE: command(
    'a file to import is larger than 8,192 MB, unpacked; nothing of it was read. Split it, or check what it is',
  ),
  EASGATE_OUTPUT: command(
    'standard output cannot be written to its end, as on a full disk: the file that it goes to is not complete. The other work of the command is done',
  ),
  EASGATE_STATE_FILE: command(
    'a file in which easgate remembers something beside the directory, such as the state of a feed, cannot be written; the message names it and says why',
  ),
  EASGATE_TEMPORARY_FILES: command(
    'the folder of temporary files (`TMPDIR`, else /tmp) is full, missing or not writable; the message names it. Nothing was written to the directory. Free space there, or set `TMPDIR` to another folder',
  ),
  EASGATE_IMPORT_FORMAT: command(
    'the format of the file to import is not known for certain; the message says what it looks like, and `--format` says what it is',
  ),
  EASGATE_FEED_BUSY: command('the feed runs just now; wait for its end'),
  EASGATE_HELD: command(
    'a brake holds the records: more of them than usual would be removed or change (10 %, at least 20); nothing was written. Look at the source; `import --yes` or `feeds confirm` writes them',
  ),
  EASGATE_FEED_SOURCE: command(
    'the source of a feed cannot be reached or read, or answers with an error that may pass; the next try comes after a wait',
  ),
  EASGATE_FEED_CREDENTIALS: command('the source of a feed refuses the credentials, or lacks a permission'),
  EASGATE_FEED_ANSWER: command(
    'the source of a feed answers with what is not understood: its shape may have changed; nothing was written',
  ),
  EASGATE_FEED_SIZE: command(
    'a file of a feed is larger than its `maxMegabytes`, unpacked; nothing was written. Check what it is, then raise the limit',
  ),
  EASGATE_FEED_CURSOR: command(
    'the source of a feed no longer takes the place where the last run ended: a full run follows',
  ),
  EASGATE_DELIVERY_CREDENTIALS: delivery(
    'the token or the signature of a delivery is missing or wrong, or the token belongs to another feed (401, 403)',
  ),
  EASGATE_DELIVERY_TIME: delivery(
    'the signed time of a delivery is missing, or further from now than `signature.windowSeconds`: compare the clocks (400)',
  ),
  EASGATE_DELIVERY_CONTENT: delivery(
    'a delivery is not understood: its path, its media type or its content; nothing was written (400, 404, 405, 409, 415, 422)',
  ),
  EASGATE_DELIVERY_SIZE: delivery(
    'a delivery is larger than allowed, also unpacked; nothing was written (413)',
  ),
  EASGATE_DELIVERY_SLOW: delivery('the body of a delivery came too slowly; nothing was written (408)'),
  EASGATE_DELIVERY_RATE: delivery('a feed gets more deliveries than `maxPerMinute`; come again later (429)'),
  EASGATE_DELIVERY_BUSY: delivery(
    'too many deliveries wait, or the same one is under way; come again later (503)',
  ),
  EASGATE_DELIVERY_STANDBY: delivery(
    'another gateway of the fleet takes deliveries, or none yet; come again later, or ask a load balancer to follow `GET /receive` (503)',
  ),
  EASGATE_DELIVERY_STORE: delivery(
    'the directory cannot be written at the moment; nothing, or a part, was written: send the delivery again (503)',
  ),
  EASGATE_DELIVERY_DISK: delivery(
    'the folder of temporary files of the gateway is full, missing or not writable; its log names the folder (EASGATE_FEED_FAILED). Nothing was written: send the delivery again later (503)',
  ),
  EASGATE_DELIVERY_FAILED: delivery(
    'a bug of easgate: please report it with the log line; nothing, or a part, was written (500)',
  ),
  EASGATE_POLICY: command('the policy document has errors; each is listed with line and column'),
  EASGATE_POLICY_FILE: command(
    'the configuration names a policy file, so that no policy is published in the directory',
  ),
  EASGATE_NO_SHADOW: command('no policy runs in the shadow'),
  EASGATE_ROLLOUT: command(
    'a version of the policy is rolled out to a part of the users: finish or abandon the roll-out before the live policy is changed',
  ),
  EASGATE_NO_ROLLOUT: command('no version of the policy is rolled out to a part of the users'),
  EASGATE_ROLLOUT_EXTENT: command(
    'the groups and the share of a roll-out are not valid, or leave out users whom it reached before; the message says which',
  ),
  EASGATE_CONFIRM: command('the change was not confirmed; nothing was changed'),
  EASGATE_POLICY_FACTS: command(
    'the facts are not one JSON object per line, or a recorded request has none; the message says why',
  ),
  EASGATE_ADMIN_FILE: command(
    '`admin.file` cannot be opened or written, such as where the disk is full; the message or the log says why. Phones are not affected',
  ),
  EASGATE_ADMIN_LIMIT: command(
    'there are as many tokens as there may be; revoke some that are no longer used',
  ),
  EASGATE_CONTEXT: command(
    '`--context` is unknown, has no token, or its file cannot be used or can be read by others; the message says which',
  ),
  EASGATE_CONTEXT_AWAY: command(
    'the admin API of `--context` does not answer, something else answers there, or a gateway whose version has other answers: use its version of easgate',
  ),
  EASGATE_CONTEXT_COMMAND: command(
    'the command works on the machine of the gateway only, not with `--context`; docs/guide/admin.md lists those that do',
  ),
  EASGATE_ADMIN_OFF: command(
    '`admin.listen` is not set, so that there is neither an admin API nor a dashboard',
  ),
  EASGATE_ADMIN_NAME: command('the name of a token is empty, too long, or has control characters'),
  EASGATE_ADMIN_TOKEN: command('no token of the admin API has this id; `easgate tokens list` shows them'),
  EASGATE_ADMIN_EXISTS: command(
    'somebody is an admin already, so that no set-up link is made: that person creates tokens for others',
  ),
  EASGATE_NO_READ_MODEL: command(
    'the read model is not there yet: the control process is building it, or waits for the directory; `easgate status` shows it',
  ),
  EASGATE_WBXML: command('the input is not WBXML of Exchange ActiveSync, or not its XML form'),
  EASGATE_WBXML_HEADER: command('the document does not begin as WBXML 03 01 6A 00 (MS-ASWBXML 2.1)'),
  EASGATE_WBXML_LIMIT: command('the document exceeds the limits on size or depth'),
  EASGATE_WBXML_TEXT: command('a text of the document is not UTF-8'),
  EASGATE_WBXML_TOKEN: command('the document has a token that WBXML does not allow there'),
  EASGATE_WBXML_TRAILING: command('bytes follow the end of the document'),
  EASGATE_WBXML_TRUNCATED: command('the document ends too early'),
  EASGATE_WBXML_UNKNOWN_TAG: command('no code page lists this tag; `--unknown` keeps it'),
  EASGATE_WBXML_XML: command('the XML cannot be written as WBXML; the message shows where'),
  EASGATE_CONFIG: start(
    'the configuration has errors; each is listed with line, column and the expected value',
  ),
  EASGATE_TEMPLATE: start(
    'a text in `messages.templatesDir` has errors; each is listed with line and column',
  ),
  EASGATE_LISTEN: start(
    'the gateway cannot listen on an address: in use, not permitted, or not an address of this host; the message says what to do',
  ),
  EASGATE_REDIS: start(
    'Redis cannot be used: no answer, wrong password, TLS mismatch, not Redis, or a slot of the Cluster that is being moved or has no node; the message says which. If a command got no answer, look whether its change was made',
  ),
  EASGATE_ALREADY_RUNNING: start(
    'another gateway uses the same `workers.pidFile`; each gateway needs its own',
  ),
  EASGATE_STORE_UNINITIALISED: start('Redis has no directory yet: run `easgate store init` once'),
  EASGATE_STORE_MISSING: start(
    'the directory that this machine used is gone: restore it, or accept the current one (`easgate store accept`)',
  ),
  EASGATE_STORE_OTHER: start(
    'this is another directory than before: check `store.path`, `store.url` and `store.id`',
  ),
  EASGATE_STORE_EPOCH: start(
    'the directory is an old copy with a lower epoch; accept it with `easgate store accept`',
  ),
  EASGATE_STORE_ROLLED_BACK: start(
    'the directory lost more than `store.maxRollbackSeconds` of recent writes; accept it with `easgate store accept`',
  ),
  EASGATE_STORE_SCHEMA: start(
    'the directory was written by an earlier or later version of easgate; an earlier one is brought over with `easgate store migrate`',
  ),
  EASGATE_STORE_IN_USE: start('`easgate store migrate` found a running gateway: stop all gateways first'),
  EASGATE_STORE_STALE: start(
    'Redis is a replica that lost its primary, or accepts no writes and its beat counter stands still',
  ),
  EASGATE_STORE_MEMORY: start(
    '`store.identityFile` is damaged: remove it, then check `easgate store status`',
  ),
  EASGATE_STORE_FULL: start(
    'the disk of the SQLite file is full; the message says whether the change was written. Free space there',
  ),
  EASGATE_STORE_IO: start(
    'the disk of the SQLite file fails; the message says whether the change was written',
  ),
  EASGATE_STORE_BUSY: start('another process locks the SQLite file for too long'),
  EASGATE_STORE_DAMAGED: start('the SQLite file is damaged: restore a backup'),
  EASGATE_STORE_FILE: start(
    'the SQLite file cannot be opened or written, or was replaced; the message has its path and the remedy',
  ),
  EASGATE_STORE_REFUSED: start(
    'Redis refused the command (no memory, a replica, no permission, a key of another type, a slot that is being moved); nothing was written. The message says what to do',
  ),
  EASGATE_CORRUPT_RECORD: start(
    'a record of the directory was written by another program or a newer easgate',
  ),
  EASGATE_NODE: start('this Node.js is too old; the message says where to find a newer one'),
  EASGATE_FAILED: start(
    'any other failure, with the message of the system; also a worker that did not start',
  ),
} as const satisfies Record<string, ProgramErrorInfo>;

/** A code of {@link PROGRAM_ERRORS}. */
export type ProgramErrorCode = keyof typeof PROGRAM_ERRORS;

/** A failure that a person can fix: it has a code and needs no stack trace. */
export class ProgramError extends Error {
  readonly code: ProgramErrorCode | HttpErrorCode;
  constructor(code: ProgramErrorCode | HttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
