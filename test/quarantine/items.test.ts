// Owns the promises of the quarantine mailbox about items and people: the message can be fetched, other requests have no effect.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allCommands } from '../../src/eas/commands.ts';
import type { EasCommand } from '../../src/eas/commands.ts';
import { INBOX } from '../../src/quarantine/folders.ts';
import * as items from '../../src/quarantine/items.ts';
import { FRESH, shortFingerprint } from '../../src/quarantine/keys.ts';
import { noticeId } from '../../src/quarantine/message.ts';
import type { MailboxAnswer, MailboxRequest } from '../../src/quarantine/mailbox-types.ts';
import { CODE_PAGES } from '../../src/eas/wbxml/code-pages.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { KEYS, NOTICE, OTHER_KEYS, VERSIONS } from '../support/phones/mailbox.ts';
import { anyRequest, answeredXml, mailboxRequest } from '../support/phones/mailbox.ts';
import { statusesByRule } from '../support/checks/response-rules.ts';

const CALENDAR = 'easg1-calendar';
const ID = noticeId(NOTICE);
const DELIVERED = { counter: 1, delivered: shortFingerprint(NOTICE.fingerprint), deleted: false };
const MALFORMED = { kind: 'http', status: 400 };

describe('GetItemEstimate', () => {
  const ask = (version: string, collection: string): string =>
    answeredXml(
      items.getItemEstimate(
        mailboxRequest(
          'GetItemEstimate',
          version,
          `<GetItemEstimate xmlns="GetItemEstimate:"><Collections><Collection>${collection}</Collection></Collections></GetItemEstimate>`,
        ),
      ),
    );
  const collection = (version: string, folder: string, key: string): string =>
    Number(version) < 14
      ? `<Class>Email</Class><CollectionId>${folder}</CollectionId><FilterType xmlns="AirSync:">0</FilterType><SyncKey xmlns="AirSync:">${key}</SyncKey>`
      : `<SyncKey xmlns="AirSync:">${key}</SyncKey><CollectionId>${folder}</CollectionId><Options xmlns="AirSync:"><FilterType>0</FilterType><Class>Email</Class></Options>`;
  const inbox = KEYS.folderKey(INBOX, FRESH);

  for (const version of VERSIONS) {
    const itemClass = version === '2.5' ? '<Class>Email</Class>' : '';
    const answer = (status: number, folder: string, estimate: string): string =>
      '<GetItemEstimate xmlns="GetItemEstimate:"><Response>' +
      `<Status>${status}</Status><Collection>${folder}${estimate}</Collection></Response></GetItemEstimate>`;
    const ofInbox = `${itemClass}<CollectionId>${INBOX}</CollectionId>`;

    it(`counts the message until the phone has it, in ${version}`, () => {
      expect(ask(version, collection(version, INBOX, inbox))).toBe(
        answer(1, ofInbox, '<Estimate>1</Estimate>'),
      );
      expect(ask(version, collection(version, INBOX, KEYS.folderKey(INBOX, DELIVERED)))).toBe(
        answer(1, ofInbox, '<Estimate>0</Estimate>'),
      );
    });

    it(`requires a first Sync for key 0, in ${version}`, () => {
      expect(ask(version, collection(version, INBOX, '0'))).toBe(answer(3, ofInbox, ''));
    });

    it(`refuses a key of another folder, phone or server, in ${version}`, () => {
      const foreign = [KEYS.folderKey(CALENDAR, FRESH), OTHER_KEYS.folderKey(INBOX, FRESH), '{77}5'];
      for (const key of foreign) {
        expect(ask(version, collection(version, INBOX, key))).toBe(answer(4, ofInbox, ''));
      }
    });

    it(`refuses a folder of the mail server, in ${version}`, () => {
      expect(ask(version, collection(version, '5', inbox))).toBe(
        answer(2, '<CollectionId>5</CollectionId>', ''),
      );
    });
  }

  it('counts nothing in a folder without the message', () => {
    const key = KEYS.folderKey(CALENDAR, FRESH);
    expect(ask('16.1', collection('16.1', CALENDAR, key))).toContain('<Estimate>0</Estimate>');
  });

  it('counts the message again after its text has changed', () => {
    const key = KEYS.folderKey(INBOX, { ...DELIVERED, delivered: shortFingerprint('older') });
    expect(ask('14.1', collection('14.1', INBOX, key))).toContain('<Estimate>1</Estimate>');
  });

  it('does not count a message that the phone has deleted', () => {
    const key = KEYS.folderKey(INBOX, { ...DELIVERED, deleted: true });
    expect(ask('14.1', collection('14.1', INBOX, key))).toContain('<Estimate>0</Estimate>');
  });

  it('finds the folder by its class when the phone sends no id', () => {
    const named = `<Class>Calendar</Class><SyncKey xmlns="AirSync:">${KEYS.folderKey(CALENDAR, FRESH)}</SyncKey>`;
    expect(ask('2.5', named)).toContain(
      `<Class>Calendar</Class><CollectionId>${CALENDAR}</CollectionId><Estimate>0</Estimate>`,
    );
  });
});

