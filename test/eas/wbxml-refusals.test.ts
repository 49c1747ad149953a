// Owns the promises of refusals: each token that EAS does not use and each limit has its own error code and the right octet,
// so that each document is refused for the intended reason.
import { describe, expect, it } from 'vitest';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { WbxmlError, element } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement, WbxmlErrorCode } from '../../src/eas/wbxml/element.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { DEFAULT_LIMITS } from '../../src/eas/wbxml/limits.ts';
import type { WbxmlLimits } from '../../src/eas/wbxml/limits.ts';
import { MAX_LENGTH } from '../../src/eas/wbxml/tokens.ts';

/** The code, and the octet after the refused one when the message names it. */
function refusal(work: () => unknown): { code: WbxmlErrorCode; octet: number } {
  try {
    work();
  } catch (error) {
    if (!(error instanceof WbxmlError)) throw error;
    return { code: error.code, octet: Number(/at octet (\d+)$/.exec(error.message)?.[1] ?? -1) };
  }
  throw new Error('not refused');
}

const decode = (hex: string, limits: Partial<WbxmlLimits> = {}): WbxmlElement =>
  decodeWbxml(Buffer.from(hex.replaceAll(' ', ''), 'hex'), { ...DEFAULT_LIMITS, ...limits });

/** Header, <Sync><Status>; END END closes them. */
const OPEN = '03016a00 45 4e';
const CLOSE = '01 01';

