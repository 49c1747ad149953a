// Owns the promises of the feed that polls a JSON API, against a double that fails in the ways such servers do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { celMapping } from '../../../src/feeds/cel/cel-mapping.ts';
import type { FeedError, FeedPart } from '../../../src/feeds/contract.ts';
import { nextLink } from '../../../src/feeds/json-api/paging.ts';
import { httpFeed } from '../../../src/feeds/json-api/read-http.ts';
import { httpFields } from '../../../src/feeds/json-api/settings.ts';
import type { FeedLine } from '../../../src/feeds/record.ts';
import { SERVER_CERTIFICATE } from '../../fixtures/tls.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { startJsonApi } from '../../support/servers/json-api.ts';
import type { Answer, Asked, JsonApi } from '../../support/servers/json-api.ts';

checkLeaks();

const SETTINGS = z.strictObject(httpFields(z.string()));
const SECRET = 'not-for-the-log';

let folder: string;
let api: JsonApi;
/** Pauses that a run asked for, in milliseconds. */
let pauses: number[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-http-'));
  writeFileSync(join(folder, 'ca.pem'), SERVER_CERTIFICATE);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  pauses = [];
  api = await startJsonApi();
});
afterEach(() => api.close());

const phones = (from: number, to: number): object[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ eas: `PHONE${from + index}`, ok: true }));

/** Answers one page after the other, as the target asks for. */
function pages(by: (request: Asked, place: number) => Answer): void {
  api.answer = by;
}

interface Run {
  readonly ids: readonly (string | null)[];
  readonly lines: readonly FeedLine[];
  readonly count: FeedPart['count'];
  readonly cursor: string | null;
}

async function run(more: object = {}, cursor: string | null = null, where?: string): Promise<Run> {
  const mapping = celMapping({
    id: 'record.eas',
    compliant: 'record.ok',
    ...(where !== undefined && { where }),
  });
  const settings = SETTINGS.parse({
    url: `${api.url}/devices`,
    ca: join(folder, 'ca.pem'),
    timeoutSeconds: 20,
    ...more,
  });
  const clock = {
    now: () => Date.parse('2026-11-28T12:00:00Z'),
    wait: (ms: number) => {
      pauses.push(ms);
      return Promise.resolve();
    },
    random: () => 0.5,
  };
  const lines: FeedLine[] = [];
  let count: FeedPart['count'];
  let next: string | null = null;
  for await (const part of httpFeed({ source: 'mdm', settings, mapping }, clock).run(
    cursor,
    new AbortController().signal,
  )) {
    lines.push(...part.lines);
    count = part.count ?? count;
    next = part.cursor ?? next;
  }
  return { ids: lines.map((line) => (line.type === 'device' ? line.id : null)), lines, count, cursor: next };
}

const fails = (work: Promise<unknown>): Promise<FeedError> =>
  work.then(
    () => expect.unreachable('it should fail'),
    (error: FeedError) => error,
  );

const ALL = ['phone1', 'phone2', 'phone3', 'phone4', 'phone5'];
const query = (request: Asked, name: string): string | null =>
  new URL(request.target, api.url).searchParams.get(name);

