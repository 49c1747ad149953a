// Owns the section of docs/reference/answers.md about the quarantine mailbox, generated from sample requests and their
// answers. Pure.
import { isElement, textOf } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { decodeWbxml } from '../eas/wbxml/decode.ts';
import { fromXml } from '../eas/wbxml/xml.ts';
import type { EasCommand } from '../eas/commands.ts';
import { INBOX } from './folders.ts';
import { FRESH, KeyMint } from './keys.ts';
import { answerMailbox } from './mailbox.ts';
import { noticeId } from './message.ts';
import type { MailboxAnswer, MailboxNotice } from './mailbox-types.ts';

const VERSIONS = ['2.5', '12.1', '14.0', '14.1', '16.1'] as const;
type Version = (typeof VERSIONS)[number];

const NOTICE: MailboxNotice = {
  fingerprint: 'example',
  subject: 'Subject',
  fromName: 'Name',
  fromAddress: 'from@example.com',
  toName: 'User',
  toAddress: 'to@example.com',
  date: '2026-01-01T00:00:00.000Z',
  text: 'Text',
  html: '<p>Text</p>',
  mime: Buffer.from('Subject: Subject\r\n\r\nText'),
};
const KEYS = new KeyMint(Buffer.alloc(32), 'user', 'device');
const HIERARCHY = KEYS.hierarchyKey();
const FIRST_KEY = KEYS.folderKey(INBOX, { ...FRESH, counter: 1 });
const MESSAGE = noticeId(NOTICE);

/** One sample request. */
interface Case {
  readonly command: EasCommand;
  readonly asks: string;
  /** Null = no body. */
  readonly xml: string | null;
  /** First version that has the command. */
  readonly from?: Version;
  readonly to?: Version;
}

function sync(inner: string): string {
  return `<Sync xmlns="AirSync:"><Collections><Collection>${inner}</Collection></Collections></Sync>`;
}

function inbox(key: string, more = ''): string {
  return sync(`<SyncKey>${key}</SyncKey><CollectionId>${INBOX}</CollectionId>${more}`);
}

function folders(command: string, key: string): string {
  return `<${command} xmlns="FolderHierarchy:"><SyncKey>${key}</SyncKey></${command}>`;
}

function ping(folder: string, seconds: number): string {
  return (
    `<Ping xmlns="Ping:"><HeartbeatInterval>${seconds}</HeartbeatInterval>` +
    `<Folders><Folder><Id>${folder}</Id><Class>Email</Class></Folder></Folders></Ping>`
  );
}

function fetch(inner: string): string {
  return `<ItemOperations xmlns="ItemOperations:"><Fetch><Store>Mailbox</Store>${inner}</Fetch></ItemOperations>`;
}

function move(message: string, target: string): string {
  return (
    `<MoveItems xmlns="Move:"><Move><SrcMsgId>${message}</SrcMsgId><SrcFldId>${INBOX}</SrcFldId>` +
    `<DstFldId>${target}</DstFldId></Move></MoveItems>`
  );
}

function estimate(id: string, key: string): string {
  const collection = `<Collection><SyncKey xmlns="AirSync:">${key}</SyncKey><CollectionId>${id}</CollectionId></Collection>`;
  return `<GetItemEstimate xmlns="GetItemEstimate:"><Collections>${collection}</Collections></GetItemEstimate>`;
}

function provision(inner: string): string {
  return (
    '<Provision xmlns="Provision:"><Policies><Policy><PolicyType>MS-EAS-Provisioning-WBXML</PolicyType>' +
    `${inner}</Policy></Policies></Provision>`
  );
}

function settings(inner: string): string {
  return `<Settings xmlns="Settings:">${inner}</Settings>`;
}

const mail = (command: EasCommand): Case => ({ command, asks: 'to send a mail', xml: null });
const oldOnly = (command: EasCommand): Case => ({ command, asks: 'anything', xml: null, to: '12.1' });
const nothing = (command: EasCommand, namespace: string, from?: Version): Case => ({
  command,
  asks: 'nothing',
  xml: `<${command} xmlns="${namespace}:"/>`,
  ...(from === undefined ? {} : { from }),
});
const TEMPORARY = KEYS.policyKey('temporary');