describe('ItemOperations', () => {
  const ask = (version: string, operations: string): string =>
    answeredXml(
      items.itemOperations(
        mailboxRequest(
          'ItemOperations',
          version,
          `<ItemOperations xmlns="ItemOperations:">${operations}</ItemOperations>`,
        ),
      ),
    );
  const fetchOf = (folder: string, id: string, options: string): string =>
    `<Fetch><Store>Mailbox</Store><CollectionId xmlns="AirSync:">${folder}</CollectionId>` +
    `<ServerId xmlns="AirSync:">${id}</ServerId>${options}</Fetch>`;
  const prefer = (type: number, more = ''): string =>
    `<Options><BodyPreference xmlns="AirSyncBase:"><Type>${type}</Type>${more}</BodyPreference></Options>`;
  const response = (operations: string): string =>
    `<ItemOperations xmlns="ItemOperations:"><Status>1</Status><Response>${operations}</Response></ItemOperations>`;

  for (const version of ['12.1', '14.1', '16.1']) {
    it(`fetches the message in the body type that the phone prefers, in ${version}`, () => {
      const html = ask(version, fetchOf(INBOX, ID, prefer(2)));
      expect(html).toContain(
        '<Fetch><Status>1</Status>' +
          `<CollectionId xmlns="AirSync:">${INBOX}</CollectionId><ServerId xmlns="AirSync:">${ID}</ServerId>` +
          '<Class xmlns="AirSync:">Email</Class><Properties>',
      );
      expect(html).toContain('<Body xmlns="AirSyncBase:"><Type>2</Type>');
      expect(html).toContain(`<Data>&lt;p&gt;${NOTICE.text}&lt;/p&gt;</Data>`);
      expect(ask(version, fetchOf(INBOX, ID, prefer(1)))).toContain(`<Data>${NOTICE.text}</Data>`);
    });

    it(`fetches the whole message as MIME, in ${version}`, () => {
      const options = prefer(4).replace(
        '</Options>',
        '<MIMESupport xmlns="AirSync:">2</MIMESupport></Options>',
      );
      const answer = ask(version, fetchOf(INBOX, ID, options));
      expect(answer).toContain('<Type>4</Type>');
      expect(answer).toContain('<Data>Subject: Wait');
    });

    it(`finds no other item, in ${version}`, () => {
      for (const [folder, id] of [
        [INBOX, '5:1'],
        ['5', ID],
        [CALENDAR, ID],
      ] as const) {
        expect(ask(version, fetchOf(folder, id, prefer(1)))).toBe(
          response(
            `<Fetch><Status>6</Status><CollectionId xmlns="AirSync:">${folder}</CollectionId><ServerId xmlns="AirSync:">${id}</ServerId></Fetch>`,
          ),
        );
      }
    });
  }

  it('does not split a character in a preview', () => {
    const answer = ask('14.1', fetchOf(INBOX, ID, prefer(1, '<Preview>33</Preview>')));
    expect(answer).toContain(`<Preview>${'🔒'.repeat(16)}</Preview>`);
  });

  it('finds nothing by LongId or in a document library', () => {
    const longId = '<Store>Mailbox</Store><LongId xmlns="Search:">RgAA</LongId>';
    const link = '<Store>DocumentLibrary</Store><LinkId xmlns="DocumentLibrary:">\\\\server\\file</LinkId>';
    expect(ask('14.1', `<Fetch>${longId}</Fetch><Fetch>${link}</Fetch>`)).toBe(
      response(
        '<Fetch><Status>6</Status><LongId xmlns="Search:">RgAA</LongId></Fetch>' +
          '<Fetch><Status>6</Status><LinkId xmlns="DocumentLibrary:">\\\\server\\file</LinkId></Fetch>',
      ),
    );
  });

  it('calls every attachment invalid', () => {
    const reference = '<FileReference xmlns="AirSyncBase:">5:1:0</FileReference>';
    expect(ask('12.1', `<Fetch><Store>Mailbox</Store>${reference}</Fetch>`)).toBe(
      response(`<Fetch><Status>15</Status>${reference}</Fetch>`),
    );
  });

  it('reports success for EmptyFolderContents of its folders, and refuses a folder of the mail server', () => {
    const empty = (folder: string): string =>
      `<EmptyFolderContents><CollectionId xmlns="AirSync:">${folder}</CollectionId></EmptyFolderContents>`;
    const emptied = (status: number, folder: string): string =>
      empty(folder).replace('<CollectionId', `<Status>${status}</Status><CollectionId`);
    expect(ask('14.1', empty('easg1-deleted') + empty('5'))).toBe(
      response(emptied(1, 'easg1-deleted') + emptied(6, '5')),
    );
  });

  it('moves no conversation', () => {
    expect(ask('14.1', '<Move><ConversationId>abc</ConversationId><DstFldId>5</DstFldId></Move>')).toBe(
      response('<Move><Status>156</Status><ConversationId>abc</ConversationId></Move>'),
    );
  });
});

