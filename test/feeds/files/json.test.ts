// Owns the promises about JSON files: each record with its line, whatever is around it, and a damaged one is one record.
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RECORD, jsonLines, jsonTexts } from '../../../src/feeds/files/json.ts';
import type { JsonText } from '../../../src/feeds/files/json.ts';
import { recordsIn } from '../../../src/feeds/files/pages.ts';

async function texts(text: string, size = text.length, read = jsonTexts): Promise<JsonText[]> {
  const found: JsonText[] = [];
  for await (const one of read(pieces(text, Math.max(1, size)))) found.push(one);
  return found;
}

function pieces(text: string, size: number): AsyncIterable<string> {
  const count = Math.ceil(text.length / size);
  return Readable.from(
    Array.from({ length: count }, (_, index) => text.slice(index * size, (index + 1) * size)),
  );
}

/** The records of a text, as a feed sees them. */
async function records(text: string, size?: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const one of await texts(text, size))
    if (one.text === null) found.push(one.reason);
    else
      for (const { record } of recordsIn(JSON.parse(one.text), one.context))
        if (record !== null) found.push(record);
  return found;
}

describe('a record with lists of its own', () => {
  const GRAPH = { id: 'g1', easDeviceId: 'ApplX', complianceState: 'noncompliant' };

  it.each([
    ['users of a device of Graph', { ...GRAPH, users: [{ id: 'u1' }] }],
    ['no users of a device of Graph', { ...GRAPH, users: [] }],
    ['no applications of a device of Jamf', { mobileDeviceId: '1', general: {}, users: [], devices: [] }],
    ['rows of a device of no product', { id: 'ApplX', compliant: false, rows: [{ id: 'r1' }] }],
    ['an empty list beside much else', { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, items: [] }],
  ])('is the record: %s', async (_what, record) => {
    const page = { '@odata.context': 'x', value: [record] };
    for (const text of [JSON.stringify(record), JSON.stringify([record]), JSON.stringify(page, null, 1)])
      expect(await records(text)).toEqual([record]);
  });

  it('that is cut off is refused, and not read from its list', async () => {
    const text = JSON.stringify({ ...GRAPH, users: [{ id: 'u1' }, { id: 'u2' }] }).slice(0, -8);
    expect(await records(text)).toEqual(['the record is not complete (is the file cut off?)']);
  });
});

describe('records of a product', () => {
  const ONE = { id: 'g1', easDeviceId: 'ApplX', complianceState: 'noncompliant' };
  const OTHER = { ...ONE, id: 'g2', easDeviceId: 'ApplY' };

  it.each([
    ['a list whose name a script chose', { myPhones: [ONE, OTHER], count: 2 }],
    ['a list beside one of something else', { phones: [ONE, OTHER], notes: ['x'] }],
    ['an object with each under its id', { g1: ONE, g2: OTHER }],
    ['an object with each under its device id', { ApplX: ONE, ApplY: OTHER }],
  ])('are found in %s', async (_what, document) => {
    expect(await records(JSON.stringify(document))).toEqual([ONE, OTHER]);
  });

  it.each([
    ['two lists of them', { before: [ONE], after: [OTHER] }],
    ['an object with them under other names', { before: ONE, after: OTHER }],
    ['an object with one that has another id', { g1: ONE, g3: OTHER }],
  ])('are not looked for in %s', async (_what, document) => {
    expect(await records(JSON.stringify(document))).toEqual([document]);
  });
});

