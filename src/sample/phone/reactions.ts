// Owns the reactions of each kind of mail app to each answer, as one table. docs/reference/protocol.md ("Phones")
// explains it.
// Sources: android = AOSP Exchange (EasOperation, EasPing, PingParser, AbstractSyncParser, FolderSyncParser,
// CommandStatusException); unhandled answers are a "generic error", which Android's SyncManager retries after a pause.
// ios and outlook: no vendor has published a table. They follow MS-ASHTTP 2.2.2.1.1 and MS-ASCMD 2.2.2, like Nachomail
// (AsHttpOperation) and TbSync.
import type { EasCommand } from '../../eas/commands.ts';
import type { PhoneFamily } from './families.ts';

/** A reaction to an answer. */
export type Reaction =
  /** Success: process the answer. */
  | 'goOn'
  /** "Not allowed", until the user pulls to refresh. */
  | 'deny'
  /** Ask the user for the password. */
  | 'password'
  /** Run Provision, then repeat. */
  | 'provision'
  /** Run Provision to receive the wipe order. */
  | 'wipe'
  /** Send the device information, then repeat. */
  | 'describe'
  /** Repeat after Retry-After, or after growing pauses. */
  | 'wait'
  /** Start with the folders after a pause. */
  | 'waitForFolders'
  /** Drop the mailbox and synchronise again. */
  | 'startOver'
  /** Drop the folder and synchronise it again. */
  | 'startFolderOver'
  /** Run FolderSync with the current key. */
  | 'askFolders'
  /** Repeat at once. */
  | 'again'
  /** Repeat at once with all parameters. */
  | 'sendAll'
  /** Repeat at once within the limit in the answer. */
  | 'takeLimit'
  /** Stop polling until the user pulls to refresh. */
  | 'stopPush'
  /** Give up until the user pulls to refresh. */
  | 'giveUp'
  /** Switch to the server of X-MS-Location. */
  | 'move'
  /** Search for the server again. */
  | 'rediscover'
  /** "The mailbox is full"; repeat after a pause. */
  | 'full'
  /** "The account is locked." */
  | 'locked'
  /** "The password has expired." */
  | 'expired';

/** The reactions to one answer: `HTTP 403`, `status 129` (any command), or `Ping 7` (this command). */
export interface ReactionRow {
  readonly answer: string;
  readonly reactions: Readonly<Record<PhoneFamily, Reaction>>;
}

const row = (
  answer: string,
  ios: Reaction,
  android: Reaction = ios,
  outlook: Reaction = ios,
): ReactionRow => ({
  answer,
  reactions: { ios, android, outlook },
});

const rows = (
  command: string,
  statuses: readonly number[],
  ios: Reaction,
  android: Reaction,
): ReactionRow[] => statuses.map((status) => row(`${command} ${status}`, ios, android));

/** MS-ASHTTP 2.2.2.1.1. AOSP knows 401, 403, 449 and 451; all others are generic errors to it. */
const HTTP: readonly ReactionRow[] = [
  row('HTTP 400', 'giveUp', 'wait'),
  row('HTTP 401', 'password'),
  // AOSP: EasResponse.isProvisionError is 449 or 403.
  row('HTTP 403', 'deny', 'provision'),
  row('HTTP 404', 'giveUp', 'wait'),
  row('HTTP 449', 'provision'),
  row('HTTP 451', 'move'),
  // Autodiscover of Exchange Online.
  row('HTTP 456', 'locked', 'wait'),
  row('HTTP 457', 'expired', 'wait'),
  // MS-ASHTTP: "the client SHOULD run Autodiscover"; Nachomail does.
  row('HTTP 500', 'rediscover', 'wait'),
  row('HTTP 501', 'giveUp', 'wait'),
  row('HTTP 502', 'wait'),
  row('HTTP 503', 'wait'),
  row('HTTP 505', 'giveUp', 'wait'),
  row('HTTP 507', 'full', 'wait'),
];

/** CommandStatus.isDeniedAccess of AOSP; "client denied" in Nachomail and TbSync. */
export const DENIED: readonly number[] = [126, 127, 128, 129, 130, 131, 139, 141, 177];

