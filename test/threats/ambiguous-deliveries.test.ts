// Threat: a record that a filter in front of easgate reads in one way and easgate in another: names that stand twice (RFC 8259 4),
// other encodings (RFC 8259 8.1), other content than the type says (RFC 9110 8.3), values that hide in other ones.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { repeatedName } from '../../src/feeds/repeated-names.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { FEEDS, ndjson, pushed, receiverOf, signed } from '../support/servers/receiver.ts';

checkLeaks();

const TWICE = [
  '{"id":"PHONE1","compliant":false,"managed":true,"compliant":true}',
  '{"id":"PHONE1","managed":true,"compliant":false,"compli\\u0061nt":true}',
  '{"id":"PHONE1","managed":true,"attributes":{"a":1,"a":2}}',
];

describe('a webhook', () => {
  it.each(TWICE)('with a name that stands twice is refused: %s', async (body) => {
    const { send, device } = await receiverOf(FEEDS);
    const { status, body: answer } = await send('/receive/timed', { headers: signed(body), body });
    expect([status, answer['code']]).toEqual([422, 'EASGATE_DELIVERY_CONTENT']);
    expect(await device('PHONE1')).toBeNull();
  });

  it('that is no JSON in UTF-8, or packed, is refused', async () => {
    const { send } = await receiverOf(FEEDS);
    const good = '{"id":"PHONE1","managed":true}';
    for (const body of [
      Buffer.from(good, 'utf16le'),
      Buffer.from('{"id":"\xff"}', 'latin1'),
      `${good}\n${good}`,
      '',
      'id,managed\nPHONE1,true',
    ])
      expect((await send('/receive/timed', { headers: signed(body), body })).status).toBe(422);
    const packed = gzipSync(good);
    const headers = { ...signed(packed), 'Content-Encoding': 'gzip' };
    expect((await send('/receive/timed', { headers, body: packed })).status).toBe(415);
    const typed = { ...signed(good), 'Content-Type': 'text/plain' };
    expect((await send('/receive/timed', { headers: typed, body: good })).status).toBe(415);
  });
});

describe('a pushed record', () => {
  // What stands behind a second question mark was lost, so that records were written.
  it.each(['bulk?devices=1?dryRun=true', 'delta?dryRun=true?dryRun=false'])(
    'whose query has another question mark is refused: %s',
    async (verb) => {
      const { send, device } = await receiverOf(FEEDS);
      const body = ndjson({ id: 'PHONE1', managed: true });
      expect((await send(`/receive/mdm/${verb}`, { headers: pushed(), body })).status).toBe(400);
      expect(await device('PHONE1')).toBeNull();
    },
  );

  it.each([
    ...TWICE,
    '{"id":"PHONE1","managed":true,"compliant":false,"Compliant":true}',
    '{"id":"PHONE1","device_id":"PHONE2","managed":true}',
    '{"id":"PHONE1","managed":true,"managed_mail_profile":false,"managedMailProfile":true}',
    '{"id":"PHONE1","owner":{"names":["alice@contoso.com"]},"managed":true}',
    '{"id":"PHONE1","os":{"version":"99"},"managed":true}',
    '{"id":"PHONE1","managed":{"valueOf":true}}',
    '[{"id":"PHONE1","managed":true}]',
    '{"id":"PHONE1","managed":true} {"id":"PHONE2","managed":true}',
    '{"id":"PHONE1","managed":true,"__proto__":{"compliant":true}}',
    '{"id":"PHONE1","managed":true,"constructor":{"prototype":{"compliant":true}}}',
    '{"type":"wipe","id":"PHONE1"}',
    '{"type":"decision","device":"PHONE1","action":"wipe"}',
    `{"id":"PHONE1","managed":true,"model":"${'x'.repeat(70_000)}"}`,
    `${'{"attributes":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  ])('that is not fully understood is refused: %.90s', async (line) => {
    const { send, device } = await receiverOf(FEEDS);
    const { status, body } = await send('/receive/mdm/delta', { headers: pushed(), body: `${line}\n` });
    expect([status, body['refused']]).toMatchObject([200, { count: 1 }]);
    expect([await device('PHONE1'), await device('PHONE2')]).toEqual([null, null]);
  });

  it('is one line: CR, LF and other line ends inside of a text do not begin another one', async () => {
    const { send } = await receiverOf(FEEDS);
    const record = { id: 'PHONE1', managed: true, model: 'a\u2028{"id":"PHONE2"}\u2029b\u0085c\r\nd' };
    const { body } = await send('/receive/mdm/delta', { headers: pushed(), body: ndjson(record) });
    expect(body['results']).toEqual([{ line: 1, result: 'accepted' }]);
  });

  it('in another encoding than UTF-8 ends the push, and nothing is written', async () => {
    const { send, device } = await receiverOf(FEEDS);
    const body = Buffer.concat([
      Buffer.from(ndjson({ id: 'PHONE1', managed: true })),
      Buffer.from([0xff, 0x0a]),
    ]);
    expect((await send('/receive/mdm/delta', { headers: pushed(), body })).status).toBe(422);
    expect(await device('PHONE1')).toBeNull();
  });
});

describe('the search for repeated names', () => {
  it('finds none in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        // JSON.parse keeps the last of several: what it writes again has each name once.
        expect(repeatedName(JSON.stringify(JSON.parse(text)))).toBeNull();
      }),
    );
  });

  it('finds a name that is put into any object a second time', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
        fc.jsonValue(),
        (object, value) => {
          const [name = ''] = Object.keys(object);
          const text = `[${JSON.stringify(value)},${JSON.stringify(object).slice(0, -1)},${JSON.stringify(name)}:1}]`;
          expect(repeatedName(text)).toBe(name);
        },
      ),
    );
  });
});
