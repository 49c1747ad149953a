// Owns the promises of the search for keys and ids of the quarantine mailbox, however a text is split or the body is chunked.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IssuedScan, findIssued } from '../../src/quarantine/issued-scan.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';

const KEY = 'easg1-AAAAAAAAAAAAAAA';

/** A FolderSync whose SyncKey has these contents. */
function folderSync(...contents: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('03016a0000075652', 'hex'), ...contents, Buffer.from('0101', 'hex')]);
}

const inline = (text: string): Buffer => Buffer.from(`\u0003${text}\0`, 'latin1');
const opaque = (text: string): Buffer =>
  Buffer.from(`\u00c3${String.fromCharCode(text.length)}${text}`, 'latin1');
/** A character by its number, as libwbxml reads it (WBXML 1.3, 5.8.4.2). */
const entities = (text: string): Buffer =>
  Buffer.from([...text].flatMap((character) => [0x02, character.charCodeAt(0)]));

describe('a key of the quarantine mailbox', () => {
  it('is found when it is split over several texts of any kind', () => {
    const parts = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.constantFrom(inline, opaque, entities)), {
      minLength: 1,
    });
    fc.assert(
      fc.property(parts, (cuts) => {
        let rest = KEY;
        const contents = cuts.map(([length, kind]) => {
          const part = rest.slice(0, length);
          rest = rest.slice(length);
          return kind(part);
        });
        expect(findIssued(folderSync(...contents, inline(rest)))).toBe('issued');
      }),
    );
  });

  it('is found when an element interrupts its text', () => {
    expect(findIssued(folderSync(inline('eas'), Buffer.from([0x05]), inline('g1-A')))).toBe('issued');
    expect(findIssued(folderSync(inline('eas'), Buffer.from([0x45, 1]), inline('g1-A')))).toBe('issued');
  });

  it('is found however the body is cut', () => {
    const bodies = [
      folderSync(inline('ea'), opaque('sg1'), inline('-x')),
      folderSync(opaque(KEY)),
      encodeWbxml(
        fromXml(
          `<Sync xmlns="AirSync:"><Collections><Collection><SyncKey>1</SyncKey><CollectionId>2</CollectionId></Collection><Collection><SyncKey>1</SyncKey><CollectionId>${KEY}</CollectionId></Collection></Collections></Sync>`,
        ),
      ),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...bodies), fc.array(fc.nat({ max: 40 })), (body, cuts) => {
        const scan = new IssuedScan();
        let at = 0;
        for (const cut of cuts) {
          scan.push(body.subarray(at, at + cut));
          at += cut;
        }
        expect(scan.push(body.subarray(at))).toBe('issued');
      }),
    );
  });

  it.each([
    [
      'a text a person wrote',
      '<Sync xmlns="AirSync:"><Commands><Add><ApplicationData><Subject xmlns="Email:">KEY</Subject></ApplicationData></Add></Commands></Sync>',
    ],
    ['the middle of an id', '<FolderSync xmlns="FolderHierarchy:"><SyncKey>xKEY</SyncKey></FolderSync>'],
    [
      'two elements',
      '<FolderSync xmlns="FolderHierarchy:"><SyncKey>eas</SyncKey><SyncKey>g1-A</SyncKey></FolderSync>',
    ],
  ])('is not found in %s', (_, xml) => {
    expect(findIssued(encodeWbxml(fromXml(xml.replace('KEY', KEY))))).toBe('clean');
  });

  it('is not searched for after the root element, which no server reads', () => {
    const body = Buffer.concat([folderSync(inline('1')), folderSync(inline(KEY))]);
    expect(findIssued(body)).toBe('clean');
  });
});

describe('a body that cannot be parsed', () => {
  it.each([
    ['a string table', '03016a00000756528300'],
    ['a tag with attributes', '03016a0000075652d2'],
    ['a literal tag', '03016a00000756444400'],
    ['an extension', '03016a0000075652c0'],
    ['a processing instruction', '03016a0000075643'],
    ['a length of five octets', '03016a0000075652c38181818101'],
    ['another header', '02016a0000075652'],
    ['an end before its beginning', '03016a0001'],
  ])('because of %s is reported as odd', (_, hex) => {
    expect(findIssued(Buffer.from(hex, 'hex'))).toBe('odd');
  });

  it('because of its depth is reported as odd', () => {
    expect(findIssued(Buffer.concat([Buffer.from('03016a00', 'hex'), Buffer.alloc(65, 0x45)]))).toBe('odd');
  });

  it('never causes an exception, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const found = findIssued(Buffer.concat([Buffer.from('03016a00', 'hex'), bytes]));
        expect(['clean', 'issued', 'odd']).toContain(found);
      }),
    );
  });
});
