// Owns the promise about SWITCH_PAGE: inside the root it may stand before any token, as TbSync writes it.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkBodyStart } from '../../src/eas/body-gate.ts';
import { heartbeatOf } from '../../src/eas/heartbeat.ts';
import type { EasCommand } from '../../src/eas/commands.ts';
import { OutlineReader } from '../../src/quarantine/outline.ts';
import { findTag } from '../../src/eas/wbxml/code-pages.ts';
import { decodeBeginning, decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { isElement } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { DEFAULT_LIMITS } from '../../src/eas/wbxml/limits.ts';
import { toXml } from '../../src/eas/wbxml/xml.ts';
import { captures, vectors } from '../support/checks/fixtures.ts';
import { WBXML2XML, mayUse } from '../support/programs.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const { bodies } = vectors<{ bodies: { url: string; bodyHex: string }[] }>('tbsync-bodies');
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const commandOf = (url: string): EasCommand => /Cmd=(\w+)/.exec(url)?.[1] as EasCommand;

describe('a recorded body with a page switch before END', () => {
  it.each(bodies.map(({ url, bodyHex }) => ({ command: commandOf(url), body: bytesOf(bodyHex) })))(
    'passes the gate and is read whole: $command',
    ({ command, body }) => {
      expect(checkBodyStart('wbxml', command, body, true)).toBe('ok');
      const tree = decodeWbxml(body);
      expect(toXml(tree)).toMatch(/<Options xmlns="AirSync:">.*<Class>\w+<\/Class><\/Options>/);
      expect(decodeBeginning(body, DEFAULT_LIMITS)).toEqual(tree);
    },
  );
});

/** Pages that a switch may select besides the current one; the next tag selects its own again. */
const anyPage = fc.constantFrom(0, 2, 7, 13, 17, 25);
/** Page switches before one token; the last one counts. */
const switches = fc.array(anyPage, { maxLength: 3 });

/** Writes a tree with page switches before its tokens, as many as `next` returns; before the root only its own. */
function encodeOddly(root: WbxmlElement, next: () => readonly number[]): Buffer {
  const bytes = [0x03, 0x01, 0x6a, 0x00];
  let page = 0;
  const switchTo = (wanted: number): void => {
    page = wanted;
    bytes.push(0x00, wanted);
  };
  const write = (element: WbxmlElement, isRoot: boolean): void => {
    const tag = findTag(element.namespace, element.name);
    if (tag === undefined) throw new Error(`no token for ${element.name}`);
    if (!isRoot) next().forEach(switchTo);
    if (tag.page !== page) switchTo(tag.page);
    bytes.push(tag.token | 0x40);
    for (const content of element.children) {
      if (isElement(content)) {
        write(content, false);
        continue;
      }
      next().forEach(switchTo);
      if (typeof content === 'string') bytes.push(0x03, ...Buffer.from(content), 0x00);
      else bytes.push(0xc3, content.length, ...content);
    }
    next().forEach(switchTo);
    bytes.push(0x01);
  };
  write(root, true);
  return Buffer.from(bytes);
}

const ROOTS: readonly WbxmlElement[] = captures()
  .flatMap(({ exchanges }) => exchanges)
  .map(({ requestBody }) => Buffer.from(requestBody, 'base64'))
  .filter((body) => body.length > 0 && body.length < 300)
  .map((body) => decodeWbxml(body));

describe('page switches before any token', () => {
  const odd = fc.tuple(fc.constantFrom(...ROOTS), fc.infiniteStream(switches)).map(([root, stream]) => ({
    root,
    bytes: encodeOddly(root, () => stream.next().value ?? []),
  }));

  it('do not change the content of a document, however it is cut', () => {
    fc.assert(
      fc.property(odd, fc.nat(), ({ root, bytes }, place) => {
        expect(toXml(decodeWbxml(bytes))).toBe(toXml(root));
        const outline = new OutlineReader();
        const cut = place % bytes.length;
        outline.push(bytes.subarray(0, cut));
        outline.push(bytes.subarray(cut));
        expect(outline.end().name).toBe(root.name);
      }),
      { numRuns: 500 },
    );
  });

  it.runIf(mayUse(WBXML2XML))('are read in the same way by libwbxml, which sogod uses', () => {
    const judged = (bytes: Buffer): string =>
      spawnSync('wbxml2xml', ['-l', 'ACTIVESYNC', '-m', '0', '-o', '-', '-'], { input: bytes })
        .stdout.toString()
        .replace(/<\?xml[^>]*>|<!DOCTYPE[^>]*>|\n/g, '');
    fc.assert(
      fc.property(odd, ({ root, bytes }) => {
        expect(judged(bytes)).toBe(judged(encodeOddly(root, () => [])));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['END', '03016a00 00 07 56 52 03 30 00 00 00 01 01'],
    ['the END of the root', '03016a00 00 07 56 52 03 30 00 01 00 02 01'],
    ['text', '03016a00 00 07 56 52 00 05 03 30 00 01 01'],
    ['bytes', '03016a00 00 07 56 52 00 05 c3 01 30 01 01'],
    ['an element without content', '03016a00 00 07 56 00 07 52 03 30 00 01 01'],
    ['another switch', '03016a00 00 07 56 00 00 00 07 52 03 30 00 01 01'],
    ['END, behind an empty element', '03016a00 00 07 56 52 03 30 00 01 00 00 00 07 01'],
  ])('are accepted before %s', (_place, hex) => {
    const { name, children } = decodeWbxml(bytesOf(hex));
    expect(name).toBe('FolderSync');
    expect(children).toHaveLength(1);
  });

  it('do not hide the heartbeat of a Ping', () => {
    // <Ping>, a switch, <HeartbeatInterval>480, a switch before its END
    const ping = bytesOf('03016a00 00 0d 45 00 02 00 0d 48 03 343830 00 00 00 01 01');
    expect(heartbeatOf('wbxml', 'Ping', ping)).toBe(480);
    const behind = bytesOf('03016a00 00 0d 45 49 00 0d 01 48 03 343830 00 01 01');
    expect(heartbeatOf('wbxml', 'Ping', behind)).toBe(480);
  });
});
