// Owns the promises of the quarantine mailbox at the gateway: the replies, and that no request reaches the mail server.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from '../../../src/eas/wbxml/decode.ts';
import { encodeWbxml } from '../../../src/eas/wbxml/encode.ts';
import { fromXml, toXml } from '../../../src/eas/wbxml/xml.ts';
import type { EasAnswer, EasClient } from '../../support/phones/eas-client.ts';
import { changes, find } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { guarded, openQuarantine, quarantineSettings } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

const VERSIONS = ['2.5', '12.1', '14.1', '16.1'] as const;
let world: Quarantine;

const say = (phone: EasClient, command: string, xml: string): Promise<EasAnswer> =>
  phone.command(command, fromXml(xml));

/** Synchronises up to the message; resolves with the id of the Inbox. */
async function open(phone: EasClient): Promise<string> {
  const folders = await phone.folderSync();
  const inbox = find(folders.tree, 'ServerId') ?? '';
  expect(inbox).toMatch(/^easg1-/);
  await phone.sync(inbox);
  const first = await phone.sync(inbox);
  expect(changes(first, 'Add')).toHaveLength(1);
  return inbox;
}

describe.each(VERSIONS)('a quarantined phone that speaks %s', (version) => {
  it('gets folders and one message, once; the mail server only checks the password', async () => {
    world = await openQuarantine();
    const phone = world.phone({ version });
    const inbox = await open(phone);
    const again = await phone.sync(inbox);
    expect(again.status).toBe(200);
    expect(changes(again, 'Add')).toEqual([]);
    expect(world.mailRequests()).toEqual([]);
    // One question with the password, and one a minute without credentials.
    expect(world.backend.requests).toHaveLength(2);
  });

  it('has its Ping held by the gateway, which ends it at once when the phone is allowed', async () => {
    world = await openQuarantine();
    const phone = world.phone({ version });
    const inbox = await open(phone);
    const poll = phone.ping(600, inbox);
    await until(() => world.gateway.heldPolls() === 1, 'the poll to be held');
    world.gateway.change('phone1', 'allow');
    expect((await poll).easStatus).toBe('7');
    expect(world.mailRequests()).toEqual([]);
    const folders = await phone.folderSync();
    expect(folders.easStatus).toBe('9');
    expect(world.mailRequests()).toEqual([]);
  });

  it('never gets a success for sending mail', async () => {
    world = await openQuarantine();
    const phone = world.phone({ version });
    const sent = await phone.sendMail('bob@example.com', 'Hello', 'Text');
    // MailSubmissionFailed (MS-ASCMD 2.2.2): the message stays in the Outbox.
    if (Number(version) < 14) expect(sent.status).toBe(507);
    else expect([sent.status, sent.easStatus]).toEqual([200, '120']);
    expect(world.mailRequests()).toEqual([]);
  });

  it('gets empty results and cannot change anything', async () => {
    world = await openQuarantine();
    const phone = world.phone({ version });
    const inbox = await open(phone);
    for (const [command, xml] of [
      [
        'GetItemEstimate',
        `<GetItemEstimate xmlns="GetItemEstimate:"><Collections><Collection><CollectionId>${inbox}</CollectionId></Collection></Collections></GetItemEstimate>`,
      ],
      ['Search', '<Search xmlns="Search:"><Store><Name>GAL</Name><Query>bob</Query></Store></Search>'],
      [
        'MoveItems',
        '<MoveItems xmlns="Move:"><Move><SrcMsgId>1:1</SrcMsgId><SrcFldId>1</SrcFldId><DstFldId>3</DstFldId></Move></MoveItems>',
      ],
      [
        'ItemOperations',
        '<ItemOperations xmlns="ItemOperations:"><Fetch><Store>Mailbox</Store><CollectionId xmlns="AirSync:">1</CollectionId><ServerId xmlns="AirSync:">1:1</ServerId></Fetch></ItemOperations>',
      ],
      [
        'MeetingResponse',
        '<MeetingResponse xmlns="MeetingResponse:"><Request><UserResponse>1</UserResponse><CollectionId>1</CollectionId><RequestId>1:1</RequestId></Request></MeetingResponse>',
      ],
      [
        'FolderCreate',
        '<FolderCreate xmlns="FolderHierarchy:"><SyncKey>0</SyncKey><ParentId>0</ParentId><DisplayName>x</DisplayName><Type>12</Type></FolderCreate>',
      ],
    ] as const) {
      const { status, body } = await say(phone, command, xml);
      expect([200, 403]).toContain(status);
      if (body.length > 0) expect(toXml(decodeWbxml(body))).not.toContain('>bob<');
    }
    const attachment = await phone.command('GetAttachment', null, '', { AttachmentName: '1:1' });
    expect([404, 501]).toContain(attachment.status);
    expect(world.mailRequests()).toEqual([]);
  });
});

