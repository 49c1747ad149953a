// Threat: few bytes cost the gateway, or the mail server, much time or memory (CWE-409, CWE-1333, CWE-400).
import { Readable } from 'node:stream';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { onlyCookie } from '../../src/api/auth/guard.ts';
import { readXml } from '../../src/eas/autodiscover/xml.ts';
import { checkBodyStart } from '../../src/eas/body-gate.ts';
import { clixmlRecords } from '../../src/feeds/files/clixml.ts';
import { readPropertyList } from '../../src/feeds/files/property-list.ts';
import { xmlRecords } from '../../src/feeds/files/xml-records.ts';
import { nextLink } from '../../src/feeds/json-api/paging.ts';
import { dnKey } from '../../src/feeds/ldap/entry.ts';
import { treeOf } from '../../src/gateway/access/body-tree.ts';
import { GateMemo } from '../../src/gateway/access/gate.ts';
import { asksForEas } from '../../src/gateway/pass-through/eas-query.ts';
import { withoutSchemes } from '../../src/http/challenges.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { quickestOf } from '../support/checks/work-time.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';
import { openQuarantine } from '../support/servers/quarantine.ts';
import { request } from '../support/servers/test-gateway.ts';

checkLeaks();

describe('a body', () => {
  it('in chunks of one byte is forwarded in large chunks', async () => {
    const size = 70_000;
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    phone.send(request('Sync', Buffer.alloc(0), ['Transfer-Encoding: chunked']));
    phone.send(`${size.toString(16)}\r\n${'\x03\x01\x6a\x00\x45'.padEnd(size, 'a')}\r\n`);
    await until(() => backend.connections.length === 1, 'the beginning to be forwarded');
    phone.send('1\r\nb\r\n'.repeat(10_000) + '0\r\n\r\n');
    await phone.response();
    const [seen] = backend.requests;
    expect(seen?.body.length).toBe(size + 10_000);
    const octets = backend.connections[0]?.received.length ?? Infinity;
    expect(octets - (seen?.head.length ?? 0) - size - 10_000).toBeLessThan(1_000);
  });

  it.each([0, 1, 100, 600])('compressed by gzip is checked behind %i empty blocks', (blocks) => {
    const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    const empty = Buffer.alloc(5 * blocks, Buffer.from('000000ffff', 'hex'));
    const wbxml = Buffer.concat([Buffer.from('03016a00000756', 'hex'), Buffer.alloc(4_000_000)]);
    const bytes = Buffer.concat([header, empty, deflateRawSync(wbxml, { level: 9 })]);
    expect(checkBodyStart('gzip-wbxml', 'FolderSync', bytes, true)).toBe('ok');
    expect(checkBodyStart('gzip-wbxml', 'Ping', bytes, true)).toBe('EASGATE_BODY_ROOT');
  });
});

describe('a small body that expands to very many elements', () => {
  it('is refused', async () => {
    const { gateway } = await openQuarantine();
    const phone = await phoneOf(gateway);
    const elements = Buffer.alloc(100_000, 0x05);
    const body = gzipSync(Buffer.concat([Buffer.from('03016a0045', 'hex'), elements, Buffer.from([1])]));
    expect(body.length).toBeLessThan(400);
    phone.send(request('Sync', body, ['Content-Encoding: gzip'], 'PHONE1'));
    expect((await phone.response()).status).toBe(400);
  });

  it('is refused long before all of them are read', () => {
    const elements = Buffer.alloc(19_000, 0x05);
    const start = Buffer.from('03016a0045', 'hex');
    const few = Buffer.concat([start, elements, Buffer.from([1])]);
    const many = Buffer.concat([start, elements, elements, Buffer.from([1])]);
    expect(treeOf(gzipSync(few), 'gzip-wbxml')?.children).toHaveLength(19_000);
    expect(treeOf(gzipSync(many), 'gzip-wbxml')).toBeUndefined();
  });
});

describe('a challenge', () => {
  it('of many spaces costs as much as other texts of its length', () => {
    const costOf = (value: string): number =>
      quickestOf(() => expect(withoutSchemes(value, ['ntlm'])).toBe(value));
    const length = 60_000;
    costOf('warm up');
    // A quadratic cost would be thousands of times as high.
    expect(costOf(`Basic${' '.repeat(length)}=x`)).toBeLessThan(
      costOf(`Basic ${'x'.repeat(length)}`) * 100 + 100,
    );
  });

  it('differs from a parameter by what follows its spaces', () => {
    expect(withoutSchemes('NTLM  TlRM, Basic realm = "a", Negotiate', ['ntlm', 'negotiate'])).toBe(
      'Basic realm = "a"',
    );
    expect(withoutSchemes('NTLM  realm  = "a", Basic', ['ntlm'])).toBe('Basic');
  });
});

