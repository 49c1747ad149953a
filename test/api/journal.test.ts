// Owns the promises of the API on the journal and the audit: queries in pages, and streams of events with their limits.
import Fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Principal } from '../../src/api/auth/principal.ts';
import type { Role } from '../../src/api/contract/paths.ts';
import { EventStreams } from '../../src/api/event-streams.ts';
import type { StreamEvent } from '../../src/api/event-streams.ts';
import type { JournalStore } from '../../src/journal/journal-store.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import { resumePosition } from '../../src/journal/stream-position.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { NOW } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { readEvents } from '../support/servers/event-reader.ts';
import type { EventReader } from '../support/servers/event-reader.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

function refused(at: number, more: Partial<JournalEntry> = {}): JournalEntry {
  return {
    at,
    kind: 'device_refused',
    user: 'alice@contoso.com',
    device: 'old2',
    action: 'quarantine',
    reason: 'notCompliant',
    rule: 'baseline',
    count: 1,
    gateway: 'a',
    seconds: null,
    facts: null,
    ...more,
  };
}

async function open(
  times = { heartbeatMs: 20, checkMs: 20, slowMs: 200 },
): Promise<TestApi & { readonly journal: JournalStore }> {
  const kept = { maxAgeMs: 1e15, maxEntries: 100_000 };
  const journal = await openJournalStore({
    kind: 'embedded',
    path: ':memory:',
    retention: { journal: kept, audit: kept },
  });
  onTestFinished(() => journal.close());
  const api = await openTestApi({ parts: { journal: async () => journal, streamTimes: times } });
  return { ...api, journal };
}

