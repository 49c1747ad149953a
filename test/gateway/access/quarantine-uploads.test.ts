// Owns the promise that a large upload of a quarantined phone is refused in the form of its command: never a success, never a
// broken connection, and no byte of it reaches the mail server.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { element } from '../../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../../src/eas/wbxml/encode.ts';
import { toXml } from '../../../src/eas/wbxml/xml.ts';
import type { EasAnswer, EasClient } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { openQuarantine } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

const MEGABYTE = 1024 * 1024;
const FILE = randomBytes(MEGABYTE);
let world: Quarantine;

type Sending = 'SendMail' | 'SmartForward' | 'SmartReply';

function mail(command: Sending): WbxmlElement {
  return element(
    'ComposeMail',
    command,
    element('ComposeMail', 'ClientId', '1'),
    element('ComposeMail', 'SaveInSentItems'),
    element('ComposeMail', 'Mime', FILE),
  );
}

function send(phone: EasClient, version: string, command: Sending): Promise<EasAnswer> {
  if (Number(version) >= 14) return phone.command(command, mail(command));
  return phone.command(command, FILE, 'message/rfc822', { SaveInSent: 'T' });
}

/** A Sync that stores an item with a large attachment or picture. */
function storing(phone: EasClient, folder: string, item: WbxmlElement): Promise<EasAnswer> {
  const add = element(
    'AirSync',
    'Add',
    element('AirSync', 'ClientId', 'new-1'),
    element('AirSync', 'ApplicationData', item),
  );
  return phone.sync(folder, [element('AirSync', 'Commands', add)]);
}

const ATTACHMENT = element(
  'AirSyncBase',
  'Attachments',
  element('AirSyncBase', 'Add', element('AirSyncBase', 'Content', FILE)),
);
const PICTURE = element('Contacts', 'Picture', FILE.toString('base64'));

/** All folders of the quarantine mailbox. */
async function foldersOf(phone: EasClient): Promise<string[]> {
  const text = toXml((await phone.folderSync()).tree as WbxmlElement);
  return [...text.matchAll(/<ServerId>([^<]+)</g)].map(([, id = '']) => id);
}

describe.each(['2.5', '12.1', '14.1', '16.1'])('a quarantined phone that speaks %s', (version) => {
  it.each(['SendMail', 'SmartForward', 'SmartReply'] as const)(
    'and sends %s with an attachment gets "mail not sent", and keeps its connection',
    async (command) => {
      world = await openQuarantine();
      const phone = world.phone({ version });
      const answer = await send(phone, version, command);
      if (Number(version) < 14) expect(answer).toMatchObject({ status: 507, body: Buffer.alloc(0) });
      else expect(answer).toMatchObject({ status: 200, easStatus: '120', tree: { name: command } });
      expect(answer.headers.connection).not.toBe('close');
      expect((await phone.folderSync()).easStatus).toBe('1');
      expect(world.gateway.finished[0]?.bytesIn).toBeGreaterThan(MEGABYTE - 1);
      expect(world.mailRequests()).toEqual([]);
    },
  );

  it.each([
    ['draft with an attachment', 'drafts', ATTACHMENT],
    ['contact with a picture', 'contacts', PICTURE],
  ])('and stores a %s gets "too large" for this item', async (_what, name, item) => {
    world = await openQuarantine();
    const phone = world.phone({ version });
    const folder = (await foldersOf(phone)).find((id) => id.endsWith(name)) ?? '';
    await phone.sync(folder);
    const before = phone.syncKeys.get(folder);
    const answer = await storing(phone, folder, item);
    expect(answer.status).toBe(200);
    const text = toXml(answer.tree as WbxmlElement);
    expect(text).toContain('<Add><ClientId>new-1</ClientId><Status>6</Status></Add>');
    expect(phone.syncKeys.get(folder)).not.toBe(before);
    expect((await phone.sync(folder)).status).toBe(200);
    expect(world.mailRequests()).toEqual([]);
  });
});