const CASES: readonly Case[] = [
  { command: 'FolderSync', asks: 'for the folders (key 0)', xml: folders('FolderSync', '0') },
  { command: 'FolderSync', asks: 'for changes of them', xml: folders('FolderSync', HIERARCHY) },
  { command: 'FolderSync', asks: 'with a key of the mail server', xml: folders('FolderSync', '1') },
  { command: 'FolderCreate', asks: 'for a new folder', xml: folders('FolderCreate', HIERARCHY) },
  { command: 'FolderDelete', asks: 'to delete a folder', xml: folders('FolderDelete', HIERARCHY) },
  { command: 'FolderUpdate', asks: 'to rename a folder', xml: folders('FolderUpdate', HIERARCHY) },
  { command: 'FolderCreate', asks: 'with a key of the mail server', xml: folders('FolderCreate', '1') },
  { command: 'Sync', asks: 'for a first key (key 0)', xml: inbox('0') },
  { command: 'Sync', asks: 'for the message', xml: inbox(FIRST_KEY) },
  { command: 'Sync', asks: 'with a key of the mail server', xml: inbox('1') },
  {
    command: 'Sync',
    asks: 'for a folder of the mail server',
    xml: sync('<SyncKey>1</SyncKey><CollectionId>5</CollectionId>'),
  },
  { command: 'Sync', asks: 'for what it asked for last (no body)', xml: null },
  {
    command: 'Sync',
    asks: 'to store an item',
    xml: inbox(
      FIRST_KEY,
      '<GetChanges>0</GetChanges><Commands><Add><ClientId>1</ClientId><ApplicationData/></Add></Commands>',
    ),
  },
  {
    command: 'Sync',
    asks: 'while there is nothing new',
    xml: inbox(FIRST_KEY, '<GetChanges>0</GetChanges>'),
  },
  { command: 'Ping', asks: 'for news of its folders', xml: ping(INBOX, 480) },
  { command: 'Ping', asks: 'for less than a minute, or more than 59', xml: ping(INBOX, 10) },
  { command: 'Ping', asks: 'for news of a folder of the mail server', xml: ping('5', 480) },
  { command: 'Ping', asks: 'for what it asked for last (no body)', xml: null },
  { command: 'GetItemEstimate', asks: 'for the number of changes', xml: estimate(INBOX, FIRST_KEY) },
  { command: 'GetItemEstimate', asks: 'with key 0', xml: estimate(INBOX, '0') },
  { command: 'GetItemEstimate', asks: 'with a key of the mail server', xml: estimate(INBOX, '1') },
  { command: 'GetItemEstimate', asks: 'for a folder of the mail server', xml: estimate('5', '1') },
  {
    command: 'ItemOperations',
    asks: 'for the message',
    xml: fetch(
      `<CollectionId xmlns="AirSync:">${INBOX}</CollectionId><ServerId xmlns="AirSync:">${MESSAGE}</ServerId>`,
    ),
    from: '12.1',
  },
  {
    command: 'ItemOperations',
    asks: 'for another item',
    xml: fetch('<CollectionId xmlns="AirSync:">5</CollectionId><ServerId xmlns="AirSync:">5:1</ServerId>'),
    from: '12.1',
  },
  {
    command: 'ItemOperations',
    asks: 'for an attachment',
    xml: fetch('<FileReference xmlns="AirSyncBase:">1</FileReference>'),
    from: '12.1',
  },
  {
    command: 'ItemOperations',
    asks: 'to empty one of its folders',
    xml:
      '<ItemOperations xmlns="ItemOperations:"><EmptyFolderContents>' +
      `<CollectionId xmlns="AirSync:">${INBOX}</CollectionId></EmptyFolderContents></ItemOperations>`,
    from: '12.1',
  },
  {
    command: 'ItemOperations',
    asks: 'to move a conversation',
    xml: '<ItemOperations xmlns="ItemOperations:"><Move><ConversationId>1</ConversationId></Move></ItemOperations>',
    from: '14.0',
  },
  {
    command: 'MoveItems',
    asks: 'to move the message',
    xml: move(MESSAGE, INBOX.replace('inbox', 'deleted')),
  },
  { command: 'MoveItems', asks: 'to move another item', xml: move('5:1', '6') },
  { command: 'Search', asks: 'anything', xml: '<Search xmlns="Search:"/>' },
  { command: 'Find', asks: 'anything', xml: '<Find xmlns="Find:"/>', from: '16.1' },
  {
    command: 'MeetingResponse',
    asks: 'to answer an invitation',
    xml: '<MeetingResponse xmlns="MeetingResponse:"><Request><RequestId>5:1</RequestId></Request></MeetingResponse>',
  },
  {
    command: 'ResolveRecipients',
    asks: 'who somebody is',
    xml: '<ResolveRecipients xmlns="ResolveRecipients:"><To>bob</To></ResolveRecipients>',
    from: '14.0',
  },
  {
    command: 'ValidateCert',
    asks: 'whether a certificate is good',
    xml: '<ValidateCert xmlns="ValidateCert:"><Certificates><Certificate>MA==</Certificate></Certificates></ValidateCert>',
  },
  { command: 'Provision', asks: 'for the policy', xml: provision('') },
  {
    command: 'Provision',
    asks: 'to acknowledge it',
    xml: provision(`<PolicyKey>${TEMPORARY}</PolicyKey><Status>1</Status>`),
  },
  {
    command: 'Provision',
    asks: 'to acknowledge with another key',
    xml: provision('<PolicyKey>1</PolicyKey><Status>1</Status>'),
  },
  {
    command: 'Settings',
    asks: 'to tell of the device',
    xml: settings('<DeviceInformation><Set><Model>M</Model></Set></DeviceInformation>'),
    from: '12.1',
  },
  {
    command: 'Settings',
    asks: 'for something else inside DeviceInformation',
    xml: settings('<DeviceInformation><Set/><UserInformation><Get/></UserInformation></DeviceInformation>'),
    from: '12.1',
  },
  { command: 'Settings', asks: 'for the absence note', xml: settings('<Oof><Get/></Oof>'), from: '12.1' },
  { command: 'Settings', asks: 'to set the absence note', xml: settings('<Oof><Set/></Oof>'), from: '12.1' },
  {
    command: 'Settings',
    asks: 'to keep a recovery password',
    xml: settings('<DevicePassword><Set/></DevicePassword>'),
    from: '12.1',
  },
  nothing('FolderSync', 'FolderHierarchy'),
  nothing('GetItemEstimate', 'GetItemEstimate'),
  nothing('ItemOperations', 'ItemOperations', '12.1'),
  nothing('MoveItems', 'Move'),
  nothing('MeetingResponse', 'MeetingResponse'),
  nothing('ResolveRecipients', 'ResolveRecipients', '14.0'),
  nothing('ValidateCert', 'ValidateCert'),
  nothing('Provision', 'Provision'),
  nothing('Settings', 'Settings', '12.1'),
  mail('SendMail'),
  mail('SmartForward'),
  mail('SmartReply'),
  oldOnly('GetAttachment'),
  oldOnly('GetHierarchy'),
  oldOnly('CreateCollection'),
  oldOnly('DeleteCollection'),
  oldOnly('MoveCollection'),
];

