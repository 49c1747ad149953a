// Owns the promises of FolderSync, Sync, Ping and GetItemEstimate in the quarantine mailbox: one message, exactly once.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FOLDERS, INBOX } from '../../src/quarantine/folders.ts';
import { answerMailbox } from '../../src/quarantine/mailbox.ts';
import type { MailboxAnswer, MailboxNotice } from '../../src/quarantine/mailbox-types.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import {
  KEYS,
  NOTICE,
  OTHER_KEYS,
  VERSIONS,
  answeredXml,
  anyRequest,
  mailboxRequest,
} from '../support/phones/mailbox.ts';

const OTHER_NOTICE: MailboxNotice = { ...NOTICE, fingerprint: 'notice-2', subject: 'Another reason' };

interface Asked {
  readonly version?: string;
  readonly folder?: string;
  readonly key: string;
  /** XML after CollectionId. */
  readonly inner?: string;
  /** XML after Collections. */
  readonly outer?: string;
  readonly notice?: MailboxNotice;
}

function sync({
  version = '14.1',
  folder = INBOX,
  key,
  inner = '',
  outer = '',
  notice = NOTICE,
}: Asked): MailboxAnswer {
  const collection = `<Collection><SyncKey>${key}</SyncKey><CollectionId>${folder}</CollectionId>${inner}</Collection>`;
  const xml = `<Sync xmlns="AirSync:"><Collections>${collection}</Collections>${outer}</Sync>`;
  return answerMailbox({ ...mailboxRequest('Sync', version, xml), notice });
}

const keyOf = (xml: string): string => /<SyncKey>([^<]*)</.exec(xml)?.[1] ?? '';
const idOf = (xml: string): string => /<Add><ServerId>([^<]*)</.exec(xml)?.[1] ?? '';

/** The key of a phone that has the message, and the message's id. */
function delivered(version = '14.1', notice = NOTICE): { key: string; id: string; xml: string } {
  const first = keyOf(answeredXml(sync({ version, key: '0', notice })));
  const xml = answeredXml(sync({ version, key: first, notice }));
  return { key: keyOf(xml), id: idOf(xml), xml };
}

/** "No change" in the form of this version. */
function expectNothing(answer: MailboxAnswer): void {
  if (answer.kind === 'empty') return;
  expect(answeredXml(answer)).not.toMatch(/<(Add|Delete|Change|Commands)>/);
}