describe('a large request of a quarantined phone', () => {
  const head = (command: string, lines: string): string =>
    `POST /Microsoft-Server-ActiveSync?Cmd=${command}&User=alice&DeviceId=PHONE1&DeviceType=iPhone HTTP/1.1\r\n` +
    'Host: m\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 14.1\r\n' +
    `Content-Type: application/vnd.ms-sync.wbxml\r\n${lines}\r\n\r\n`;

  it('with chunked framing is skipped like any other', async () => {
    world = await openQuarantine();
    const client = await RawClient.open(world.gateway.port);
    client.send(head('SendMail', 'Transfer-Encoding: chunked'));
    const body = encodeWbxml(mail('SendMail'));
    for (let at = 0; at < body.length; at += 100_000) {
      const piece = body.subarray(at, at + 100_000);
      client.send(`${piece.length.toString(16)}\r\n`);
      client.send(piece);
      client.send('\r\n');
    }
    client.send('0\r\n\r\n');
    expect((await client.response()).body.toString('latin1')).toContain('120');
    client.destroy();
  });

  it('with Expect: 100-continue is answered at once, without 100 Continue', async () => {
    world = await openQuarantine();
    const client = await RawClient.open(world.gateway.port);
    client.send(head('SendMail', `Expect: 100-continue\r\nContent-Length: ${MEGABYTE}`));
    const answer = await client.response();
    expect(answer.body.toString('latin1')).toContain('120');
    expect(answer.status).toBe(200);
    expect(answer.header('connection')).toBe('close');
    client.destroy();
  });

  it('whose verdict changes on the way must be sent again completely', async () => {
    world = await openQuarantine();
    const body = encodeWbxml(mail('SendMail'));
    const client = await RawClient.open(world.gateway.port);
    client.send(head('SendMail', `Content-Length: ${body.length}`));
    client.send(body.subarray(0, 300_000));
    await until(() => world.gateway.seen.length === 1, 'the first part to be read past');
    world.gateway.change('phone1', 'allow');
    client.send(body.subarray(300_000));
    const answer = await client.response();
    expect(answer.status).toBe(503);
    expect(answer.header('retry-after')).toBe('1');
    expect(world.mailRequests()).toEqual([]);
    client.destroy();
  });

  it('that is coded is skipped: the phone keeps what it wanted to store', async () => {
    world = await openQuarantine();
    const phone = world.phone();
    const [inbox = ''] = await foldersOf(phone);
    await phone.sync(inbox);
    const packed = gzipSync(
      encodeWbxml(element('AirSync', 'Sync', element('AirSync', 'Collections', ATTACHMENT))),
    );
    const client = await RawClient.open(world.gateway.port);
    client.send(head('Sync', `Content-Encoding: gzip\r\nContent-Length: ${packed.length}`));
    client.send(packed);
    expect((await client.response()).body.toString('hex')).toBe('03016a00454e033500010 1'.replace(' ', ''));
    client.destroy();
  });

  it('that is truncated, or whose outline exceeds the limit, is refused', async () => {
    world = await openQuarantine();
    const phone = world.phone();
    const sync = (children: readonly WbxmlElement[]): Buffer => {
      const collection = { namespace: 'AirSync', name: 'Collection', children };
      return encodeWbxml(element('AirSync', 'Sync', element('AirSync', 'Collections', collection)));
    };
    const items = sync([element('AirSync', 'ApplicationData', ATTACHMENT)]);
    const type = 'application/vnd.ms-sync.wbxml';
    expect((await phone.command('Sync', items.subarray(0, -1), type)).status).toBe(400);
    const key = sync([element('AirSync', 'SyncKey', 'x'.repeat(200_000))]);
    expect((await phone.command('Sync', key, type)).status).toBe(413);
    const empty = Array.from({ length: 190_000 }, () => element('AirSync', 'GetChanges'));
    expect((await phone.command('Sync', sync(empty), type)).status).toBe(413);
  });
});