describe('a query on the lane for other paths', () => {
  it.each(['[', '%5b', '%255B', '%u005b', '&', '=', '+', '%00'])(
    'of many %s costs as much as other texts of its length',
    (repeated) => {
      const length = 60_000;
      const targetOf = (part: string): string => `/owa/?${part.repeat(length / part.length)}`;
      const costOf = (part: string): number =>
        quickestOf(() => expect(asksForEas('POST', targetOf(part))).toBe(false));
      costOf('x');
      // A quadratic cost would be thousands of times as high.
      expect(costOf(repeated)).toBeLessThan(costOf('x') * 100 + 1_000);
    },
  );
});

describe('XML with a declaration without an end', () => {
  const readers = {
    'a request of Autodiscover': (xml: string) => readXml(Buffer.from(xml)),
    'an answer of a device (property list)': (xml: string) => readPropertyList(xml),
  };

  it.each(Object.entries(readers))('costs as much as text: %s', (_what, read) => {
    const length = 16_000;
    const costOf = (beginning: string): number =>
      quickestOf(() => expect(read(beginning + 'a'.repeat(length))).toBeNull());
    costOf('<a>');
    // The parser looked at all of it again with each of its letters: seconds.
    for (const beginning of ['<!', '<a><!', '<a><!x ', '<!doctyp', '<a><!['])
      expect(costOf(beginning)).toBeLessThan(costOf('<a>') * 100 + 500);
  });

  it.each([
    ['Jamf Pro', xmlRecords, '<computers><computer><id>1</id></computer>'],
    ['Export-Clixml', clixmlRecords, '<Objs><Obj><MS><S N="id">1</S></MS></Obj>'],
  ] as const)(
    'ends the reading of an export of %s, in whatever pieces it comes',
    async (_product, records, before) => {
      const read = (...pieces: string[]): Promise<object[]> =>
        Array.fromAsync(records(Readable.from(pieces)));
      const refused = { reason: expect.stringContaining('a declaration that no export has'), isCutOff: true };
      expect(await read(before, `<!${'a'.repeat(60_000)}`)).toMatchObject([{ record: {} }, refused]);
      expect(await read(before, '<', '!', 'DOC', 'X')).toMatchObject([{ record: {} }, refused]);
      const [known] = await read('<!DOC', `TYPE a><!`, `-- <x> --><![CDA`, `TA[]]>${before}`);
      expect(known).not.toHaveProperty('reason');
    },
  );

  it('is read where it is one that has a meaning', () => {
    const list =
      '<?xml version="1.0"?><!DOCTYPE plist PUBLIC "x" "y"><plist><!-- x --><string><![CDATA[a]]></string></plist>';
    expect(readPropertyList(list)).toBe('a');
    expect(readXml(Buffer.from('<a><!-- x --><![CDATA[b]]></a>'))).toMatchObject({ text: 'b' });
  });
});

describe('many spaces', () => {
  const read = {
    'in a cookie of the admin API': (spaces: string) => onlyCookie(`easgate=${spaces}x`, 'easgate'),
    'in a name of a directory (LDAP)': (spaces: string) => dnKey(`cn=a${spaces}x`),
    'in a link of an API': (spaces: string) => nextLink(spaces),
  };

  it.each(Object.entries(read))('%s cost as much as letters', (_where, work) => {
    const length = 60_000;
    const costOf = (sign: string): number => quickestOf(() => void work(sign.repeat(length)));
    costOf('x');
    // A quadratic cost would be thousands of times as high.
    expect(costOf(' ')).toBeLessThan(costOf('x') * 100 + 1_000);
  });
});

describe('a request head that repeats', () => {
  const isKnown = (length: number): boolean => {
    const memo = new GateMemo();
    const bytes = Buffer.alloc(length, 'x');
    for (let count = 0; count < 2; count++) memo.noteHead(new RequestHead('POST', '/', 1, length), bytes);
    return memo.sameHead(bytes) !== null;
  };

  it('is remembered by its connection only when it is as short as those of phones', () => {
    expect([600, 4_096, 4_097, 16_000].map(isKnown)).toEqual([true, true, false, false]);
  });
});
