// Owns the EAS command names, their base64 codes, and what a request of each may carry. Pure.

/** The 20 commands of MS-ASHTTP 2.2.1.1.1.1.2 and the four plain-only names of 2.5 to 12.1 (codes 5-8 are unassigned). */
export type EasCommand =
  | 'Sync'
  | 'SendMail'
  | 'SmartForward'
  | 'SmartReply'
  | 'GetAttachment'
  | 'GetHierarchy'
  | 'CreateCollection'
  | 'DeleteCollection'
  | 'MoveCollection'
  | 'FolderSync'
  | 'FolderCreate'
  | 'FolderDelete'
  | 'FolderUpdate'
  | 'MoveItems'
  | 'GetItemEstimate'
  | 'MeetingResponse'
  | 'Search'
  | 'Settings'
  | 'Ping'
  | 'ItemOperations'
  | 'Provision'
  | 'ResolveRecipients'
  | 'ValidateCert'
  | 'Find';

/** What one command looks like on the wire. */
export interface CommandInfo {
  readonly name: EasCommand;
  /** Base64 query code; -1 = has none. */
  readonly code: number;
  /** WBXML code page and token of the root element of a request; -1 = no WBXML body. */
  readonly page: number;
  readonly token: number;
  /** A request without a body is legal (MS-ASHTTP 2.2.1.1.3: cached Ping and Sync; GetAttachment). */
  readonly emptyBody: boolean;
  /** message/rfc822 bodies up to protocol version 12.1. */
  readonly rfc822: boolean;
}

const row = (
  name: EasCommand,
  code: number,
  page: number,
  token: number,
  emptyBody = false,
  rfc822 = false,
): CommandInfo => ({ name, code, page, token, emptyBody, rfc822 });

const TABLE: readonly CommandInfo[] = [
  row('Sync', 0, 0, 0x05, true),
  row('SendMail', 1, 21, 0x05, false, true),
  row('SmartForward', 2, 21, 0x06, false, true),
  row('SmartReply', 3, 21, 0x07, false, true),
  row('GetAttachment', 4, -1, -1, true),
  row('GetHierarchy', -1, -1, -1, true),
  row('CreateCollection', -1, -1, -1, true),
  row('DeleteCollection', -1, -1, -1, true),
  row('MoveCollection', -1, -1, -1, true),
  row('FolderSync', 9, 7, 0x16),
  row('FolderCreate', 10, 7, 0x13),
  row('FolderDelete', 11, 7, 0x14),
  row('FolderUpdate', 12, 7, 0x15),
  row('MoveItems', 13, 5, 0x05),
  row('GetItemEstimate', 14, 6, 0x05),
  row('MeetingResponse', 15, 8, 0x07),
  row('Search', 16, 15, 0x05),
  row('Settings', 17, 18, 0x05),
  row('Ping', 18, 13, 0x05, true),
  row('ItemOperations', 19, 20, 0x05),
  row('Provision', 20, 14, 0x05),
  row('ResolveRecipients', 21, 10, 0x05),
  row('ValidateCert', 22, 11, 0x05),
  row('Find', 23, 25, 0x05),
];

const BY_NAME: ReadonlyMap<string, CommandInfo> = new Map(TABLE.map((info) => [info.name, info]));
const BY_CODE: readonly (CommandInfo | undefined)[] = Array.from({ length: 24 }, (_, code) =>
  TABLE.find((info) => info.code === code),
);

/** The command of exactly this name, or undefined. */
export function commandByName(name: string): CommandInfo | undefined {
  return BY_NAME.get(name);
}

/** The command of a base64 query's code byte, or undefined. */
export function commandByCode(code: number): CommandInfo | undefined {
  return BY_CODE[code];
}

/** All commands. */
export function allCommands(): readonly CommandInfo[] {
  return TABLE;
}

const SENDS_MAIL: ReadonlySet<EasCommand> = new Set<EasCommand>(['SendMail', 'SmartForward', 'SmartReply']);

/** Whether a request of this command is a mail to be sent. */
export function sendsMail(command: EasCommand): boolean {
  return SENDS_MAIL.has(command);
}

/** Commands whose request may carry a whole mail, attachments included. */
const CARRIES_MAIL: ReadonlySet<EasCommand> = new Set<EasCommand>([
  ...SENDS_MAIL,
  // From 16.0 on drafts and calendar attachments are uploaded in a Sync (MS-ASCMD 2.2.1.21).
  'Sync',
]);

/** Whether a request of this command may be as large as a mail. */
export function carriesMail(command: EasCommand): boolean {
  return CARRIES_MAIL.has(command);
}
