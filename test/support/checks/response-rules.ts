// Owns the element rules of EAS responses as data (MS-ASCMD 6, response schemas), and the check of a document against them.
import { expect } from 'vitest';
import type { RefusedCommand } from '../../../src/eas/refusals.ts';
import { decodeWbxml } from '../../../src/eas/wbxml/decode.ts';
import { isElement, textOf } from '../../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../../src/eas/wbxml/element.ts';

/**
 * The children of each element: names in order, each once, or `?` at most once, `*` any number, `+` at least one. `&` in
 * front: in any order; `|` in front: any number of any of them, and at least one. A name of another namespace carries it.
 * Keys are the element, or `parent/element` where that makes a difference. An element without a rule holds a text, or nothing.
 */
interface ResponseRules {
  readonly namespace: string;
  readonly rules: Readonly<Record<string, string>>;
}

/** Elements of an e-mail; {@link checkVersion} has those of each version. */
const MESSAGE =
  '& Email:To Email:From Email:Subject Email:DateReceived Email:DisplayTo? Email:ThreadTopic? Email:Importance? ' +
  'Email:Read? Email:MessageClass Email:InternetCPID? Email:ContentClass? Email2:ConversationId? AirSyncBase:Body? ' +
  'AirSyncBase:NativeBodyType? Email:Body? Email:BodySize? Email:BodyTruncated? Email:MIMEData? Email:MIMESize? ' +
  'Email:MIMETruncated?';
const BODY = 'Type EstimatedDataSize? Truncated? Data? Preview?';
const STATUS_ONLY = { namespace: 'ComposeMail', rules: {} };

/** By command. */
export const RESPONSE_RULES: Readonly<Record<string, ResponseRules>> = {
  Sync: {
    namespace: 'AirSync',
    rules: {
      Sync: 'Status? Limit? Collections?',
      Collections: 'Collection+',
      Collection: 'Class? SyncKey CollectionId Status MoreAvailable? Commands? Responses?',
      Commands: '| Add Change Delete SoftDelete',
      'Commands/Add': 'ServerId ApplicationData',
      'Commands/Change': 'Class? ServerId ApplicationData?',
      'Commands/Delete': 'Class? ServerId',
      'Commands/SoftDelete': 'ServerId',
      Responses: '| Add Change Fetch Delete',
      'Responses/Add': 'Class? ClientId ServerId? Status',
      'Responses/Change': 'Class? ServerId Status',
      'Responses/Fetch': 'ServerId? Status ApplicationData?',
      'Responses/Delete': 'ServerId Status',
      ApplicationData: MESSAGE,
      'AirSyncBase:Body': BODY,
    },
  },
  SendMail: { ...STATUS_ONLY, rules: { SendMail: 'Status' } },
  SmartForward: { ...STATUS_ONLY, rules: { SmartForward: 'Status' } },
  SmartReply: { ...STATUS_ONLY, rules: { SmartReply: 'Status' } },
  FolderSync: {
    namespace: 'FolderHierarchy',
    rules: {
      FolderSync: 'Status SyncKey? Changes?',
      Changes: 'Count? Update* Delete* Add*',
      Update: 'ServerId ParentId DisplayName Type',
      Delete: 'ServerId',
      Add: 'ServerId ParentId DisplayName Type',
    },
  },
  FolderCreate: { namespace: 'FolderHierarchy', rules: { FolderCreate: 'Status SyncKey? ServerId?' } },
  FolderDelete: { namespace: 'FolderHierarchy', rules: { FolderDelete: 'Status SyncKey?' } },
  FolderUpdate: { namespace: 'FolderHierarchy', rules: { FolderUpdate: 'Status SyncKey?' } },
  MoveItems: {
    namespace: 'Move',
    rules: { MoveItems: 'Status? Response*', Response: 'SrcMsgId Status DstMsgId?' },
  },
  GetItemEstimate: {
    namespace: 'GetItemEstimate',
    rules: {
      GetItemEstimate: 'Status? Response*',
      Response: 'Status Collection?',
      Collection: 'Class? CollectionId Estimate?',
    },
  },
  MeetingResponse: {
    namespace: 'MeetingResponse',
    rules: { MeetingResponse: 'Result+', Result: 'RequestId? Status CalendarId? InstanceId?' },
  },
  Search: {
    namespace: 'Search',
    rules: {
      Search: 'Status? Response?',
      Response: 'Store',
      Store: 'Status Result* Range? Total?',
      Result: 'AirSync:Class? LongId? AirSync:CollectionId? Properties?',
      Properties: MESSAGE,
      'AirSyncBase:Body': BODY,
    },
  },
  Settings: {
    namespace: 'Settings',
    rules: {
      Settings:
        '& Status Oof? DeviceInformation? DevicePassword? UserInformation? RightsManagementInformation?',
      Oof: '& Status Get?',
      'Oof/Get': 'OofState? StartTime? EndTime? OofMessage*',
      DeviceInformation: 'Status',
      DevicePassword: 'Status',
      UserInformation: '& Status Get?',
      'UserInformation/Get': '& EmailAddresses? Accounts?',
      EmailAddresses: 'SMTPAddress* PrimarySmtpAddress?',
      Accounts: 'Account*',
      Account: '& AccountId? AccountName? UserDisplayName? SendDisabled? EmailAddresses?',
      RightsManagementInformation: '& Status Get',
      'RightsManagementInformation/Get': 'RightsManagement:RightsManagementTemplates',
      'RightsManagement:RightsManagementTemplates': 'RightsManagementTemplate*',
    },
  },
  Ping: {
    namespace: 'Ping',
    rules: { Ping: 'Status Folders? MaxFolders? HeartbeatInterval?', Folders: 'Folder+' },
  },
  ItemOperations: {
    namespace: 'ItemOperations',
    rules: {
      ItemOperations: 'Status Response?',
      Response: 'Move* EmptyFolderContents* Fetch*',
      Move: '& Status ConversationId',
      EmptyFolderContents: 'Status AirSync:CollectionId',
      Fetch:
        'Status AirSync:CollectionId? AirSync:ServerId? Search:LongId? AirSync:Class? DocumentLibrary:LinkId? ' +
        'AirSyncBase:FileReference? Properties?',
      Properties: MESSAGE,
      'AirSyncBase:Body': BODY,
    },
  },
  Provision: {
    namespace: 'Provision',
    rules: {
      Provision: 'Settings:DeviceInformation? Status Policies? RemoteWipe? AccountOnlyRemoteWipe?',
      'Settings:DeviceInformation': 'Status',
      Policies: 'Policy',
      Policy: 'PolicyType Status PolicyKey? Data?',
    },
  },
  ResolveRecipients: {
    namespace: 'ResolveRecipients',
    rules: {
      ResolveRecipients: 'Status Response*',
      Response: 'To Status RecipientCount? Recipient*',
      Recipient: 'Type DisplayName EmailAddress Availability? Certificates? Picture*',
    },
  },
  ValidateCert: {
    namespace: 'ValidateCert',
    rules: { ValidateCert: 'Status Certificate*', Certificate: 'Status*' },
  },
  Find: {
    namespace: 'Find',
    rules: {
      Find: 'Status Response?',
      Response: '& ItemOperations:Store Status Result* Range? Total?',
      Result: 'AirSync:Class AirSync:ServerId AirSync:CollectionId Properties',
    },
  },
};