describe('the decoder refuses at its octet', () => {
  it('nothing in the valid document that the malformed ones are made from', () => {
    expect(decode(`${OPEN} 03 31 00 ${CLOSE}`).children).toHaveLength(1);
    expect(decode(`${OPEN} c3 01 31 ${CLOSE}`).children).toHaveLength(1);
    expect(decode('03016a00 45 00 02 4f 01 01').children).toHaveLength(1);
  });

  it.each([
    ['LITERAL', '04'],
    ['LITERAL_C', '44'],
    ['LITERAL_A', '84'],
    ['LITERAL_AC', 'c4'],
    ['STR_T', '83'],
    ['ENTITY', '02'],
    ['PI', '43'],
    ['EXT_I_0', '40'],
    ['EXT_I_1', '41'],
    ['EXT_I_2', '42'],
    ['EXT_T_0', '80'],
    ['EXT_T_1', '81'],
    ['EXT_T_2', '82'],
    ['EXT_0', 'c0'],
    ['EXT_1', 'c1'],
    ['EXT_2', 'c2'],
    ['a tag with attributes', '8b'],
    ['a tag with attributes and content', 'cb'],
  ])('%s, inside and in place of the root', (_name, token) => {
    expect(refusal(() => decode(`${OPEN} ${token} 00 ${CLOSE}`))).toEqual({
      code: 'EASGATE_WBXML_TOKEN',
      octet: 7,
    });
    expect(refusal(() => decode(`03016a00 ${token} 00`))).toEqual({ code: 'EASGATE_WBXML_TOKEN', octet: 5 });
  });

  const rows: readonly (readonly [string, string, WbxmlErrorCode, number])[] = [
    ['two pages in a row ahead of the root', '03016a00 00 0d 00 00 45 01', 'EASGATE_WBXML_TOKEN', 7],
    ['text behind a page ahead of the root', '03016a00 00 00 03 31 00 05', 'EASGATE_WBXML_TOKEN', 7],
    ['an end behind a page ahead of the root', '03016a00 00 00 01 05', 'EASGATE_WBXML_TOKEN', 7],
    ['a page behind the root', `${OPEN} ${CLOSE} 00 00`, 'EASGATE_WBXML_TRAILING', 8],
    ['a document that ends behind a page', `${OPEN} 01 00 00`, 'EASGATE_WBXML_TRUNCATED', 9],
    ['a document that ends within a page', `${OPEN} 01 00`, 'EASGATE_WBXML_TRUNCATED', 8],
    ['text ahead of the root', '03016a00 03 31 00 05', 'EASGATE_WBXML_TOKEN', 5],
    ['bytes ahead of the root', '03016a00 c3 01 31 05', 'EASGATE_WBXML_TOKEN', 5],
    ['an end ahead of the root', '03016a00 01 05', 'EASGATE_WBXML_TOKEN', 5],
    ['a length with a leading zero septet', `${OPEN} c3 80 01 31 ${CLOSE}`, 'EASGATE_WBXML_TOKEN', 8],
    ['a length of zero with a leading zero septet', `${OPEN} c3 80 00 ${CLOSE}`, 'EASGATE_WBXML_TOKEN', 8],
    ['a length of five septets', `${OPEN} c3 81 80 80 80 00`, 'EASGATE_WBXML_LIMIT', 12],
    ['a second root', `${OPEN} ${CLOSE} 05`, 'EASGATE_WBXML_TRAILING', 8],
    ['a zero behind the root', `${OPEN} ${CLOSE} 00`, 'EASGATE_WBXML_TRAILING', 8],
    ['an end behind the root', `${OPEN} ${CLOSE} 01`, 'EASGATE_WBXML_TRAILING', 8],
    ['bytes behind an empty root', '03016a00 05 05', 'EASGATE_WBXML_TRAILING', 5],
    ['a tag no page lists', `03016a00 45 2a ${CLOSE}`, 'EASGATE_WBXML_UNKNOWN_TAG', 6],
    ['a page beyond the last', '03016a00 45 00 1a 05 01', 'EASGATE_WBXML_UNKNOWN_TAG', 8],
    ['page 254', '03016a00 45 00 fe 05 01', 'EASGATE_WBXML_UNKNOWN_TAG', 8],
    ['WBXML 1.2', '02016a00 05', 'EASGATE_WBXML_HEADER', 0],
    ['another public id', '03026a00 05', 'EASGATE_WBXML_HEADER', 1],
    ['a public id in the string table', '0300006a00 05', 'EASGATE_WBXML_HEADER', 1],
    ['US-ASCII', '03010300 05', 'EASGATE_WBXML_HEADER', 2],
    ['ISO-8859-1', '03010400 05', 'EASGATE_WBXML_HEADER', 2],
    ['a string table', '03016a05 53796e6300 44 00 01', 'EASGATE_WBXML_HEADER', 3],
    ['text with a lone byte', `${OPEN} 03 ff 00 ${CLOSE}`, 'EASGATE_WBXML_TEXT', 7],
    ['text with a NUL written longer', `${OPEN} 03 c080 00 ${CLOSE}`, 'EASGATE_WBXML_TEXT', 7],
    ['text with a surrogate', `${OPEN} 03 eda080 00 ${CLOSE}`, 'EASGATE_WBXML_TEXT', 7],
    ['text with half a character', `${OPEN} 03 e282 00 ${CLOSE}`, 'EASGATE_WBXML_TEXT', 7],
  ];
  it.each(rows)('%s', (_name, hex, code, octet) => {
    expect(refusal(() => decode(hex))).toEqual({ code, octet });
  });

  it('a document that is truncated anywhere', () => {
    const whole = Buffer.from(
      `${OPEN} 03 e282ac 00 01 c3 8148 ${'61'.repeat(200)} 00 02 05 01`.replaceAll(' ', ''),
      'hex',
    );
    // Status is closed after the text: the rest is in Sync.
    expect(decodeWbxml(whole).children).toHaveLength(3);
    for (let length = 0; length < whole.length; length++) {
      const { code, octet } = refusal(() => decodeWbxml(whole.subarray(0, length)));
      expect([code, octet]).toEqual(['EASGATE_WBXML_TRUNCATED', length]);
    }
  });

  it('an opaque content whose length exceeds the document', () => {
    expect(refusal(() => decode(`${OPEN} c3 05 31`))).toEqual({ code: 'EASGATE_WBXML_TRUNCATED', octet: 9 });
    expect(refusal(() => decode(`${OPEN} c3 ff ff ff 7f 31`))).toEqual({
      code: 'EASGATE_WBXML_TRUNCATED',
      octet: 12,
    });
  });
});

describe('with keepUnknown', () => {
  it('unknown tags and pages are named by their numbers, and everything else is refused as before', () => {
    expect(decode('03016a00 6a 00 1a 05 01', { keepUnknown: true })).toEqual({
      namespace: 'AirSync',
      name: 'unknown-00-2a',
      children: [{ namespace: 'unknown-1a', name: 'unknown-1a-05', children: [] }],
    });
    expect(refusal(() => decode(`${OPEN} 44 00 ${CLOSE}`, { keepUnknown: true })).code).toBe(
      'EASGATE_WBXML_TOKEN',
    );
  });
});

/** A chain of `depth` elements. */
function nested(depth: number): WbxmlElement {
  let node = element('AirSync', 'Sync');
  for (let level = 1; level < depth; level++) node = element('AirSync', 'Sync', node);
  return node;
}

