// Owns the promises of the body gate: content type, root element, gzip.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { checkBodyStart, contentOf } from '../../src/eas/body-gate.ts';
import { allCommands, commandByName } from '../../src/eas/commands.ts';
import type { CommandInfo } from '../../src/eas/commands.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';

const info = (name: string): CommandInfo => commandByName(name) as CommandInfo;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const wbxml = (xml: string): Buffer => encodeWbxml(fromXml(xml));

describe('contentOf', () => {
  const type = 'application/vnd.ms-sync.wbxml';
  it.each([
    ['wbxml', 'Sync', '14.1', type, null, false, 'wbxml'],
    ['short type', 'Sync', '14.1', 'application/vnd.ms-sync', null, false, 'wbxml'],
    ['gzip', 'Sync', '14.1', type, 'gzip', false, 'gzip-wbxml'],
    ['mail of 12.1', 'SendMail', '12.1', 'message/rfc822', null, false, 'rfc822'],
    ['cached Ping', 'Ping', '14.1', null, null, true, 'empty'],
    ['mail of 14.0 as rfc822', 'SendMail', '14.0', 'message/rfc822', null, false, 'EASGATE_CONTENT_TYPE'],
    ['Sync as mail', 'Sync', '12.1', 'message/rfc822', null, false, 'EASGATE_CONTENT_TYPE'],
    ['form', 'Sync', '14.1', 'application/x-www-form-urlencoded', null, false, 'EASGATE_CONTENT_TYPE'],
    ['deflate', 'Sync', '14.1', type, 'deflate', false, 'EASGATE_CONTENT_ENCODING'],
    ['double gzip', 'Sync', '14.1', type, 'gzip, gzip', false, 'EASGATE_CONTENT_ENCODING'],
    ['FolderSync without body', 'FolderSync', '14.1', type, null, true, 'EASGATE_BODY_MISSING'],
    ['GetAttachment with WBXML', 'GetAttachment', '12.1', type, null, false, 'EASGATE_BODY_NOT_WBXML'],
  ])('%s', (_name, command, version, contentType, coding, empty, expected) => {
    expect(contentOf(info(command), version, contentType, coding, empty)).toBe(expected);
  });
});

describe('checkBodyStart', () => {
  it('accepts the root of every command, with and without content, and no other command’s', () => {
    const withRoot = allCommands().filter((command) => command.page !== -1);
    for (const command of withRoot) {
      const page = command.page === 0 ? [] : [0, command.page];
      for (const token of [command.token, command.token | 0x40]) {
        const body = Buffer.from([3, 1, 0x6a, 0, ...page, token, 1]);
        for (const other of withRoot) {
          const expected = other === command ? 'ok' : 'EASGATE_BODY_ROOT';
          expect(checkBodyStart('wbxml', other.name, body, true)).toBe(expected);
        }
      }
    }
  });

  it('needs more bytes until the root element is complete', () => {
    const body = hex('03016a00000d4548');
    for (let cut = 0; cut < 7; cut++)
      expect(checkBodyStart('wbxml', 'Ping', body.subarray(0, cut), false)).toBe('need-more');
    expect(checkBodyStart('wbxml', 'Ping', body.subarray(0, 7), false)).toBe('ok');
  });

  it.each([
    ['string table', '03016a0553796e6300440001'],
    ['version 02', '02016a00454e'],
    ['public id 4', '03046a00454e'],
    ['other charset', '03010300454e'],
    ['two switches', '03016a00000000004500'],
    ['attribute bit', '03016a00c5'],
    ['LITERAL', '03016a00440001'],
    ['header only', '03016a00'],
    ['XML', Buffer.from('<Sync xmlns="AirSync:"/>').toString('hex')],
  ])('refuses %s', (_name, body) => {
    expect(checkBodyStart('wbxml', 'Sync', hex(body), true)).toMatch(/^EASGATE_BODY/);
  });

  it('reads the root element in a gzip body', () => {
    const ping = wbxml('<Ping xmlns="Ping:"><HeartbeatInterval>480</HeartbeatInterval></Ping>');
    expect(checkBodyStart('gzip-wbxml', 'Ping', gzipSync(ping), true)).toBe('ok');
    expect(checkBodyStart('gzip-wbxml', 'Sync', gzipSync(ping), true)).toBe('EASGATE_BODY_ROOT');
    expect(checkBodyStart('gzip-wbxml', 'Ping', ping, true)).toBe('EASGATE_BODY_GZIP');
    const bomb = gzipSync(Buffer.concat([ping, Buffer.alloc(50_000_000)]));
    expect(checkBodyStart('gzip-wbxml', 'Ping', bomb.subarray(0, 5_000), false)).toBe('ok');
  });

  it('refuses a gzip member that hides the root behind an empty one or optional fields', () => {
    const ping = gzipSync(hex('03016a00000d05'));
    expect(
      checkBodyStart('gzip-wbxml', 'Ping', Buffer.concat([gzipSync(Buffer.alloc(0)), ping]), true),
    ).toMatch(/^EASGATE_BODY/);
    const named = Buffer.concat([
      ping.subarray(0, 3),
      Buffer.from([8]),
      ping.subarray(4, 10),
      Buffer.from('x\0'),
      ping.subarray(10),
    ]);
    expect(checkBodyStart('gzip-wbxml', 'Ping', named, true)).toBe('EASGATE_BODY_GZIP');
  });
});