describe('records', () => {
  const A = { id: 'a', nested: { list: [{ x: 1 }] } };
  const B = { id: 'b' };

  it.each([
    ['an array', JSON.stringify([A, B])],
    ['an array, printed', JSON.stringify([A, B], null, 2)],
    ['a page of Graph', JSON.stringify({ '@odata.context': 'x', value: [A, B] })],
    [
      'a page in a wrapper',
      JSON.stringify({ errors: null, result: { totalCount: 2, searchResults: [A, B] } }),
    ],
    ['a page whose list begins with null', JSON.stringify({ value: [null, A, B] })],
    ['arrays in an array', JSON.stringify([[A], [B]])],
    [
      'pages one after the other',
      `${JSON.stringify({ value: [A] })}\n${JSON.stringify({ value: [B] }, null, 1)}`,
    ],
    [
      'a wrapped object behind another',
      `${JSON.stringify({ mobile_device: A })}${JSON.stringify({ mobile_device: B })}`,
    ],
    ['objects with nothing between them', `${JSON.stringify(A)}${JSON.stringify(B)}`],
  ])('are found in %s, in pieces of any size', async (_, text) => {
    for (const size of [1, 2, 7, text.length]) expect(await records(text, size)).toEqual([A, B]);
  });

  it('know the line on which they begin', async () => {
    const text = JSON.stringify({ count: 2, value: [A, B] }, null, 2);
    const lines = text.split('\n');
    expect((await texts(text)).map(({ line }) => lines[line - 1]?.trim())).toEqual(['{', '{']);
    expect((await texts(text)).map(({ line }) => line)).toEqual([4, 14]);
  });

  it('know what the document says around them, also behind them', async () => {
    const [one] = await texts(JSON.stringify({ devices: [A], eventType: 'device.retired' }));
    expect(one?.context).toEqual({ eventType: 'device.retired' });
  });

  it('of a document larger than is read at once are found one by one', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => ({ id: index, text: 'x'.repeat(2_000) }));
    const text = JSON.stringify({ eventType: 'e', value: many });
    const found = await texts(text, 65_536);
    expect(found).toHaveLength(3_000);
    expect(found[2_999]?.context).toEqual({ eventType: 'e' });
  });

  it('of any JSON are what JSON.parse finds in it, in pieces of any size', async () => {
    const value = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        value,
        fc.integer({ min: 1, max: 30 }),
        fc.boolean(),
        async (list, size, isPrinted) => {
          const text = isPrinted ? JSON.stringify(list, null, 2) : JSON.stringify(list);
          const found = (await texts(text, size)).map((one) =>
            one.text === null ? one.reason : (JSON.parse(one.text) as unknown),
          );
          expect(found).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  it('never make the splitter throw, whatever the text', async () => {
    const text = fc.string({
      unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'a', '1', '\n', ' '),
    });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (written, size) => {
        await texts(written, size);
        await texts(written, size, jsonLines);
      }),
    );
  });
});

describe('a damaged record', () => {
  it('leaves the others of its page as they are', async () => {
    const text = '{"value":[{"id":1},\n{"id": oops},\n{"id":3}]}';
    const found = await texts(text);
    expect(found.map(({ line, text: record }) => [line, record])).toEqual([
      [1, '{"id":1}'],
      [2, '{"id": oops}'],
      [3, '{"id":3}'],
    ]);
  });

  it('at the end of a file that was cut off is refused with its line', async () => {
    const found = await texts('{"value":[{"id":1},\n{"id":2},\n{"i');
    expect(found.map(({ line, reason }) => [line, reason === ''])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
  });

  it('in more lists than any page has is refused, so that a line of brackets fills no memory', async () => {
    const within = (depth: number): string => `${'['.repeat(depth)}{"a":1}${']'.repeat(depth)}\n{"b":1}`;
    expect(await records(within(16))).toEqual([{ a: 1 }, { b: 1 }]);
    expect(await records(within(200), 64)).toEqual(['the record is nested deeper than 64', { b: 1 }]);
  });

  it('that is too long or nested too deep is refused, and the next one is read', async () => {
    const long = `[{"a":"${'x'.repeat(MAX_RECORD + 10)}"},{"b":1}]`;
    const deep = `[{"a":${'['.repeat(100)}${']'.repeat(100)}},{"b":1}]`;
    for (const text of [long, deep])
      expect((await texts(text, 65_536)).map((one) => one.text)).toEqual([null, '{"b":1}']);
  });
});

describe('JSON lines', () => {
  it('stand each for themselves: a broken one takes no other along', async () => {
    const found = await texts('{"a":1}\n\n{"b\n{"c":3}\r\n\u001e{"d":4}\n{"e', undefined, jsonLines);
    expect(found.map(({ line, text }) => [line, text])).toEqual([
      [1, '{"a":1}'],
      [3, '{"b'],
      [4, '{"c":3}'],
      [5, '{"d":4}'],
      [6, '{"e'],
    ]);
  });
});

it.each([
  [{ id: 'ApplY', platform: 'ios', users: [] }],
  [{ id: 'ApplY', serialNumber: 'S1EXAMPLE', platform: 'ios', users: [{ name: 'alice' }] }],
  [{ easDeviceId: 'ApplY', items: [{ name: 'mail' }] }],
])('a record with a list of its own is a record: %j', (record) => {
  expect([...recordsIn([{ id: 'ApplX' }, record])].map((found) => found.record)).toEqual([{ id: 'ApplX' }, record]);
}); // prettier-ignore

it('an empty page has no record', () => {
  expect([...recordsIn({ '@odata.count': 0, value: [] })]).toEqual([]);
});