describe('MoveItems', () => {
  it.each([
    ['fails for the message', ID, INBOX, 'easg1-deleted', 5],
    ['finds no other item', '5:1', '5', 'easg1-deleted', 1],
    ['finds the message in no other folder', ID, '5', 'easg1-deleted', 1],
    ['finds no folder of the mail server', ID, INBOX, '5', 2],
    ['tells that the folder is the same', ID, INBOX, INBOX, 4],
  ])('%s', (_, id, source, target, status) => {
    const move = `<Move><SrcMsgId>${id}</SrcMsgId><SrcFldId>${source}</SrcFldId><DstFldId>${target}</DstFldId></Move>`;
    for (const version of VERSIONS) {
      const request = mailboxRequest(
        'MoveItems',
        version,
        `<MoveItems xmlns="Move:">${move}${move}</MoveItems>`,
      );
      const answered = `<Response><SrcMsgId>${id}</SrcMsgId><Status>${status}</Status></Response>`;
      expect(answeredXml(items.moveItems(request))).toBe(
        `<MoveItems xmlns="Move:">${answered}${answered}</MoveItems>`,
      );
    }
  });
});

describe('a request for other data', () => {
  it('gets an empty result for Search', () => {
    for (const version of VERSIONS) {
      const request = mailboxRequest(
        'Search',
        version,
        '<Search xmlns="Search:"><Store><Name>GAL</Name><Query>ann</Query></Store></Search>',
      );
      expect(answeredXml(items.search(request))).toBe(
        '<Search xmlns="Search:"><Status>1</Status><Response><Store><Status>1</Status><Total>0</Total></Store></Response></Search>',
      );
    }
  });

  it.each([
    ['MailBoxSearchCriterion', 'Mailbox'],
    ['GalSearchCriterion', 'GAL'],
  ])('gets an empty result for Find with %s', (criterion, store) => {
    const request = mailboxRequest(
      'Find',
      '16.1',
      `<Find xmlns="Find:"><SearchId>1</SearchId><ExecuteSearch><${criterion}><Query>a</Query></${criterion}></ExecuteSearch></Find>`,
    );
    expect(answeredXml(items.find(request))).toBe(
      `<Find xmlns="Find:"><Status>1</Status><Response><Store xmlns="ItemOperations:">${store}</Store><Status>1</Status><Total>0</Total></Response></Find>`,
    );
  });

  it('gets an error for MeetingResponse', () => {
    for (const version of VERSIONS) {
      const request = mailboxRequest(
        'MeetingResponse',
        version,
        '<MeetingResponse xmlns="MeetingResponse:"><Request><UserResponse>1</UserResponse><CollectionId>5</CollectionId><RequestId>5:1</RequestId></Request>' +
          '<Request><UserResponse>1</UserResponse><LongId xmlns="Search:">R</LongId></Request></MeetingResponse>',
      );
      expect(answeredXml(items.meetingResponse(request))).toBe(
        '<MeetingResponse xmlns="MeetingResponse:"><Result><RequestId>5:1</RequestId><Status>2</Status></Result>' +
          '<Result><Status>2</Status></Result></MeetingResponse>',
      );
    }
  });

  it('gets no recipient from ResolveRecipients', () => {
    for (const version of VERSIONS) {
      const request = mailboxRequest(
        'ResolveRecipients',
        version,
        '<ResolveRecipients xmlns="ResolveRecipients:"><To>ann</To><To>bob</To></ResolveRecipients>',
      );
      const unknown = (name: string): string =>
        `<Response><To>${name}</To><Status>4</Status><RecipientCount>0</RecipientCount></Response>`;
      expect(answeredXml(items.resolveRecipients(request))).toBe(
        `<ResolveRecipients xmlns="ResolveRecipients:"><Status>1</Status>${unknown('ann')}${unknown('bob')}</ResolveRecipients>`,
      );
    }
  });

  it('gets no certificate accepted by ValidateCert', () => {
    for (const version of VERSIONS) {
      const request = mailboxRequest(
        'ValidateCert',
        version,
        '<ValidateCert xmlns="ValidateCert:"><CertificateChain><Certificate>AA==</Certificate></CertificateChain>' +
          '<Certificates><Certificate>AA==</Certificate><Certificate>AB==</Certificate></Certificates></ValidateCert>',
      );
      const unknown = '<Certificate><Status>17</Status></Certificate>';
      expect(answeredXml(items.validateCert(request))).toBe(
        `<ValidateCert xmlns="ValidateCert:"><Status>1</Status>${unknown}${unknown}</ValidateCert>`,
      );
    }
  });
});