function follow(
  api: TestApi,
  as: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventReader> {
  const secret = as.includes('_') ? as : api.token(as as Role);
  return readEvents(`${api.url}/api/v1${path}`, { authorization: `Bearer ${secret}`, ...headers });
}

describe('the journal', () => {
  it('is queried in pages, the newest first', async () => {
    const api = await open();
    await api.journal.append([refused(NOW), refused(NOW + 1), refused(NOW + 2)]);
    const first = await api.send('viewer', '/api/v1/journal?limit=2&since=2026-01-01');
    expect(first.json).toMatchObject({
      rows: [{ at: '2026-12-01T10:00:00.002Z' }, { at: '2026-12-01T10:00:00.001Z' }],
      unreadable: 0,
    });
    const { next } = first.json as { next: string };
    const second = await api.send('viewer', `/api/v1/journal?limit=2&since=2026-01-01&after=${next}`);
    expect(second.json).toMatchObject({ rows: [{ at: '2026-12-01T10:00:00.000Z' }], next: null });
  });

  it('is filtered by kind, reason, user and device', async () => {
    const api = await open();
    await api.journal.append([refused(NOW), refused(NOW, { reason: 'osTooOld', device: 'good1' })]);
    const { json } = await api.send(
      'viewer',
      '/api/v1/journal?kind=device_refused&reason=osTooOld,notEnrolled&device=GOOD1&user=alice@contoso.com',
    );
    expect(json).toMatchObject({ rows: [{ device: 'good1' }] });
    const unknown = await api.send('viewer', '/api/v1/journal?kind=nonsense');
    expect(unknown.json).toMatchObject({ status: 400, code: 'EASGATE_FILTER' });
  });

  it('has the audit beside it, for operators', async () => {
    const api = await open();
    await api.journal.appendAudit({
      at: NOW,
      by: 'nora',
      via: 'api',
      operation: 'decide',
      user: null,
      device: 'old2',
      subject: null,
      before: null,
      after: { action: 'block', decidedAt: NOW },
      comment: 'lost',
    });
    expect((await api.send('helpdesk', '/api/v1/audit')).status).toBe(403);
    const { json } = await api.send('operator', '/api/v1/audit?operation=decide&by=nora');
    expect(json).toMatchObject({
      rows: [{ by: 'nora', after: { action: 'block', decidedAt: new Date(NOW).toISOString() } }],
    });
  });
});

describe('a stream of the journal', () => {
  it('has what is written from now on, and what was written since the last event', async () => {
    const api = await open();
    await api.journal.append([refused(NOW)]);
    const stream = await follow(api, 'viewer', '/journal/stream?kind=device_refused');
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await until(() => stream.text().includes(': '));
    await api.journal.append([refused(NOW + 1), refused(NOW + 2, { kind: 'wipe_told' })]);
    await until(() => stream.events().length > 0);
    const [event] = stream.events();
    expect(stream.events()).toHaveLength(1);
    expect(event?.data).toMatchObject({ at: '2026-12-01T10:00:00.001Z', kind: 'device_refused' });
    stream.close();
    await api.journal.append([refused(NOW + 3)]);
    const again = await follow(api, 'viewer', '/journal/stream', { 'last-event-id': event?.id ?? '' });
    await until(() => again.events().length >= 2);
    expect(again.events().map(({ data }) => (data as JournalEntry).kind)).toEqual([
      'wipe_told',
      'device_refused',
    ]);
  });

  it('says what is wrong with its question before it begins', async () => {
    const api = await open();
    const { status, json } = await api.send('viewer', '/api/v1/journal/stream?kind=nonsense');
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'EASGATE_FILTER' });
  });

  it('has a heartbeat', async () => {
    const api = await open();
    const stream = await follow(api, 'viewer', '/journal/stream');
    await until(() => stream.text().split(': \n\n').length > 3);
  });

  it('ends when the token is revoked', async () => {
    const api = await open();
    const token = api.token('viewer');
    const stream = await follow(api, token, '/journal/stream');
    const { id } = api.admin.tokens()[0] ?? { id: '' };
    api.admin.removeToken(id);
    await until(() => stream.isEnded());
  });

  it('is one of ten of its owner at most', async () => {
    const api = await open();
    const token = api.token('viewer');
    for (let count = 0; count < 10; count++) await follow(api, token, '/journal/stream');
    const { status, json, headers } = await api.send(token, '/api/v1/journal/stream');
    expect(status).toBe(429);
    expect(json).toMatchObject({ code: 'EASGATE_API_STREAMS' });
    expect(headers.get('retry-after')).toBe('10');
  });

  it('is cut off when its reader takes nothing', async () => {
    const server = Fastify();
    onTestFinished(() => server.close());
    const streams = new EventStreams(() => true, { heartbeatMs: 1_000, checkMs: 1_000, slowMs: 50 });
    let written = 0;
    let isCutOff = false;
    async function* endless(signal: AbortSignal): AsyncIterable<StreamEvent> {
      try {
        for (; !signal.aborted; written++) yield { data: { text: 'x'.repeat(1_000_000) } };
      } finally {
        isCutOff = true;
      }
    }
    const owner = { name: 'nora' } as Principal;
    server.get('/', (request, reply) => streams.serve(request, reply, owner, endless));
    const stream = await readEvents(await server.listen({ host: '127.0.0.1', port: 0 }), {});
    stream.pause();
    await until(() => isCutOff);
    expect(written).toBeLessThan(1_000);
  });

  it('ends with the server', async () => {
    const api = await open();
    await follow(api, 'viewer', '/journal/stream');
    await follow(api, 'viewer', '/status/stream');
  });
});

describe('a stream of counters', () => {
  it('has one event at once', async () => {
    const api = await open();
    const stream = await follow(api, 'viewer', '/status/stream');
    await until(() => stream.events().length > 0);
    expect(stream.events()[0]?.data).toMatchObject({ requestsPerSecond: null, tiles: { allowed: 0 } });
  });
});

describe('the place to go on from', () => {
  it.each([
    ['5', '7', '5'],
    ['9', '7', '7'],
    ['5-1', '7-0', '5-1'],
    ['7-3', '7-2', '7-2'],
    ['5', '7-0', '7-0'],
    ["5' OR 1", '7', '7'],
    ['5', null, null],
  ])('%s is, in a stream that ends at %s: %s', (place, end, expected) => {
    expect(resumePosition(place, end)).toBe(expected);
  });
});
