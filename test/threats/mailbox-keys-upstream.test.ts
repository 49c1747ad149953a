// Threat: the two mailboxes mix. A phone that was just admitted still holds keys and ids of the quarantine mailbox; a key that
// is split over several texts, written as entities, content-coded or late in a large body must not reach the mail server
// either.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { fromXml, toXml } from '../../src/eas/wbxml/xml.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { guarded, openQuarantine } from '../support/servers/quarantine.ts';
import type { Quarantine } from '../support/servers/quarantine.ts';
import type { RawClient, RawResponse } from '../support/phones/raw-client.ts';
import { request } from '../support/servers/test-gateway.ts';
import { phoneOf } from '../support/servers/openings.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import type { EasAnswer, EasClient } from '../support/phones/eas-client.ts';

checkLeaks();

let world: Quarantine;
let phone: RawClient;

async function letIn(password = 'secret'): Promise<void> {
  world = await openQuarantine(guarded());
  world.gateway.change('phone1', 'allow');
  phone = await phoneOf(world.gateway);
  authorization = `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
}

let authorization = '';

async function send(command: string, body: Buffer, ...lines: string[]): Promise<RawResponse> {
  const head = request(command, Buffer.alloc(0), [...lines, `Content-Length: ${body.length}`], 'PHONE1');
  phone.send(head.replace(/Basic [^\r]*/, authorization));
  phone.send(body);
  return phone.response();
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const xmlOf = ({ body }: RawResponse): string => toXml(decodeWbxml(body));

/** A FolderSync whose SyncKey has these contents. */
const folderSync = (...contents: Buffer[]): Buffer =>
  Buffer.concat([hex('03016a00 0007 56 52'), ...contents, hex('01 01')]);

/** A Sync of a large item, and of one more folder behind it. */
const sync = (item: Buffer, folder: string): Buffer =>
  Buffer.concat([
    hex('03016a00 45 5c 4f 4b 03 31 00 01 52 03 32 00 01 56 47 4c 03 31 00 01 5d 0011 4a 4b 03'),
    text(item.toString('base64')),
    hex('00 01 01 01 01 01 01 0000 4f 4b 03 31 00 01 52 03'),
    text(folder),
    hex('00 01 01 01 01'),
  ]);

const REAL_FOLDER_SYNC = encodeWbxml(
  fromXml('<FolderSync xmlns="FolderHierarchy:"><SyncKey>7</SyncKey></FolderSync>'),
);

describe('a key of the quarantine mailbox', () => {
  it.each([
    ['two texts', folderSync(text('\x03eas\0'), text('\x03g1-AAAA\0'))],
    ['a text for each character', folderSync(...[...'easg1-A'].map((one) => text(`\x03${one}\0`)))],
    ['a text and opaque bytes', folderSync(text('\x03eas\0'), text('\xc3\x05g1-AA'))],
    ['empty texts before it', folderSync(text('\x03\0\x03\0'), text('\x03easg1-A\0'))],
    ['entities', folderSync(...[...'easg1-A'].map((one) => text(`\x02${one}`)))],
  ])('in %s starts its phone over', async (_, body) => {
    await letIn();
    expect(xmlOf(await send('FolderSync', body))).toContain('<Status>9</Status>');
    expect(world.mailRequests()).toEqual([]);
  });

  it('in a query of Search has its phone read its folders anew', async () => {
    await letIn();
    const query = hex(
      '03016a00 000f 45 47 48 03 4d61696c626f78 00 01 49 53 0000 52 03 65617367312d41 00 01 01 01 01 01',
    );
    expect(xmlOf(await send('Search', query))).toContain('<Store><Status>11</Status></Store>');
    expect(world.mailRequests()).toEqual([]);
  });

  it('behind 256 KB that are coded starts its phone over', async () => {
    await letIn();
    const body = gzipSync(sync(Buffer.alloc(400_000), 'easg1-AAAA'));
    expect(body.length).toBeLessThan(64 * 1024);
    expect(xmlOf(await send('Sync', body, 'Content-Encoding: gzip'))).toContain('<Status>12</Status>');
    expect(world.mailRequests()).toEqual([]);
  });

  it.each([
    ['more than a megabyte', gzipSync(sync(Buffer.alloc(2_000_000), '3'))],
    ['64 KB as they are sent', gzipSync(sync(randomBytes(70_000), '3'))],
  ])('cannot be looked for behind %s that are coded: the body is refused', async (_, body) => {
    await letIn();
    expect((await send('Sync', body, 'Content-Encoding: gzip')).status).toBe(413);
    expect(world.mailRequests()).toEqual([]);
  });

  it('far back in a large body starts its phone over, and the mail server never gets the whole', async () => {
    await letIn();
    const body = sync(randomBytes(2_000_000), 'easg1-AAAA');
    const answer = await send('Sync', body);
    expect(xmlOf(answer)).toContain('<Status>12</Status>');
    expect(world.mailRequests()).toEqual([]);
  });

  it('at the end of a large body closes the connection when another request begins behind it', async () => {
    await letIn();
    const body = sync(randomBytes(200_000), 'easg1-AAAA');
    const next = request('FolderSync', REAL_FOLDER_SYNC, [], 'PHONE1');
    const head = request('Sync', Buffer.alloc(0), [`Content-Length: ${body.length}`], 'PHONE1');
    phone.send(head);
    phone.send(body.subarray(0, -1_000));
    await until(() => world.gateway.upstreamConnections() > 0, 'the beginning at the mail server');
    phone.send(Buffer.concat([body.subarray(-1_000), text(next.slice(0, 40))]));
    phone.send(next.slice(40));
    const answer = await phone.response();
    expect(xmlOf(answer)).toContain('<Status>12</Status>');
    expect(answer.header('Connection')).toBe('close');
    expect(world.mailRequests()).toEqual([]);
  });

  it('far back in a large body says nothing to who has no password', async () => {
    await letIn('wrong');
    const answer = await send('Sync', sync(randomBytes(2_000_000), 'easg1-AAAA'));
    expect(answer.status).toBe(401);
    expect(world.mailRequests()).toEqual([]);
  });

  it('is not seen in a large item: it goes on as it is', async () => {
    await letIn();
    const body = sync(Buffer.concat([Buffer.from('easg1-'), randomBytes(2_000_000)]), '3');
    expect((await send('Sync', body)).body.toString()).toBe('ok');
    expect(world.mailRequests().map((got) => got.body.equals(body))).toEqual([true]);
  });
});

describe('a body with tokens that Exchange ActiveSync does not use', () => {
  it('does not hide what stands behind them', async () => {
    await letIn();
    const body = Buffer.concat([hex('03016a00 0007 56 d2 01 52'), text('\x03easg1-A\0'), hex('01 01')]);
    expect((await send('FolderSync', body)).status).toBe(400);
    expect(world.gateway.finished.at(-1)?.error).toBe('EASGATE_BODY_MALFORMED');
    expect(world.mailRequests()).toEqual([]);
  });
});

const FULL_PING = encodeWbxml(
  fromXml(
    '<Ping xmlns="Ping:"><HeartbeatInterval>600</HeartbeatInterval><Folders><Folder><Id>5</Id><Class>Email</Class></Folder></Folders></Ping>',
  ),
);

describe('a phone that is let in', () => {
  const sync = (key: string, folder: string, text: string): Buffer =>
    encodeWbxml(
      fromXml(
        '<Sync xmlns="AirSync:"><Collections><Collection>' +
          `<SyncKey>${key}</SyncKey><CollectionId>${folder}</CollectionId>` +
          '<Commands><Add><ClientId>1</ClientId><ApplicationData>' +
          `<Body xmlns="AirSyncBase:"><Data>${text}</Data></Body>` +
          '</ApplicationData></Add></Commands></Collection></Collections></Sync>',
      ),
    );

  async function letIn(): Promise<{ phone: EasClient; folderKey: string }> {
    world = await openQuarantine();
    const phone = world.phone({ version: '16.1' });
    await phone.folderSync();
    world.gateway.change('phone1', 'allow');
    return { phone, folderKey: phone.folderKey };
  }

  it('sends no key of the quarantine mailbox to the mail server in a compressed body', async () => {
    const { folderKey } = await letIn();
    const phone = await phoneOf(world.gateway);
    const tree = fromXml(`<FolderSync xmlns="FolderHierarchy:"><SyncKey>${folderKey}</SyncKey></FolderSync>`);
    const body = gzipSync(encodeWbxml(tree));
    phone.send(request('FolderSync', body, ['Content-Encoding: gzip'], 'PHONE1'));
    const answer = await phone.response();
    expect(toXml(decodeWbxml(answer.body))).toContain('<Status>9</Status>');
    const real = gzipSync(REAL_FOLDER_SYNC);
    phone.send(request('FolderSync', real, ['Content-Encoding: gzip'], 'PHONE1'));
    expect((await phone.response()).body.toString()).toBe('ok');
    expect(world.mailRequests().map(({ body }) => body)).toEqual([real]);
  });

  it.each([
    ['with Content-Length', 'Content-Length'],
    ['in chunks', 'Transfer-Encoding'],
    ['that is compressed', 'Content-Encoding'],
  ])('sends none of its folders there in a large body %s', async (_, way) => {
    await letIn();
    const phone = await phoneOf(world.gateway);
    // Random enough to stay large when it is compressed.
    const text = Array.from({ length: 12_000 }, (_, index) => Math.sin(index).toString(36)).join('');
    const plain = sync('easg1-AAAA', 'easg1-drafts', text);
    const body = way === 'Content-Encoding' ? gzipSync(plain) : plain;
    expect(body.length).toBeGreaterThan(64 * 1024);
    if (way === 'Transfer-Encoding') {
      phone.send(request('Sync', Buffer.alloc(0), ['Transfer-Encoding: chunked'], 'PHONE1'));
      phone.send(`${body.length.toString(16)}\r\n`);
      phone.send(body);
    } else {
      const coding = way === 'Content-Encoding' ? ['Content-Encoding: gzip'] : [];
      phone.send(request('Sync', body, coding, 'PHONE1'));
    }
    const answer = await phone.response();
    expect(toXml(decodeWbxml(answer.body))).toContain('<Status>12</Status>');
    expect(world.mailRequests()).toEqual([]);
  });

  it('uploads a large draft to its real folder unchanged', async () => {
    const { phone } = await letIn();
    const draft = sync('17', '3', 'x'.repeat(300_000));
    expect((await phone.command('Sync', draft)).body.toString()).toBe('ok');
    expect(world.mailRequests().map(({ body }) => body.equals(draft))).toEqual([true]);
  });

  it('starts over only with its password', async () => {
    const { folderKey } = await letIn();
    const stranger = world.phone({ password: 'wrong' });
    stranger.folderKey = folderKey;
    expect((await stranger.folderSync()).status).toBe(401);
    expect((await stranger.ping()).status).toBe(401);
    const phone = world.phone();
    expect((await phone.ping()).easStatus).toBe('3');
    phone.folderKey = folderKey;
    expect((await phone.folderSync()).easStatus).toBe('9');
    expect(world.mailRequests()).toEqual([]);
  });

  it.each([
    ['Ping', '3'],
    ['Sync', '13'],
  ] as const)(
    'that repeats its last %s without a body does not poll its real mailbox',
    async (command, status) => {
      const { phone } = await letIn();
      const again = (): Promise<EasAnswer> => phone.command(command, null);
      expect((await again()).easStatus).toBe(status);
      expect((await phone.folderSync()).easStatus).toBe('9');
      expect(world.mailRequests()).toEqual([]);
      phone.folderKey = '0';
      expect((await phone.folderSync()).body.toString()).toBe('ok');
      // A request that names a folder shows which mailbox the phone holds.
      expect((await again()).easStatus).toBe(status);
      expect((await phone.ping(600, '5')).body.toString()).toBe('ok');
      expect((await again()).body.toString()).toBe('ok');
      expect(world.mailRequests()).toHaveLength(3);
    },
  );

  it.each(['SmartReply', 'SmartForward'] as const)(
    'gets an error when it answers the notice of the gateway with %s',
    async (command) => {
      const { phone } = await letIn();
      const made = (folder: string, item: string): Promise<EasAnswer> =>
        phone.command(
          command,
          fromXml(
            `<${command} xmlns="ComposeMail:"><ClientId>1</ClientId><Source><FolderId>${folder}</FolderId>` +
              `<ItemId>${item}</ItemId></Source><Mime>${'x'.repeat(100_000)}</Mime></${command}>`,
          ),
        );
      const answer = await made('easg1-inbox', 'easg1-inbox:0123456789ab');
      expect([answer.status, answer.easStatus]).toEqual([200, '150']);
      expect(world.mailRequests()).toEqual([]);
      expect((await made('5', '5:1')).body.toString()).toBe('ok');

      const older = world.phone({ version: '12.1' });
      const mail = Buffer.from('To: bob@example.com\r\n\r\nSee easg1-inbox\r\n');
      const ids = { CollectionId: 'easg1-inbox', ItemId: 'easg1-inbox:0123456789ab' };
      expect((await older.command(command, mail, 'message/rfc822', ids)).status).toBe(500);
      expect(world.mailRequests()).toHaveLength(1);
      const real = { CollectionId: '5', ItemId: '5:1' };
      expect((await older.command(command, mail, 'message/rfc822', real)).body.toString()).toBe('ok');
      expect(world.mailRequests()).toHaveLength(2);
    },
  );
});

describe('a phone that is let in again', () => {
  it('starts over although a stranger polled in its name with a wrong password', async () => {
    world = await openQuarantine();
    world.gateway.change('phone1', 'allow');
    const stranger = world.phone({ password: 'wrong' });
    const poll = await stranger.command('Ping', FULL_PING, 'application/vnd.ms-sync.wbxml');
    const { easStatus } = await world.phone().ping();
    expect([poll.status, easStatus]).toEqual([401, '3']);
  });
});