describe('mail of a quarantined phone', () => {
  for (const command of ['SendMail', 'SmartReply', 'SmartForward'] as const) {
    it(`is not sent, which the reply says in its body from 14.0 on: ${command}`, () => {
      for (const version of ['14.0', '14.1', '16.0', '16.1']) {
        const answer = items.sendMail(mailboxRequest(command, version));
        if (answer.kind !== 'body') throw new Error(answer.kind);
        expect(statusesByRule(command, encodeWbxml(answer.root))).toEqual(['120']);
      }
    });

    it(`is not sent, which the reply says by its HTTP status up to 12.1: ${command}`, () => {
      for (const version of ['2.5', '12.0', '12.1']) {
        expect(items.sendMail(mailboxRequest(command, version))).toEqual({ kind: 'http', status: 507 });
      }
    });
  }
});

it('commands without a WBXML reply are not supported', () => {
  for (const { name, page } of allCommands()) {
    if (page !== -1) continue;
    expect(items.legacy(mailboxRequest(name, '2.5'))).toEqual({ kind: 'http', status: 501 });
  }
});

const HANDLERS: readonly [EasCommand, (request: MailboxRequest) => MailboxAnswer][] = [
  ['GetItemEstimate', items.getItemEstimate],
  ['ItemOperations', items.itemOperations],
  ['MoveItems', items.moveItems],
  ['Search', items.search],
  ['Find', items.find],
  ['MeetingResponse', items.meetingResponse],
  ['ResolveRecipients', items.resolveRecipients],
  ['ValidateCert', items.validateCert],
  ['SendMail', items.sendMail],
  ['SmartReply', items.sendMail],
  ['SmartForward', items.sendMail],
];
const OF_ITEMS =
  'Collections Collection CollectionId SyncKey Class Options Fetch Move EmptyFolderContents Store ServerId LongId LinkId ' +
  'FileReference ConversationId SrcMsgId SrcFldId DstFldId BodyPreference Type TruncationSize Preview MIMESupport ' +
  'Request RequestId To Certificates Certificate ExecuteSearch GalSearchCriterion Mime';

