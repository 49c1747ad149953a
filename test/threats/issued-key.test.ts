// Threat: the two mailboxes mix. A phone that is let in still holds keys and ids of the quarantine mailbox; one that is cut
// into texts, written as entities, coded or far back in a large body must not reach the mail server either.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { toXml } from '../../src/eas/wbxml/xml.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { guarded, openQuarantine } from '../support/servers/quarantine.ts';
import type { Quarantine } from '../support/servers/quarantine.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import type { RawResponse } from '../support/phones/raw-client.ts';
import { request } from '../support/servers/test-gateway.ts';

checkLeaks();

let world: Quarantine;
let phone: RawClient;
afterEach(async () => {
  phone.destroy();
  await world.close();
});

async function letIn(password = 'secret'): Promise<void> {
  world = await openQuarantine(guarded());
  world.gateway.change('phone1', 'allow');
  phone = await RawClient.open(world.gateway.port);
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