/**
 * Text contents by element name, anywhere: numbers, and ids of at most 64 characters (MS-ASCMD 2.2.3.30, 2.2.3.166, 2.2.3.181).
 * A SyncKey and the source of a move are never empty.
 */
const NUMBER = /^[0-9]{1,10}$/;
const KEY = /^.{1,64}$/su;
const ID = /^.{0,64}$/su;
const TEXTS: Readonly<Record<string, RegExp>> = {
  Status: /^[0-9]{1,3}$/,
  Count: NUMBER,
  Limit: NUMBER,
  Estimate: NUMBER,
  Total: NUMBER,
  RecipientCount: NUMBER,
  HeartbeatInterval: NUMBER,
  PolicyKey: NUMBER,
  Type: NUMBER,
  EstimatedDataSize: NUMBER,
  SyncKey: KEY,
  CollectionId: ID,
  SrcMsgId: KEY,
  ServerId: ID,
  ClientId: ID,
  To: /^.{0,256}$/su,
};

/** Options of a check. */
export interface ResponseContext {
  /** Protocol version; null = any. */
  readonly version: string | null;
  /** `any`: items of all kinds, as on real servers. */
  readonly items?: 'message' | 'any';
}

/** Checks a whole document against the rules of its command. */
export function checkResponse(command: string, root: WbxmlElement, context: ResponseContext): void {
  const of = RESPONSE_RULES[command];
  if (of === undefined) throw new Error(`${command} has no WBXML reply`);
  must(root.namespace === of.namespace && root.name === command, `${root.namespace}:${root.name}`);
  checkElement(of, root, '', context);
  if (command === 'Sync') {
    // The schema requires Limit or Collections; an empty root element has neither.
    const names = root.children.filter(isElement).map(({ name }) => name);
    must(names.length > 0, 'an empty Sync');
    must(!(names.includes('Limit') && names.includes('Collections')), 'Limit and Collections');
  }
  if (command === 'FolderSync') checkHierarchy(root);
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`against the rules of responses: ${what}`);
}