describe('a quarantined phone', () => {
  it('has its device information stored: model, system and IMEI are in the inventory', async () => {
    world = await openQuarantine();
    const answer = await say(
      world.phone({ version: '12.1' }),
      'Settings',
      '<Settings xmlns="Settings:"><DeviceInformation><Set><Model>iPhone15C2</Model><IMEI>350000000000006</IMEI><OS>iOS 18.1</OS></Set></DeviceInformation></Settings>',
    );
    expect(answer.easStatus).toBe('1');
    expect(world.gateway.finished.at(-1)?.information).toMatchObject({
      model: 'iPhone15C2',
      os: 'iOS 18.1',
      imei: '350000000000006',
    });
    expect(world.mailRequests()).toEqual([]);
  });

  it('is provisioned by the gateway, or by the mail server if so configured', async () => {
    world = await openQuarantine();
    expect((await world.phone().provision()).easStatus).toBe('1');
    expect(world.mailRequests()).toEqual([]);

    world = await openQuarantine(
      guarded(({ connection }) => connection.socket.write(ok('from the server'))),
      { quarantine: quarantineSettings('server') },
    );
    const answer = await say(world.phone(), 'Provision', '<Provision xmlns="Provision:"/>');
    expect(answer.body.toString()).toBe('from the server');
    expect(world.mailRequests().map(({ target }) => target)).toEqual([
      expect.stringContaining('Cmd=Provision') as string,
    ]);
  });

  it.each([
    '<Settings xmlns="Settings:"><Oof><Get><BodyType>TEXT</BodyType></Get></Oof></Settings>',
    '<Settings xmlns="Settings:"><UserInformation><Get/></UserInformation></Settings>',
    '<Settings xmlns="Settings:"><DeviceInformation><Set><Model>x</Model></Set></DeviceInformation><Oof><Set><OofState>1</OofState></Set></Oof></Settings>',
  ])('cannot reach settings of the mailbox at the mail server: %s', async (xml) => {
    world = await openQuarantine(guarded(), { quarantine: quarantineSettings('server') });
    expect((await say(world.phone(), 'Settings', xml)).status).toBe(200);
    expect(world.mailRequests()).toEqual([]);
  });

  it('may send its body chunked, slowly, coded, or after 100 Continue', async () => {
    world = await openQuarantine();
    const body = encodeWbxml(
      fromXml('<FolderSync xmlns="FolderHierarchy:"><SyncKey>0</SyncKey></FolderSync>'),
    );
    const head = (lines: string): string =>
      'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=PHONE1&DeviceType=iPhone HTTP/1.1\r\n' +
      'Host: m\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 14.1\r\n' +
      `Content-Type: application/vnd.ms-sync.wbxml\r\n${lines}\r\n\r\n`;
    const client = await RawClient.open(world.gateway.port);
    client.send(head('Transfer-Encoding: chunked'));
    for (const octet of body) client.send(`1\r\n${String.fromCharCode(octet)}\r\n`);
    client.send('0\r\n\r\n');
    const chunked = await client.response();
    const packed = gzipSync(body);
    client.send(head(`Content-Encoding: gzip\r\nContent-Length: ${packed.length}`));
    client.send(packed);
    const coded = await client.response();
    client.send(head(`Expect: 100-continue\r\nContent-Length: ${body.length}`));
    await until(() => client.received.includes('100 Continue'), 'the invitation');
    client.send(body);
    const invited = await client.response();
    for (const { status, body } of [chunked, coded, invited]) {
      expect(status).toBe(200);
      expect(toXml(decodeWbxml(body))).toContain('easg1-inbox');
    }
    client.destroy();
    expect(world.mailRequests()).toEqual([]);
  });

  it('is refused with a body that is not WBXML, too large, or too large when decompressed', async () => {
    world = await openQuarantine();
    const good = encodeWbxml(
      fromXml('<FolderSync xmlns="FolderHierarchy:"><SyncKey>0</SyncKey></FolderSync>'),
    );
    const bomb = gzipSync(
      Buffer.concat([good.subarray(0, -2), Buffer.alloc(3_000_000, 0x30), Buffer.from([0, 1, 1])]),
    );
    const phone = world.phone();
    const type = 'application/vnd.ms-sync.wbxml';
    expect((await phone.command('FolderSync', good.subarray(0, -1), type)).status).toBe(400);
    const client = await RawClient.open(world.gateway.port);
    const head =
      'POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=PHONE1&DeviceType=iPhone HTTP/1.1\r\n' +
      'Host: m\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 14.1\r\n' +
      `Content-Type: ${type}\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`;
    client.send(head);
    client.send(bomb);
    expect((await client.response()).status).toBe(400);
    client.destroy();
    const large = Buffer.concat([good.subarray(0, -2), Buffer.alloc(200_000, 0x30), Buffer.from([0, 1, 1])]);
    expect((await phone.command('FolderSync', large, type)).status).toBe(413);
    expect(world.mailRequests()).toEqual([]);
  });

  it('that disconnects while its poll is held frees all resources', async () => {
    world = await openQuarantine();
    const phone = world.phone();
    const inbox = await open(phone);
    const leaving = new AbortController();
    const poll = phone.ping(600, inbox, leaving.signal).catch(() => null);
    await until(() => world.gateway.heldPolls() === 1, 'the poll to be held');
    leaving.abort();
    await poll;
    await until(() => world.gateway.heldPolls() === 0, 'the end of the poll');
  });

  it('gets a valid reply to its poll when the gateway stops', async () => {
    world = await openQuarantine();
    const phone = world.phone();
    const inbox = await open(phone);
    const poll = phone.ping(600, inbox);
    await until(() => world.gateway.heldPolls() === 1, 'the poll to be held');
    const drained = world.gateway.drain(60_000);
    expect((await poll).easStatus).toBe('1');
    await drained;
  });

  it('has a Sync with Wait held, which ends when the phone is allowed', async () => {
    world = await openQuarantine();
    const phone = world.phone();
    const inbox = await open(phone);
    const wait = fromXml('<Sync xmlns="AirSync:"><HeartbeatInterval>600</HeartbeatInterval></Sync>').children;
    const poll = phone.sync(inbox, [], wait as never);
    await until(() => world.gateway.heldPolls() === 1, 'the poll to be held');
    world.gateway.change('phone1', 'allow');
    expect((await poll).easStatus).toBe('12');
    expect(world.mailRequests()).toEqual([]);
  });

  it('that is allowed in the middle of its first synchronisation does not mix the mailboxes', async () => {
    world = await openQuarantine();
    const phone = world.phone();
    const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
    await phone.sync(inbox);
    world.gateway.change('phone1', 'allow');
    expect(['3', '12']).toContain((await phone.sync(inbox)).easStatus);
    expect((await phone.folderSync()).easStatus).toBe('9');
    expect(world.mailRequests()).toEqual([]);
    phone.folderKey = '0';
    expect((await phone.folderSync()).body.toString()).toBe('ok');
    expect(world.mailRequests()).toHaveLength(1);
  });

  it('with keys of its real mailbox must start over', async () => {
    world = await openQuarantine();
    const phone = world.phone();
    phone.folderKey = '17';
    expect((await phone.folderSync()).easStatus).toBe('9');
    phone.syncKeys.set('5', '{d4a7}23');
    expect(['3', '12']).toContain((await phone.sync('5')).easStatus);
    expect((await phone.ping(600, '5')).easStatus).toBe('7');
    expect(world.mailRequests()).toEqual([]);
  });

  it('is answered like a blocked one when the quarantine mailbox is off', async () => {
    world = await openQuarantine(guarded(), { quarantine: null });
    expect((await world.phone().folderSync()).easStatus).toBe('129');
    expect((await world.phone({ version: '12.1' }).folderSync()).status).toBe(403);
    expect(world.mailRequests()).toEqual([]);
  });
});