describe('any request', () => {
  for (const [command, handler] of HANDLERS) {
    const info = allCommands().find(({ name }) => name === command);
    const namespace = CODE_PAGES[info?.page ?? 0]?.namespace ?? '';
    it(`gets a reply that can be encoded: ${command}`, () => {
      fc.assert(
        fc.property(
          anyRequest({ namespace, name: command }, OF_ITEMS.split(' ')),
          fc.constantFrom(...VERSIONS),
          (body, version) => {
            const answer = handler({ command, version, body, notice: NOTICE, keys: KEYS });
            if (answer.kind === 'http') expect([400, 507]).toContain(answer.status);
            else expect(answeredXml(answer, version)).toMatch(new RegExp(`^<${command} `));
          },
        ),
      );
    });
  }

  it('without its required elements is malformed', () => {
    for (const [command, handler] of HANDLERS.slice(0, 8)) {
      if (command === 'Search' || command === 'Find') continue;
      expect(handler(mailboxRequest(command, '14.1'))).toEqual(MALFORMED);
    }
  });

  it('with thousands of items gets at most a hundred answers', () => {
    const many = (namespace: string, name: string, inner: string): string =>
      `<${name} xmlns="${namespace}:">${inner.repeat(3000)}</${name}>`;
    const answers = [
      items.moveItems(
        mailboxRequest('MoveItems', '14.1', many('Move', 'MoveItems', '<Move><SrcMsgId>1</SrcMsgId></Move>')),
      ),
      items.itemOperations(
        mailboxRequest(
          'ItemOperations',
          '14.1',
          many('ItemOperations', 'ItemOperations', '<Move/><EmptyFolderContents/><Fetch/>'),
        ),
      ),
      items.resolveRecipients(
        mailboxRequest(
          'ResolveRecipients',
          '14.1',
          many('ResolveRecipients', 'ResolveRecipients', '<To>a</To>'),
        ),
      ),
      items.meetingResponse(
        mailboxRequest('MeetingResponse', '14.1', many('MeetingResponse', 'MeetingResponse', '<Request/>')),
      ),
    ];
    for (const answer of answers) {
      // Each item has its own status; some commands have a status for the whole reply too.
      const statuses = answeredXml(answer).match(/<Status>/g)?.length ?? 0;
      expect([100, 101]).toContain(statuses);
    }
  });

  it('gets ids back only up to the maximum length of an id', () => {
    const request = mailboxRequest(
      'MoveItems',
      '14.1',
      `<MoveItems xmlns="Move:"><Move><SrcMsgId>${'🔒'.repeat(100)}</SrcMsgId></Move></MoveItems>`,
    );
    expect(answeredXml(items.moveItems(request))).toContain(`<SrcMsgId>${'🔒'.repeat(32)}</SrcMsgId>`);
  });
});