/** Of any command (MS-ASCMD 2.2.2). */
const COMMON: readonly ReactionRow[] = [
  // "The client SHOULD NOT retry."
  row('status 110', 'giveUp', 'wait'),
  row('status 111', 'wait'),
  row('status 113', 'full', 'wait'),
  ...rows('status', DENIED, 'deny', 'deny'),
  // AOSP: isTransientError; others synchronise from the beginning.
  row('status 132', 'startOver', 'wait'),
  row('status 133', 'startOver', 'wait'),
  row('status 134', 'startOver'),
  row('status 135', 'startOver', 'wait'),
  row('status 136', 'startOver'),
  ...rows('status', [137, 138], 'giveUp', 'wait'),
  row('status 140', 'wipe'),
  ...rows('status', [142, 143, 144], 'provision', 'provision'),
  ...rows('status', [145, 147, 148], 'giveUp', 'wait'),
  // InvalidStoredRequest: the server forgot the parameters of an empty request.
  row('status 149', 'sendAll', 'wait'),
  // DeviceInformationRequired: TbSync sends it within Provision.
  row('status 165', 'describe', 'wait'),
];

/** MS-ASCMD 2.2.3.177.11. AOSP: PingParser.shouldPingAgain. */
const PING: readonly ReactionRow[] = [
  row('Ping 2', 'goOn'),
  row('Ping 3', 'sendAll', 'again'),
  row('Ping 4', 'stopPush', 'again'),
  row('Ping 5', 'takeLimit'),
  row('Ping 6', 'takeLimit', 'stopPush'),
  row('Ping 7', 'askFolders'),
  row('Ping 8', 'wait', 'again'),
  row('Ping 111', 'wait', 'again'),
  // AOSP treats a denial in a Ping as an authentication error and asks for a password that was right.
  ...rows('Ping', DENIED, 'deny', 'password'),
  // AOSP stops pinging: no Ping answer makes it run Provision.
  row('Ping 140', 'wipe', 'stopPush'),
  ...rows('Ping', [142, 143, 144], 'provision', 'stopPush'),
];

/** MS-ASCMD 2.2.3.177.17. AOSP: AbstractSyncParser.parse; its IOException is a generic error. */
const SYNC: readonly ReactionRow[] = [
  row('Sync 3', 'startFolderOver'),
  row('Sync 4', 'giveUp', 'wait'),
  row('Sync 5', 'wait'),
  row('Sync 6', 'goOn', 'wait'),
  // A conflict concerns one item; the server's version won.
  row('Sync 7', 'goOn'),
  // AOSP has not implemented reloadFolderList; after the pause a full sync follows, folders first.
  row('Sync 8', 'askFolders', 'waitForFolders'),
  row('Sync 9', 'full', 'wait'),
  row('Sync 12', 'askFolders', 'waitForFolders'),
  row('Sync 13', 'sendAll', 'wait'),
  row('Sync 14', 'takeLimit', 'wait'),
  row('Sync 15', 'wait'),
  // "Resend the request."
  row('Sync 16', 'again', 'wait'),
  // AOSP: CommandStatus.isBadSyncKey, for the folder at hand.
  row('Sync 134', 'startOver', 'startFolderOver'),
  row('Sync 136', 'startOver', 'startFolderOver'),
];

/** MS-ASCMD 2.2.3.177.4. AOSP: FolderSyncParser.parse. */
const FOLDER_SYNC: readonly ReactionRow[] = [
  row('FolderSync 6', 'wait'),
  row('FolderSync 9', 'startOver'),
  row('FolderSync 10', 'giveUp', 'wait'),
  row('FolderSync 11', 'wait'),
  // "Retry; if it fails again, return to a key of 0."
  row('FolderSync 12', 'startOver', 'wait'),
];

/** MS-ASPROV 2.2.2.54.2. */
const PROVISION: readonly ReactionRow[] = [row('Provision 2', 'giveUp', 'wait'), row('Provision 3', 'wait')];

/** The whole table. */
export const REACTIONS: readonly ReactionRow[] = [
  ...HTTP,
  ...COMMON,
  ...PING,
  ...SYNC,
  ...FOLDER_SYNC,
  ...PROVISION,
];

const BY_ANSWER: ReadonlyMap<string, ReactionRow> = new Map(REACTIONS.map((one) => [one.answer, one]));
/** Default: server errors are retried, client errors are not; AOSP: generic error. */
const CLIENT_ERROR = row('', 'giveUp', 'wait').reactions;

/** The reaction to an answer; `status` = of the command, or of its only collection; null = none. */
export function reactionTo(
  family: PhoneFamily,
  command: EasCommand | 'OPTIONS',
  http: number,
  status: string | null,
): Reaction {
  const find = (answer: string): Reaction | undefined => BY_ANSWER.get(answer)?.reactions[family];
  if (http !== 200) return find(`HTTP ${http}`) ?? (http >= 500 ? 'wait' : CLIENT_ERROR[family]);
  if (status === null || status === '1') return 'goOn';
  return find(`${command} ${status}`) ?? find(`status ${status}`) ?? CLIENT_ERROR[family];
}