/** A root with `count - 1` children, by turns elements, texts and bytes in elements of their own. */
function wide(count: number): WbxmlElement {
  const children: WbxmlElement[] = [];
  let left = count - 1;
  while (left >= 2) {
    children.push(element('AirSync', 'Sync', children.length % 2 === 0 ? 'a' : Buffer.from('a')));
    left -= 2;
  }
  if (left === 1) children.push(element('AirSync', 'Sync'));
  return element('AirSync', 'Sync', ...children);
}

const LIMIT = 'EASGATE_WBXML_LIMIT';

describe.each([
  ['depth', 'maxDepth', 32, nested],
  ['nodes', 'maxNodes', 101, wide],
] as const)('the limit of %s', (_name, key, most, make) => {
  const limits = { ...DEFAULT_LIMITS, [key]: most };

  it('allows exactly the limit, in decoder and encoder', () => {
    const bytes = encodeWbxml(make(most), limits);
    expect(decodeWbxml(bytes, limits)).toEqual(make(most));
  });

  it('refuses one more, in decoder and encoder', () => {
    const bytes = encodeWbxml(make(most + 1), { ...DEFAULT_LIMITS, maxDepth: 1_000 });
    expect(refusal(() => decodeWbxml(bytes, limits)).code).toBe(LIMIT);
    expect(refusal(() => encodeWbxml(make(most + 1), limits)).code).toBe(LIMIT);
    // The rest of the document is valid.
    expect(decodeWbxml(bytes, { ...limits, [key]: most + 1 })).toEqual(make(most + 1));
  });
});

describe('the limit of bytes', () => {
  it.each([
    ['text', element('AirSync', 'Sync', 'x'.repeat(1_000))],
    ['opaque', element('AirSync', 'Sync', Buffer.alloc(1_000, 'x'))],
    ['elements', wide(801)],
  ])('lets the last one pass and refuses the next, both ways: %s', (_name, root) => {
    const bytes = encodeWbxml(root);
    const just = { ...DEFAULT_LIMITS, maxBytes: bytes.length };
    const less = { ...DEFAULT_LIMITS, maxBytes: bytes.length - 1 };
    expect(encodeWbxml(root, just)).toEqual(bytes);
    expect(decodeWbxml(bytes, just)).toEqual(root);
    expect(refusal(() => encodeWbxml(root, less)).code).toBe(LIMIT);
    expect(refusal(() => decodeWbxml(bytes, less))).toEqual({ code: LIMIT, octet: bytes.length - 1 });
  });

  it('stops the encoder before it buffers much more', () => {
    const root = element('AirSync', 'Sync', 'x'.repeat(10_000_000));
    expect(refusal(() => encodeWbxml(root, { ...DEFAULT_LIMITS, maxBytes: 1_000 })).code).toBe(LIMIT);
  });

  it('refuses opaque content whose length needs more than four octets', () => {
    const root = element('ComposeMail', 'Mime', Buffer.alloc(MAX_LENGTH + 1));
    expect(refusal(() => encodeWbxml(root, { ...DEFAULT_LIMITS, maxBytes: Infinity })).code).toBe(LIMIT);
  });
});

describe('the encoder refuses', () => {
  it.each<[string, WbxmlElement, WbxmlErrorCode]>([
    [
      'a tag no page lists',
      { namespace: 'AirSync', name: 'Nothing', children: [] },
      'EASGATE_WBXML_UNKNOWN_TAG',
    ],
    ['a tag of another page', { namespace: 'Ping', name: 'Sync', children: [] }, 'EASGATE_WBXML_UNKNOWN_TAG'],
    ['a page that is not', { namespace: 'Nothing', name: 'Sync', children: [] }, 'EASGATE_WBXML_UNKNOWN_TAG'],
    [
      'a name of Object',
      { namespace: 'AirSync', name: 'constructor', children: [] },
      'EASGATE_WBXML_UNKNOWN_TAG',
    ],
    ['a short text with NUL', element('AirSync', 'Sync', 'a\0b'), 'EASGATE_WBXML_TEXT'],
    ['a long text with NUL', element('AirSync', 'Sync', `${'a'.repeat(5_000)}\0`), 'EASGATE_WBXML_TEXT'],
    ['a lone surrogate', element('AirSync', 'Sync', 'a\ud800b'), 'EASGATE_WBXML_TEXT'],
    [
      'a long text with a lone surrogate',
      element('AirSync', 'Sync', `${'a'.repeat(5_000)}\udc00`),
      'EASGATE_WBXML_TEXT',
    ],
  ])('%s', (_name, root, code) => {
    expect(refusal(() => encodeWbxml(root)).code).toBe(code);
  });
});