describe('pages', () => {
  it('are followed by the Link header', async () => {
    pages((_, place) => ({
      body: place === 1 ? phones(1, 3) : phones(4, 5),
      headers:
        place === 1
          ? { link: ['<https://x/,;>; rel="prev"', `</devices?p=2>; title="a, <b>"; rel="last NEXT"`] }
          : {},
    }));
    expect((await run()).ids).toEqual(ALL);
    expect(api.asked.map(({ target }) => target)).toEqual(['/devices', '/devices?p=2']);
  });

  it('are followed by an address in the body', async () => {
    pages((request) =>
      request.target === '/devices'
        ? { body: { data: { items: phones(1, 3) }, paging: { next: `${api.url}/devices/more?t=1#x` } } }
        : { body: { data: { items: phones(4, 5) }, paging: { next: null } } },
    );
    expect((await run({ list: 'data.items', paging: { by: 'next', next: 'paging.next' } })).ids).toEqual(ALL);
  });

  it('are followed by a cursor', async () => {
    pages((request) =>
      query(request, 'after') === null
        ? { body: { devices: phones(1, 3), next: 'a b&c' } }
        : { body: { devices: phones(4, 5), next: '' } },
    );
    const paging = { by: 'cursor', next: 'next', parameter: 'after' };
    expect((await run({ url: `${api.url}/devices?size=3`, paging })).ids).toEqual(ALL);
    expect(api.asked.map((request) => [query(request, 'size'), query(request, 'after')])).toEqual([['3', null], ['3', 'a b&c']]); // prettier-ignore
  });

  it('are counted, up to an empty one', async () => {
    pages((request) => ({
      body: { results: [phones(1, 2), phones(3, 4), phones(5, 5)][Number(query(request, 'page'))] ?? [] },
    }));
    expect((await run({ paging: { by: 'page', parameter: 'page' } })).ids).toEqual(ALL);
    expect(api.asked.map((request) => query(request, 'page'))).toEqual(['0', '1', '2', '3']);
  });

  it('are counted by records, up to the count of the source', async () => {
    pages((request) => {
      const from = Number(query(request, 'start'));
      return { body: { total: 5, results: phones(1, 5).slice(from, from + 2) } };
    });
    expect(await run({ count: 'total', paging: { by: 'offset', parameter: 'start' } })).toMatchObject({
      ids: ALL,
      count: { device: 5 },
    });
    expect(api.asked.map((request) => query(request, 'start'))).toEqual(['0', '2', '4']);
  });

  it('that do not end, or are the same, fail the run', async () => {
    const paging = { by: 'page', parameter: 'page' };
    pages(() => ({ body: phones(1, 2) }));
    expect((await fails(run({ paging }))).message).toContain('two pages are the same');
    pages((_, place) => ({ body: phones(place, place), headers: { link: '</devices>; rel=next' } }));
    expect((await fails(run())).message).toContain('read before');
    pages((_, place) => ({ body: phones(place, place) }));
    expect((await fails(run({ paging, maxPages: 3 }))).message).toContain('maxPages');
    expect((await fails(run({ paging, maxRecords: 3 }))).message).toContain('maxRecords');
  });

  it('of which one fails are no list: the run fails', async () => {
    pages((_, place) =>
      place === 1 ? { body: phones(1, 3), headers: { link: '</b>; rel=next' } } : { status: 500 },
    );
    expect(await fails(run({ tries: 2 }))).toMatchObject({ code: 'EASGATE_FEED_SOURCE' });
    expect(pauses).toHaveLength(1);
  });

  it('without a list are none, and an error in place of a list is no empty list', async () => {
    for (const body of [{ error: 'maintenance' }, null, 'x', { data: { items: null } }]) {
      pages(() => ({ body }));
      expect(await fails(run())).toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
      expect((await fails(run({ list: 'data.items' }))).message).toContain('no list at data.items');
    }
  });
});

describe('the count of the source', () => {
  it('leaves out what `where` leaves out', async () => {
    pages(() => ({
      body: [...phones(1, 3), { eas: 'LAPTOP', ok: true }],
      headers: { 'x-total-count': '4' },
    }));
    expect(await run({ countHeader: 'X-Total-Count' }, null, 'record.eas != "LAPTOP"')).toMatchObject({
      count: { device: 3 },
    });
  });

  it('is another one than was read where it changed between two pages', async () => {
    pages((_, place) => ({
      body: {
        total: place === 1 ? 6 : 5,
        next: place === 1 ? '/devices?2' : null,
        items: place === 1 ? phones(1, 3) : phones(4, 5),
      },
    }));
    expect(await run({ count: 'total', paging: { by: 'next', next: 'next' } })).toMatchObject({
      ids: ALL,
      count: { device: 6 },
    });
  });

  it('that is missing fails the run', async () => {
    pages(() => ({ body: { items: phones(1, 1) } }));
    expect((await fails(run({ count: 'total' }))).message).toContain('does not say how many');
  });
});

