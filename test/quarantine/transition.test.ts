// Owns the promises of the transition out of the quarantine mailbox: keys and ids that the gateway issued never reach the mail
// server, those of the mail server always do.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EasCommand } from '../../src/eas/commands.ts';
import { INBOX } from '../../src/quarantine/folders.ts';
import { FRESH } from '../../src/quarantine/keys.ts';
import { answerIssued } from '../../src/quarantine/transition.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';
import { KEYS, VERSIONS, answeredXml, anyRequest } from '../support/phones/mailbox.ts';

const KEY = KEYS.folderKey(INBOX, FRESH);
const ITEM = 'easg1-m0123456789ab';

function answered(command: EasCommand, version: string, xml: string): string | null {
  const answer = answerIssued(command, version, fromXml(xml));
  return answer === null ? null : answeredXml(answer, version);
}

const collection = (key: string, id: string): string =>
  `<Collection><SyncKey>${key}</SyncKey><CollectionId>${id}</CollectionId></Collection>`;
const sync = (...collections: string[]): string =>
  `<Sync xmlns="AirSync:"><Collections>${collections.join('')}</Collections></Sync>`;

describe.each(VERSIONS)('an allowed phone that speaks %s', (version) => {
  it('with the folder key of the gateway must start over', () => {
    const xml = (key: string): string =>
      `<FolderSync xmlns="FolderHierarchy:"><SyncKey>${key}</SyncKey></FolderSync>`;
    expect(answered('FolderSync', version, xml(KEYS.hierarchyKey()))).toContain('<Status>9</Status>');
    expect(answered('FolderSync', version, xml('17'))).toBeNull();
    expect(answered('FolderSync', version, xml('0'))).toBeNull();
  });

  it('with a folder of the gateway is sent to FolderSync', () => {
    expect(answered('Sync', version, sync(collection('0', INBOX)))).toContain('<Status>12</Status>');
    expect(answered('Sync', version, sync(collection('4', '5'), collection(KEY, INBOX)))).toContain(
      '<Status>12</Status>',
    );
  });

  it('with a key of the gateway for a real folder must start that folder over, and repeat the others', () => {
    const xml = answered('Sync', version, sync(collection(KEY, '5'), collection('12', '6'))) ?? '';
    expect(xml).toMatch(/<SyncKey>0<\/SyncKey><CollectionId>5<\/CollectionId><Status>3</);
    expect(xml).toMatch(/<SyncKey>12<\/SyncKey><CollectionId>6<\/CollectionId><Status>(5|16)</);
  });

  it('with its real keys is forwarded', () => {
    expect(answered('Sync', version, sync(collection('12', '5'), collection('0', '6')))).toBeNull();
    expect(
      answered('Ping', version, '<Ping xmlns="Ping:"><Folders><Folder><Id>5</Id></Folder></Folders></Ping>'),
    ).toBeNull();
  });

  it('that pings a folder of the gateway gets the status for changed folders', () => {
    const xml = `<Ping xmlns="Ping:"><Folders><Folder><Id>5</Id></Folder><Folder><Id>${INBOX}</Id></Folder></Folders></Ping>`;
    expect(answered('Ping', version, xml)).toBe('<Ping xmlns="Ping:"><Status>7</Status></Ping>');
  });

  it.each([
    // Each command has its own status for this (MS-ASCMD 2.2.3.177).
    [
      'GetItemEstimate',
      '2',
      `<GetItemEstimate xmlns="GetItemEstimate:"><Collections><Collection><CollectionId>${INBOX}</CollectionId></Collection></Collections></GetItemEstimate>`,
    ],
    [
      'ItemOperations',
      '6',
      `<ItemOperations xmlns="ItemOperations:"><Fetch><Store>Mailbox</Store><ServerId xmlns="AirSync:">${ITEM}</ServerId></Fetch></ItemOperations>`,
    ],
    [
      'MoveItems',
      '1',
      `<MoveItems xmlns="Move:"><Move><SrcMsgId>${ITEM}</SrcMsgId><SrcFldId>${INBOX}</SrcFldId><DstFldId>3</DstFldId></Move></MoveItems>`,
    ],
    [
      'MeetingResponse',
      '2',
      `<MeetingResponse xmlns="MeetingResponse:"><Request><CollectionId>${INBOX}</CollectionId><RequestId>${ITEM}</RequestId></Request></MeetingResponse>`,
    ],
  ] as const)(
    'that asks %s about the message of the gateway gets the status for a missing item',
    (command, status, xml) => {
      const answer = answered(command, version, xml) ?? '';
      expect(answer.match(/<Status>\d+</g)?.at(-1)).toBe(`<Status>${status}<`);
    },
  );
});

describe('any request of an allowed phone', () => {
  const names = [
    'Collections',
    'Collection',
    'SyncKey',
    'CollectionId',
    'ServerId',
    'Folders',
    'Folder',
    'Id',
    'Fetch',
    'Move',
  ].concat(['SrcMsgId', 'SrcFldId', 'DstFldId', 'Request', 'RequestId', 'ParentId']);
  it.each([
    ['Sync', 'AirSync'],
    ['Ping', 'Ping'],
    ['FolderSync', 'FolderHierarchy'],
    ['GetItemEstimate', 'GetItemEstimate'],
    ['ItemOperations', 'ItemOperations'],
    ['MoveItems', 'Move'],
    ['MeetingResponse', 'MeetingResponse'],
  ] as const)('of %s is forwarded or gets a reply that can be encoded', (command, namespace) => {
    fc.assert(
      fc.property(
        anyRequest({ namespace, name: command }, names),
        fc.constantFrom(...VERSIONS),
        (tree, version) => {
          const answer = answerIssued(command, version, tree);
          if (answer?.kind === 'http') expect(answer.status).toBe(400);
          else if (answer !== null) expect(answeredXml(answer, version).length).toBeLessThan(64 * 1024);
        },
      ),
      { numRuns: 300 },
    );
  });
});
