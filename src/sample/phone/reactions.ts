// Owns what each kind of mail app makes of each answer: one table, data only. docs/reference/protocol.md ("Phones") tells it in words.
// Sources: android = AOSP Exchange (EasOperation, EasPing, PingParser, AbstractSyncParser, FolderSyncParser,
// CommandStatusException); what it has no case for is a "generic error", which Android's SyncManager repeats after a pause.
// ios and outlook: no vendor has published a table. They do as MS-ASHTTP 2.2.2.1.1 and MS-ASCMD 2.2.2 tell a client to, and
// as Nachomail (AsHttpOperation) and TbSync do, which were written by these documents.
import type { EasCommand } from '../../eas/commands.ts';
import type { PhoneFamily } from './families.ts';

/** What is done about an answer. */
export type Reaction =
  /** Success: what the answer says is taken. */
  | 'goOn'
  /** "Not allowed", until the user pulls down the list. */
  | 'deny'
  /** The user is asked for the password. */
  | 'password'
  /** Provision, then the same again. */
  | 'provision'
  /** Provision, to be told of the wipe. */
  | 'wipe'
  /** Says what the device is, then the same again. */
  | 'describe'
  /** The same again after Retry-After, or growing pauses. */
  | 'wait'
  /** After a pause, beginning with the folders. */
  | 'waitForFolders'
  /** Drops the mailbox, and asks for it anew. */
  | 'startOver'
  /** Drops the folder, and asks for it anew. */
  | 'startFolderOver'
  /** FolderSync with the key it has. */
  | 'askFolders'
  /** The same at once. */
  | 'again'
  /** The same at once, with everything in it. */
  | 'sendAll'
  /** The same at once, within the limit that the answer names. */
  | 'takeLimit'
  /** No more polls until the user pulls down the list. */
  | 'stopPush'
  /** An error that repeating does not cure: until the user pulls down the list. */
  | 'giveUp'
  /** Goes to the server of X-MS-Location. */
  | 'move'
  /** Looks for the server once more. */
  | 'rediscover'
  /** "The mailbox is full"; the same again after a pause. */
  | 'full'
  /** "The account is locked." */
  | 'locked'
  /** "The password has expired." */
  | 'expired';

/** What all kinds make of one answer: `HTTP 403`, `status 129` (of any command), or `Ping 7` (of this command alone). */
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
  // AOSP: isTransientError; others synchronise anew.
  row('status 132', 'startOver', 'wait'),
  row('status 133', 'startOver', 'wait'),
  row('status 134', 'startOver'),
  row('status 135', 'startOver', 'wait'),
  row('status 136', 'startOver'),
  ...rows('status', [137, 138], 'giveUp', 'wait'),
  row('status 140', 'wipe'),
  ...rows('status', [142, 143, 144], 'provision', 'provision'),
  ...rows('status', [145, 147, 148], 'giveUp', 'wait'),
  // InvalidStoredRequest: the server forgot what an empty request stands for.
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
  // A denial in a Ping is an authentication error to AOSP: the user is asked for a password that was right.
  ...rows('Ping', DENIED, 'deny', 'password'),
  // AOSP pings no more: nothing of a Ping's answer leads it to Provision.
  row('Ping 140', 'wipe', 'stopPush'),
  ...rows('Ping', [142, 143, 144], 'provision', 'stopPush'),
];

/** MS-ASCMD 2.2.3.177.17. AOSP: AbstractSyncParser.parse; its IOException is a generic error. */
const SYNC: readonly ReactionRow[] = [
  row('Sync 3', 'startFolderOver'),
  row('Sync 4', 'giveUp', 'wait'),
  row('Sync 5', 'wait'),
  row('Sync 6', 'goOn', 'wait'),
  // A conflict concerns one item: the server's version has won.
  row('Sync 7', 'goOn'),
  // AOSP has yet to write reloadFolderList; what follows the pause is a full sync, folders first.
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
/** What is in no row: errors of servers pass, those of clients do not; and AOSP's generic error. */
const CLIENT_ERROR = row('', 'giveUp', 'wait').reactions;

/** What is done about an answer; `status` = the one of the command, or of its only collection; null = none in it. */
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