describe.each(VERSIONS)('a phone that speaks %s', (version) => {
  const folderSync = (key: string): string =>
    answeredXml(
      answerMailbox(
        mailboxRequest(
          'FolderSync',
          version,
          `<FolderSync xmlns="FolderHierarchy:"><SyncKey>${key}</SyncKey></FolderSync>`,
        ),
      ),
    );

  it('gets all folders once', () => {
    const first = folderSync('0');
    expect(first.match(/<Add>/g)).toHaveLength(FOLDERS.length);
    expect(first).toContain(
      `<ServerId>${INBOX}</ServerId><ParentId>0</ParentId><DisplayName>Inbox</DisplayName><Type>2</Type>`,
    );
    expect(folderSync(keyOf(first))).toContain('<Status>1</Status>');
    expect(folderSync(keyOf(first))).not.toContain('<Add>');
  });

  it.each(['1', '{a}17', 'easg1-AAAA', OTHER_KEYS.hierarchyKey()])(
    'with the folder key %s starts over',
    (key) => {
      expect(folderSync(key)).toBe('<FolderSync xmlns="FolderHierarchy:"><Status>9</Status></FolderSync>');
    },
  );

  it('gets the message once, and nothing in the other folders', () => {
    const { key, xml } = delivered(version);
    expect(xml.match(/<Add>/g)).toHaveLength(1);
    expect(xml).toContain(NOTICE.subject);
    expectNothing(sync({ version, key }));
    for (const { id } of FOLDERS.filter((folder) => folder.id !== INBOX)) {
      const first = keyOf(answeredXml(sync({ version, folder: id, key: '0' })));
      expectNothing(sync({ version, folder: id, key: first }));
    }
  });

  it('gets a new message in place of the old one when the reason changes', () => {
    const { key, id } = delivered(version);
    const xml = answeredXml(sync({ version, key, notice: OTHER_NOTICE }));
    expect(xml).toContain(`<Delete><ServerId>${id}</ServerId></Delete>`);
    expect(xml).toContain(OTHER_NOTICE.subject);
    expectNothing(sync({ version, key: keyOf(xml), notice: OTHER_NOTICE }));
  });

  it('may delete the message, which returns only for a new reason', () => {
    const { key, id } = delivered(version);
    const inner = `<Commands><Delete><ServerId>${id}</ServerId></Delete></Commands>`;
    const removed = answeredXml(sync({ version, key, inner }));
    expect(removed).toContain('<Status>1</Status>');
    expect(keyOf(removed)).not.toBe(key);
    expectNothing(sync({ version, key: keyOf(removed) }));
    const news = answeredXml(sync({ version, key: keyOf(removed), notice: OTHER_NOTICE }));
    expect(news).toContain(OTHER_NOTICE.subject);
    expect(news).not.toContain('<Delete>');
  });

  it('may mark the message read and unread', () => {
    const { key, id } = delivered(version);
    for (const read of [1, 0]) {
      const change = `<Change><ServerId>${id}</ServerId><ApplicationData><Read xmlns="Email:">${read}</Read></ApplicationData></Change>`;
      const xml = answeredXml(sync({ version, key, inner: `<Commands>${change}</Commands>` }));
      expect(xml).toContain('<Status>1</Status>');
      expect(xml).not.toContain('<Responses>');
    }
  });

  it('with a key that is not its own must start the folder over', () => {
    const other = OTHER_KEYS.folderKey(INBOX, { counter: 3, delivered: null, deleted: false });
    for (const key of ['1', '{a}17', other]) {
      const xml = answeredXml(sync({ version, key }));
      expect(xml).toContain('<SyncKey>0</SyncKey>');
      expect(xml).toContain('<Status>3</Status>');
    }
  });

  it('with a folder of its real mailbox is sent to FolderSync', () => {
    expect(answeredXml(sync({ version, folder: '5', key: '{a}17' }))).toContain('<Status>12</Status>');
  });
});

describe('Sync', () => {
  it('sends the body in the requested type and size', () => {
    const first = keyOf(answeredXml(sync({ key: '0' })));
    const wish = (type: number, size = ''): string =>
      answeredXml(
        sync({
          key: first,
          inner: `<Options><BodyPreference xmlns="AirSyncBase:"><Type>${type}</Type>${size}</BodyPreference></Options>`,
        }),
      );
    expect(wish(1)).toContain('<Type>1</Type>');
    expect(wish(2)).toContain('&lt;p&gt;');
    expect(wish(1, '<TruncationSize>16</TruncationSize>')).toContain('<Truncated>1</Truncated>');
  });

  it('with WindowSize 1 removes the old message first, then adds the new one', () => {
    const { key, id } = delivered();
    const inner = '<WindowSize>1</WindowSize>';
    const first = answeredXml(sync({ key, inner, notice: OTHER_NOTICE }));
    expect(first).toContain('<MoreAvailable');
    expect(first).toContain(`<Delete><ServerId>${id}</ServerId></Delete>`);
    expect(first).not.toContain('<Add>');
    const second = answeredXml(sync({ key: keyOf(first), inner, notice: OTHER_NOTICE }));
    expect(second).toContain(OTHER_NOTICE.subject);
    expect(second).not.toContain('<MoreAvailable');
  });

  it('with GetChanges 0 sends no changes', () => {
    const first = keyOf(answeredXml(sync({ key: '0' })));
    expectNothing(sync({ key: first, inner: '<GetChanges>0</GetChanges>' }));
  });

  it('with Wait or HeartbeatInterval is held when there is no change, and answered at once otherwise', () => {
    const { key } = delivered();
    expect(sync({ key, outer: '<Wait>5</Wait>' })).toEqual({
      kind: 'hold',
      seconds: 300,
      expired: { kind: 'empty' },
    });
    expect(sync({ key, outer: '<HeartbeatInterval>90</HeartbeatInterval>' })).toMatchObject({ seconds: 90 });
    expect(sync({ key, outer: '<Wait>5</Wait>', notice: OTHER_NOTICE }).kind).toBe('body');
  });

  it.each([
    ['<Wait>0</Wait>', '14', '1'],
    ['<Wait>60</Wait>', '14', '59'],
    ['<HeartbeatInterval>10</HeartbeatInterval>', '14', '60'],
    ['<HeartbeatInterval>9999</HeartbeatInterval>', '14', '3540'],
    ['<Wait>x</Wait>', '4', undefined],
    ['<Wait>5</Wait><HeartbeatInterval>90</HeartbeatInterval>', '4', undefined],
  ])('with %s is answered with the right status', (outer, status, limit) => {
    const xml = answeredXml(sync({ key: delivered().key, outer }));
    expect(xml).toContain(`<Status>${status}</Status>`);
    if (limit !== undefined) expect(xml).toContain(`<Limit>${limit}</Limit>`);
  });

  it('that is empty or partial is answered with a request for the whole Sync', () => {
    expect(answeredXml(answerMailbox(mailboxRequest('Sync', '14.1')))).toContain('<Status>13</Status>');
    expect(answeredXml(sync({ key: '0', outer: '<Partial/>' }))).toContain('<Status>13</Status>');
  });
});

