// Owns the EAS command names, their base64 codes, and the bodies their requests may have. Pure.
import { findTag } from './wbxml/code-pages.ts';
import type { Namespace } from './wbxml/code-pages.ts';

/**
 * The 20 commands of MS-ASHTTP 2.2.1.1.1.1.2, and the four of 2.5 to 12.1 that exist in the plain form only (codes 5-8
 * are unassigned).
 */
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

/** The wire format of one command. */
export interface CommandInfo {
  readonly name: EasCommand;
  /** Code in base64 queries; -1 = none. */
  readonly code: number;
  /** Namespace of the root element, which is named like the command; null = no WBXML body. */
  readonly namespace: Namespace | null;
  /** WBXML code page and token of the root element of a request; -1 = no WBXML body. */
  readonly page: number;
  readonly token: number;
  /** A request without a body is legal (MS-ASHTTP 2.2.1.1.3: cached Ping and Sync; GetAttachment). */
  readonly emptyBody: boolean;
  /** message/rfc822 bodies up to protocol version 12.1. */
  readonly rfc822: boolean;
}

const NO_BODY = { page: -1, token: -1 };

function row(
  name: EasCommand,
  code: number,
  namespace: Namespace | null,
  emptyBody = false,
  rfc822 = false,
): CommandInfo {
  const place = namespace === null ? NO_BODY : findTag(namespace, name);
  if (place === undefined) throw new RangeError(`no code page has ${namespace}:${name}`);
  return { name, code, namespace, page: place.page, token: place.token, emptyBody, rfc822 };
}

const TABLE: readonly CommandInfo[] = [
  row('Sync', 0, 'AirSync', true),
  row('SendMail', 1, 'ComposeMail', false, true),
  row('SmartForward', 2, 'ComposeMail', false, true),
  row('SmartReply', 3, 'ComposeMail', false, true),
  row('GetAttachment', 4, null, true),
  row('GetHierarchy', -1, null, true),
  row('CreateCollection', -1, null, true),
  row('DeleteCollection', -1, null, true),
  row('MoveCollection', -1, null, true),
  row('FolderSync', 9, 'FolderHierarchy'),
  row('FolderCreate', 10, 'FolderHierarchy'),
  row('FolderDelete', 11, 'FolderHierarchy'),
  row('FolderUpdate', 12, 'FolderHierarchy'),
  row('MoveItems', 13, 'Move'),
  row('GetItemEstimate', 14, 'GetItemEstimate'),
  row('MeetingResponse', 15, 'MeetingResponse'),
  row('Search', 16, 'Search'),
  row('Settings', 17, 'Settings'),
  row('Ping', 18, 'Ping', true),
  row('ItemOperations', 19, 'ItemOperations'),
  row('Provision', 20, 'Provision'),
  row('ResolveRecipients', 21, 'ResolveRecipients'),
  row('ValidateCert', 22, 'ValidateCert'),
  row('Find', 23, 'Find'),
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

/** Whether the command sends a mail. */
export function sendsMail(command: EasCommand): boolean {
  return SENDS_MAIL.has(command);
}

/** Commands whose request may contain a whole mail with attachments. */
const CARRIES_MAIL: ReadonlySet<EasCommand> = new Set<EasCommand>([
  ...SENDS_MAIL,
  // From 16.0 on drafts and calendar attachments are uploaded in a Sync (MS-ASCMD 2.2.1.21).
  'Sync',
]);

/** Whether a request of this command may be as large as a mail. */
export function carriesMail(command: EasCommand): boolean {
  return CARRIES_MAIL.has(command);
}

/** Commands whose repetition changes nothing at the server; never SendMail, SmartReply, MoveItems, MeetingResponse. */
const REPEATABLE: ReadonlySet<EasCommand> = new Set<EasCommand>([
  'FolderSync',
  'GetItemEstimate',
  'GetAttachment',
  'Ping',
  'ResolveRecipients',
  'Search',
  'ValidateCert',
]);

/** Whether a request may be sent a second time after its connection failed before any response byte; null = OPTIONS. */
export function isRepeatable(command: EasCommand | null): boolean {
  return command === null || REPEATABLE.has(command);
}