describe('a server that', () => {
  it('throttles is asked again after the time that it names', async () => {
    pages((_, place) =>
      place === 1 ? { status: 429, headers: { 'retry-after': '7' } } : { body: phones(1, 5) },
    );
    expect((await run()).ids).toEqual(ALL);
    expect(pauses).toEqual([7_000]);
  });

  it('asks for a long pause fails the run, which says so', async () => {
    pages(() => ({ status: 503, headers: { 'retry-after': 'Sat, 28 Nov 2026 13:00:00 GMT' } }));
    expect(await fails(run())).toMatchObject({ code: 'EASGATE_FEED_SOURCE', retryAfter: 3_600_000 });
    expect(pauses).toEqual([]);
  });

  it('cuts its answer, or answers no JSON, is asked again, and its part is not used', async () => {
    pages((_, place) =>
      place === 1
        ? { body: phones(1, 5), how: 'cut' }
        : place === 2
          ? { raw: '[{"eas":"X"' }
          : { body: phones(1, 5) },
    );
    expect((await run()).ids).toEqual(ALL);
    expect(pauses).toHaveLength(2);
  });

  it('does not answer is not waited for longer than timeoutSeconds', async () => {
    pages(() => ({ how: 'hang' }));
    expect(await fails(run({ timeoutSeconds: 0.2, tries: 1 }))).toMatchObject({
      code: 'EASGATE_FEED_SOURCE',
    });
  });

  it('answers too much, compressed, or no UTF-8 fails the run at once', async () => {
    pages(() => ({ body: phones(1, 100) }));
    expect((await fails(run({ maxPageBytes: 1_000 }))).message).toContain('maxPageBytes');
    pages(() => ({ body: [], headers: { 'content-encoding': 'gzip' } }));
    expect((await fails(run())).message).toContain('compressed');
    pages(() => ({ raw: Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]) }));
    expect((await fails(run())).message).toContain('UTF-8');
    expect(pauses).toEqual([]);
  });

  it('redirects on the same host is followed, and not for ever', async () => {
    pages((request) =>
      request.target === '/devices'
        ? { status: 302, headers: { location: '/v2/devices' } }
        : { body: phones(1, 5) },
    );
    expect((await run()).ids).toEqual(ALL);
    pages(() => ({ status: 307, headers: { location: '/devices' } }));
    expect((await fails(run())).message).toContain('redirects too often');
  });

  it('lists by POST gets the body of the settings, and no GET by a redirect', async () => {
    pages(() => ({ body: { devices: phones(1, 5) } }));
    expect((await run({ body: '{"all":true}' })).ids).toEqual(ALL);
    expect(api.asked[0]).toMatchObject({
      method: 'POST',
      body: '{"all":true}',
      headers: { 'content-type': 'application/json' },
    });
    pages(() => ({ status: 303, headers: { location: '/other' } }));
    expect(await fails(run({ body: '{}' }))).toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
  });
});

describe('credentials', () => {
  const AUTH = { auth: { type: 'bearer', token: SECRET }, headers: { 'X-Tenant': SECRET } };

  it('are sent as a bearer token, as Basic, and as headers', async () => {
    pages(() => ({ body: phones(1, 1) }));
    await run(AUTH);
    await run({ auth: { type: 'basic', user: 'reader', password: SECRET } });
    expect(api.asked.map(({ headers }) => [headers['authorization'], headers['x-tenant']])).toEqual([
      [`Bearer ${SECRET}`, SECRET],
      [`Basic ${Buffer.from(`reader:${SECRET}`).toString('base64')}`, undefined],
    ]);
  });

  it('of OAuth get a token, which is renewed once where the server refuses it', async () => {
    pages((_, place) =>
      place === 2
        ? { status: 401 }
        : { body: phones(place, place), headers: place < 3 ? { link: `</devices?${place}>; rel=next` } : {} },
    );
    const auth = {
      type: 'oauth',
      tokenUrl: `${api.url}/token`,
      clientId: 'gate',
      clientSecret: SECRET,
      scope: 'read',
    };
    expect((await run({ auth })).ids).toEqual(['phone1', 'phone3']);
    expect(api.asked.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-2',
    ]);
    expect(api.signIns[0]?.form.toString()).toContain('grant_type=client_credentials');
    expect(Object.fromEntries(api.signIns[0]?.form ?? [])).toMatchObject({
      client_id: 'gate',
      client_secret: SECRET,
      scope: 'read',
    });
    await run({ auth: { ...auth, clientAuth: 'basic' } });
    expect(api.signIns.at(-1)?.authorization).toMatch(/^Basic /);
  });

  it('that are refused fail the run at once', async () => {
    for (const status of [401, 403]) {
      pages(() => ({ status, body: { message: SECRET } }));
      expect(await fails(run(AUTH))).toMatchObject({ code: 'EASGATE_FEED_CREDENTIALS' });
    }
    expect(pauses).toEqual([]);
  });

  // Threat: an answer that has the credentials sent to another host (CWE-200, CWE-601).
  it.each<[string, Answer, object]>([
    ['a redirect', { status: 302, headers: { location: 'https://127.0.0.1:1/devices' } }, {}],
    ['a Link header', { body: [], headers: { link: '<https://evil.example/>; rel=next' } }, {}],
    [
      'an address in the body',
      { body: { items: [], next: '//evil.example/' } },
      { paging: { by: 'next', next: 'next' } },
    ],
    [
      'an address with a user',
      { body: { items: [], next: 'https://a@localhost/' } },
      { paging: { by: 'next', next: 'next' } },
    ],
    [
      'another scheme',
      { body: { items: [], next: 'http://localhost/' } },
      { paging: { by: 'next', next: 'next' } },
    ],
  ])('never follow %s to another host', async (_, answer, more) => {
    pages(() => answer);
    expect((await fails(run({ ...AUTH, ...more }))).message).toContain('another host');
    expect(api.asked).toHaveLength(1);
  });

  it('stand in no message, and neither does the query of the address', async () => {
    const url = `${api.url}/devices?key=${SECRET}`;
    for (const answer of [
      { status: 401 },
      { status: 404 },
      { status: 500 },
      { raw: SECRET },
      { how: 'cut', body: SECRET },
    ] as const) {
      pages(() => answer);
      const error = await fails(run({ ...AUTH, url, tries: 1 }));
      expect(`${error.message} ${String(error.cause)} ${error.stack ?? ''}`).not.toContain(SECRET);
    }
  });

  it('go to a server with a certificate of the given authorities only', async () => {
    pages(() => ({ body: phones(1, 1) }));
    expect(await fails(run({ ...AUTH, ca: undefined, tries: 1 }))).toMatchObject({
      code: 'EASGATE_FEED_SOURCE',
    });
    expect(api.asked).toEqual([]);
  });
});