/** The answers as table rows: command, request, answer by version. */
export function mailboxRows(): string[] {
  return CASES.map((one) => {
    const versions = VERSIONS.filter(
      (version) =>
        Number(version) >= Number(one.from ?? '0') && Number(version) <= Number(one.to ?? Infinity),
    );
    const groups = new Map<string, Version[]>();
    for (const version of versions) {
      const answer = summary(answerOf(one, version));
      groups.set(answer, [...(groups.get(answer) ?? []), version]);
    }
    const answers =
      versions.length === VERSIONS.length && groups.size === 1
        ? [...groups.keys()]
        : [...groups].map(([answer, of]) => `${of.join(', ')}: ${answer}`);
    return `| ${one.command} | ${one.asks} | ${answers.join('<br>')} |`;
  });
}

function answerOf({ command, xml }: Case, version: Version): MailboxAnswer {
  const body = xml === null ? null : fromXml(xml);
  return answerMailbox({ command, version, body, notice: NOTICE, keys: KEYS });
}

function summary(answer: MailboxAnswer): string {
  switch (answer.kind) {
    case 'http':
      return `HTTP ${answer.status}`;
    case 'empty':
      return 'HTTP 200 without a body';
    case 'hold':
      return `held until the message changes or the time is over, then ${summary(answer.expired)}`;
    case 'ready':
      return statuses(decodeWbxml(answer.bytes)).join(', ');
    default:
      return statuses(answer.root).join(', ');
  }
}

/** Every Status with its parents, and which parts of the message or the folders follow. */
function statuses(parent: WbxmlElement): string[] {
  const found: string[] = [];
  const added = parent.children.filter((content) => isElement(content) && content.name === 'Add').length;
  for (const content of parent.children) {
    if (!isElement(content)) continue;
    if (content.name === 'Status') found.push(`\`${parent.name}/Status\` ${textOf(content)}`);
    else if (content.name === 'Properties') found.push('the message');
    else found.push(...statuses(content));
  }
  if (parent.name === 'Changes') found.push(`${added} folders`);
  if (parent.name === 'Commands' && added > 0) found.push('the message');
  return found;
}
