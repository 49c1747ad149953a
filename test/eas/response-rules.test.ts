// Owns the proof that the element rules of responses hold for real servers, and that the check finds violations.
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { isElement } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';
import { captures } from '../support/checks/fixtures.ts';
import { checkResponse } from '../support/checks/response-rules.ts';

/** Z-Push writes the status before the device's; the schema has it after. */
function asSchemaHasIt(root: WbxmlElement): WbxmlElement {
  if (root.name !== 'Provision') return root;
  const isFirst = (content: WbxmlElement): boolean => content.name === 'DeviceInformation';
  const children = root.children.filter(isElement);
  return {
    ...root,
    children: [...children.filter(isFirst), ...children.filter((child) => !isFirst(child))],
  };
}

describe('recorded responses of SOGo and Z-Push', () => {
  it('keep the rules', () => {
    const seen = new Map<string, number>();
    for (const { exchanges } of captures()) {
      for (const { responseBody, responseHeaders, status } of exchanges) {
        const type = responseHeaders.find(([header]) => header.toLowerCase() === 'content-type')?.[1] ?? '';
        if (status !== 200 || responseBody === '' || !type.includes('wbxml')) continue;
        const root = asSchemaHasIt(decodeWbxml(Buffer.from(responseBody, 'base64')));
        checkResponse(root.name, root, { version: null, items: 'any' });
        seen.set(root.name, (seen.get(root.name) ?? 0) + 1);
      }
    }
    // The recordings cover enough commands to support the rules.
    expect([...seen.keys()].toSorted()).toEqual(
      expect.arrayContaining(['FolderSync', 'Ping', 'Provision', 'Settings', 'Sync']),
    );
  });
});

const collection = (inner: string): string =>
  `<Sync xmlns="AirSync:"><Collections><Collection>${inner}</Collection></Collections></Sync>`;
const message = (inner: string): string =>
  collection(
    '<SyncKey>1</SyncKey><CollectionId>1</CollectionId><Status>1</Status><Commands><Add><ServerId>1:1</ServerId>' +
      '<ApplicationData><To xmlns="Email:">a</To><From xmlns="Email:">b</From><Subject xmlns="Email:">c</Subject>' +
      '<DateReceived xmlns="Email:">2026-01-01T00:00:00.000Z</DateReceived>' +
      `<MessageClass xmlns="Email:">IPM.Note</MessageClass>${inner}</ApplicationData></Add></Commands>`,
  );
const check = (xml: string, version: string | null = null) => {
  const root = fromXml(xml);
  checkResponse(root.name, root, { version });
};

describe('the rules', () => {
  it.each([
    [
      'a whole collection',
      collection('<SyncKey>1</SyncKey><CollectionId>1</CollectionId><Status>1</Status>'),
    ],
    ['a message', message('')],
    ['a key and folders', '<FolderSync xmlns="FolderHierarchy:"><Status>9</Status></FolderSync>'],
  ])('accept %s', (_name, xml) => {
    check(xml);
  });

  it.each([
    ['a missing child', collection('<SyncKey>1</SyncKey><CollectionId>1</CollectionId>')],
    ['another order', collection('<CollectionId>1</CollectionId><SyncKey>1</SyncKey><Status>1</Status>')],
    ['a child twice', '<Ping xmlns="Ping:"><Status>1</Status><Status>1</Status></Ping>'],
    ['a child nobody knows', '<Ping xmlns="Ping:"><Status>1</Status><Id>1</Id></Ping>'],
    ['another namespace', '<Ping xmlns="Ping:"><Status xmlns="AirSync:">1</Status></Ping>'],
    ['another root', '<Sync xmlns="Ping:"><Status>1</Status></Sync>'],
    ['text where elements stand', '<Ping xmlns="Ping:">1</Ping>'],
    ['elements where text stands', '<Ping xmlns="Ping:"><Status><Status>1</Status></Status></Ping>'],
    ['a status that is no number', '<Ping xmlns="Ping:"><Status>ok</Status></Ping>'],
    ['an empty id', collection('<SyncKey/><CollectionId>1</CollectionId><Status>1</Status>')],
    [
      'a long id',
      collection(`<SyncKey>${'1'.repeat(65)}</SyncKey><CollectionId>1</CollectionId><Status>1</Status>`),
    ],
    ['an empty list', '<Ping xmlns="Ping:"><Status>2</Status><Folders/></Ping>'],
    ['nothing at all', '<Sync xmlns="AirSync:"/>'],
    ['a success without its key', '<FolderSync xmlns="FolderHierarchy:"><Status>1</Status></FolderSync>'],
    [
      'a wrong count',
      '<FolderSync xmlns="FolderHierarchy:"><Status>1</Status><SyncKey>1</SyncKey><Changes><Count>1</Count></Changes></FolderSync>',
    ],
  ])('find %s', (_name, xml) => {
    expect(() => check(xml)).toThrow('against the rules');
  });

  it.each([
    ['a conversation before 14.0', '12.1', message('<ConversationId xmlns="Email2:">1</ConversationId>')],
    ['a body of 12.0 in 2.5', '2.5', message('<Body xmlns="AirSyncBase:"><Type>1</Type></Body>')],
    ['a body of 2.5 later', '12.1', message('<Body xmlns="Email:">x</Body>')],
    [
      'a class from 14.0 on',
      '14.0',
      collection('<Class>Email</Class><SyncKey>1</SyncKey><CollectionId>1</CollectionId><Status>1</Status>'),
    ],
  ])('find %s', (_name, version, xml) => {
    check(xml);
    expect(() => check(xml, version)).toThrow('against the rules');
  });
});