describe('Ping', () => {
  const ping = (inner: string): MailboxAnswer =>
    answerMailbox(mailboxRequest('Ping', '14.1', `<Ping xmlns="Ping:">${inner}</Ping>`));
  const folders = (id = INBOX): string =>
    `<Folders><Folder><Id>${id}</Id><Class>Email</Class></Folder></Folders>`;
  const beat = (seconds: number | string): string => `<HeartbeatInterval>${seconds}</HeartbeatInterval>`;

  it('over folders of this mailbox is held', () => {
    expect(ping(beat(480) + folders())).toMatchObject({ kind: 'hold', seconds: 480 });
  });

  it.each([
    ['', '3'],
    [beat(480), '3'],
    [folders(), '3'],
    [beat(480) + folders('5'), '7'],
    [beat('x') + folders(), '4'],
  ])('with %s is answered with %s', (inner, status) => {
    expect(answeredXml(ping(inner))).toBe(`<Ping xmlns="Ping:"><Status>${status}</Status></Ping>`);
  });

  it.each([
    [5, 60],
    [9_999, 3_540],
  ])('of %i seconds is answered with the nearest allowed heartbeat', (asked, nearest) => {
    expect(answeredXml(ping(beat(asked) + folders()))).toBe(
      `<Ping xmlns="Ping:"><Status>5</Status><HeartbeatInterval>${nearest}</HeartbeatInterval></Ping>`,
    );
  });
});

describe('any request', () => {
  const names = [
    'Collections',
    'Collection',
    'SyncKey',
    'CollectionId',
    'Commands',
    'Add',
    'Delete',
    'Change',
    'Fetch',
  ]
    .concat([
      'ServerId',
      'ClientId',
      'Options',
      'BodyPreference',
      'Type',
      'TruncationSize',
      'WindowSize',
      'Wait',
    ])
    .concat([
      'HeartbeatInterval',
      'Partial',
      'GetChanges',
      'Folders',
      'Folder',
      'Id',
      'Class',
      'ApplicationData',
      'Read',
    ]);
  it.each([
    ['Sync', 'AirSync'],
    ['Ping', 'Ping'],
    ['FolderSync', 'FolderHierarchy'],
    ['GetItemEstimate', 'GetItemEstimate'],
  ] as const)('of %s gets a short reply that can be encoded', (command, namespace) => {
    fc.assert(
      fc.property(
        anyRequest({ namespace, name: command }, names),
        fc.constantFrom(...VERSIONS),
        (body, version) => {
          const answer = answerMailbox({ command, version, body, notice: NOTICE, keys: KEYS });
          if (answer.kind !== 'body') return;
          expect(encodeWbxml(answer.root).length).toBeLessThan(64 * 1024);
          expect(answeredXml(answer, version)).toMatch(new RegExp(`^<${command} `));
        },
      ),
      { numRuns: 400 },
    );
  });
});