describe('an unchanged list', () => {
  const tagged = (): void =>
    pages(({ headers }) =>
      headers['if-none-match'] === '"v1"'
        ? { status: 304 }
        : { body: phones(1, 5), headers: { etag: '"v1"' } },
    );

  it('of one page is not read again', async () => {
    tagged();
    const { cursor } = await run();
    expect(await run({}, cursor)).toMatchObject({ lines: [], cursor });
  });

  it('is read as a whole where it changed, or the settings did', async () => {
    tagged();
    const { cursor } = await run();
    expect(await fails(run({ url: `${api.url}/other` }, cursor))).toMatchObject({
      code: 'EASGATE_FEED_CURSOR',
    });
    pages(() => ({ body: phones(1, 4), headers: { etag: '"v2"' } }));
    expect(await fails(run({}, cursor))).toMatchObject({ code: 'EASGATE_FEED_CURSOR' });
  });

  it('of several pages says nothing: each run reads all', async () => {
    pages((_, place) => ({
      body: phones(place, place),
      headers: { etag: '"v1"', ...(place === 1 && { link: '</b>; rel=next' }) },
    }));
    expect((await run()).cursor).toBeNull();
  });

  it('keeps no secret in its cursor', async () => {
    tagged();
    const one = await run({ auth: { type: 'bearer', token: SECRET } });
    const other = await run({ auth: { type: 'bearer', token: 'another' } });
    expect(one.cursor).toBe(other.cursor);
  });
});

test.each([
  ['http://mdm.example.com/devices'],
  ['https://user:password@mdm.example.com/'],
  ['ftp://localhost/'],
  ['https://mdm.example.com/#x'],
])('%s is no address of a feed', (url) => {
  expect(SETTINGS.safeParse({ url }).success).toBe(false);
});

test.each([
  [{ paging: { by: 'next' } }],
  [{ paging: { by: 'page' } }],
  [{ paging: { by: 'link', parameter: 'page' } }],
  [{ headers: { Host: 'x' } }],
  [{ headers: { 'a b': 'x' } }],
  [{ auth: { type: 'basic', user: 'a:b', password: 'x' } }],
])('%j is refused', (more) => {
  expect(SETTINGS.safeParse({ url: 'https://mdm.example.com/', ...more }).success).toBe(false);
});

test.each([
  ['<a>; rel="next"', 'a'],
  ['<a>; rel=prev, <b,c;d>; rel="first next"', 'b,c;d'],
  ['<a>;rel=nextish', null],
  ['a; rel=next', null],
  ['<a', null],
  ['', null],
])('the next link of %s is %s (RFC 8288 3)', (header, link) => {
  expect(nextLink(header)).toBe(link);
});