function checkElement(of: ResponseRules, node: WbxmlElement, parent: string, context: ResponseContext): void {
  const path = `${parent}/${node.name}`;
  const rule =
    of.rules[path] ??
    of.rules[`${node.namespace}:${node.name}`] ??
    (node.namespace === of.namespace ? of.rules[node.name] : undefined);
  if (context.version !== null) checkVersion(node, path, Number(context.version));
  if (rule === undefined) {
    // A policy is a separate document (MS-ASPROV 2.2.2.27).
    if (path !== 'Policy/Data') checkText(node, path);
    return;
  }
  if (rule === MESSAGE && context.items === 'any') return;
  must(node.children.every(isElement), `text in ${path}`);
  const children = node.children.filter(isElement);
  const names = children.map(({ namespace, name }) =>
    namespace === node.namespace ? name : `${namespace}:${name}`,
  );
  checkChildren(rule, names, path);
  for (const inner of children) checkElement(of, inner, node.name, context);
}

function checkText(node: WbxmlElement, path: string): void {
  must(!node.children.some(isElement), `elements in ${path}`);
  must(node.children.length < 2, `several texts in ${path}`);
  const text = textOf(node) ?? '';
  must(TEXTS[node.name]?.test(text) ?? true, `${path} of ${JSON.stringify(text)}`);
}

function checkChildren(rule: string, names: readonly string[], path: string): void {
  const [mode = '', ...rest] = rule.split(' ');
  if (mode === '|') {
    must(names.length > 0, `an empty ${path}`);
    for (const name of names) must(rest.includes(name), `${name} in ${path}`);
    return;
  }
  const parts = (mode === '&' ? rest : [mode, ...rest]).map((part) => {
    const mark = /[?*+]$/.exec(part)?.[0] ?? '';
    return { name: mark === '' ? part : part.slice(0, -1), mark };
  });
  for (const name of names)
    must(
      parts.some((part) => part.name === name),
      `${name} in ${path}`,
    );
  for (const { name, mark } of parts) {
    const count = names.filter((one) => one === name).length;
    if (mark === '' || mark === '+') must(count > 0, `no ${name} in ${path}`);
    if (mark === '' || mark === '?') must(count < 2, `${count} times ${name} in ${path}`);
  }
  if (mode === '&') return;
  const places = names.map((name) => parts.findIndex((part) => part.name === name));
  const ordered = places.every((place, index) => index === 0 || (places[index - 1] ?? 0) <= place);
  must(ordered, `the order ${names.join(' ')} in ${path}`);
}

/** Elements that a version does not have (MS-ASCMD 2.2.3.27.5; MS-ASAIRS 2.2.2; MS-ASEMAIL 2.2.2). */
function checkVersion({ namespace, name }: WbxmlElement, path: string, version: number): void {
  const since = (first: number): void => must(version >= first, `${path} in ${version}`);
  // The reply repeats the attachment name of the request.
  if (namespace === 'AirSyncBase' && path !== 'Fetch/FileReference') since(12);
  if (namespace === 'Email2' || path === 'Body/Preview') since(14);
  if (path === 'Provision/DeviceInformation' || path === 'Get/Accounts') since(14.1);
  if (path === 'Collection/Class') must(version < 14, `${path} in ${version}`);
  if (namespace === 'Email' && ['Body', 'BodySize', 'BodyTruncated', 'MIMEData'].includes(name))
    must(version === 2.5, `${path} in ${version}`);
}

/** A success has a key, the changes and their number (MS-ASCMD 2.2.3.37); a failure has none of them. */
function checkHierarchy(root: WbxmlElement): void {
  const find = (name: string) => root.children.filter(isElement).find((one) => one.name === name);
  const good = textOf(find('Status')) === '1';
  must((find('SyncKey') !== undefined) === good, 'a key without success, or success without a key');
  const changes = find('Changes')?.children.filter(isElement) ?? [];
  const count = changes.find(({ name }) => name === 'Count');
  must(count === undefined || Number(textOf(count)) === changes.length - 1, 'a wrong Count');
}

/** Every Status text of a refusal, after a check that the refusal follows the rules and has no other content. */
export function statusesByRule(command: RefusedCommand, body: Buffer): string[] {
  const root = decodeWbxml(body);
  checkResponse(command, root, { version: null });
  const found: string[] = [];
  const walk = (node: WbxmlElement): void => {
    if (node.name === 'Status') found.push(textOf(node) ?? '');
    else expect([command, 'Result']).toContain(node.name);
    for (const content of node.children) if (isElement(content)) walk(content);
  };
  walk(root);
  return found;
}
