// Owns the promises of the API on reports, lists as files, and imports.
import { describe, expect, it } from 'vitest';
import { EXPORTS, REPORTS } from '../../src/api/contract/reports.ts';
import { openOfficeToday, seen } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const open = async (): Promise<TestApi> => openTestApi({ store: await openOfficeToday() });

describe('a report', () => {
  it.each(REPORTS)('named %s has numbers and rows, as JSON and as CSV', async (name) => {
    const api = await open();
    const { status, json } = await api.send('viewer', `/api/v1/reports/${name}`);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      name,
      counts: { total: { all: expect.any(Number) as number } },
      isCut: false,
    });
    const csv = await api.send('viewer', `/api/v1/reports/${name}?format=csv`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(csv.headers.get('content-disposition')).toBe(`attachment; filename="${name}.csv"`);
    expect(csv.text).toMatch(/^[a-zA-Z,]+\r\n/);
  });

  it('lists refused phones with their reason', async () => {
    const api = await open();
    const { json } = await api.send('viewer', '/api/v1/reports/blocked?limit=1');
    expect(json).toMatchObject({
      counts: { total: { all: 2 }, byReason: [{ name: 'individualRule' }, { name: 'notCompliant' }] },
      phones: [{ device: 'lost3' }],
      duplicates: null,
      isCut: true,
    });
  });

  it('has no cell that a spreadsheet takes for a formula', async () => {
    const store = await openOfficeToday();
    await store.recordSeen([seen('=cmd@contoso.com', 'good1', 1)]);
    const api = await openTestApi({ store });
    const { text } = await api.send('viewer', '/api/v1/reports/inventory?format=csv');
    expect(text).toContain('"\'=cmd@contoso.com"');
  });

  it('that nobody knows is refused', async () => {
    const api = await open();
    expect((await api.send('viewer', '/api/v1/reports/nonsense')).status).toBe(400);
  });
});

describe('an export', () => {
  it.each(EXPORTS)('of %s is a file, as CSV and as lines of JSON', async (what) => {
    const api = await open();
    const csv = await api.send('operator', `/api/v1/export/${what}`);
    expect(csv.headers.get('content-disposition')).toBe(`attachment; filename="${what}.csv"`);
    expect(csv.text).toMatch(/^[a-zA-Z,]+\r\n/);
    const lines = await api.send('operator', `/api/v1/export/${what}?format=ndjson`);
    expect(lines.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    for (const line of lines.text.split('\n').slice(0, -1)) expect(JSON.parse(line)).toBeTypeOf('object');
  });

  it('has exactly the rows of the list with the same filter, however many', async () => {
    const store = await openOfficeToday();
    await store.recordSeen(
      Array.from({ length: 2_500 }, (_, index) => seen(`user${index}@contoso.com`, `phone${index}`, 1)),
    );
    const api = await openTestApi({ store });
    const { text } = await api.send('viewer', '/api/v1/export/devices?device=phone*&sort=device');
    const devices = text.trim().split('\r\n').slice(1);
    expect(devices).toHaveLength(2_500);
    expect(devices[0]).toContain('phone0,');
  });

  it('refuses filters that the list has not', async () => {
    const api = await open();
    const { status, json } = await api.send('viewer', '/api/v1/export/devices?colour=red');
    expect(status).toBe(400);
    expect(json).toMatchObject({
      code: 'EASGATE_API_INVALID',
      detail: expect.stringContaining('colour') as string,
    });
  });

  it('of the audit needs an operator', async () => {
    const api = await open();
    const { json } = await api.send('helpdesk', '/api/v1/export/audit');
    expect(json).toMatchObject({ status: 403, code: 'EASGATE_API_FORBIDDEN' });
  });
});

describe('an import', () => {
  const LINE = '{"type":"device","id":"NEW7","managed":true,"compliant":true}\n';

  async function importText(api: TestApi, text: string, query = '', type = 'application/x-ndjson') {
    const response = await fetch(`${api.url}/api/v1/import?${query}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${api.token('operator')}`,
        'content-type': type,
        connection: 'close',
      },
      body: text,
    });
    return { status: response.status, json: (await response.json()) as object };
  }

  it('brings the records of the body into the directory, and is in the audit', async () => {
    const api = await open();
    const { status, json } = await importText(api, `${LINE}{"type":"device"}\n`, 'format=ndjson&source=list');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      source: 'list',
      format: 'ndjson',
      read: { device: 1, refused: 1 },
      devices: { accepted: 1 },
      refused: { count: 1, first: [{ line: 2 }] },
      held: [],
    });
    expect(api.audited).toMatchObject([
      { operation: 'import', subject: 'list', by: 'the operator', via: 'api' },
    ]);
    expect((await api.send('viewer', '/api/v1/devices/NEW7')).json).toMatchObject({
      record: { managed: true },
    });
  });

  it('writes nothing as a dry run', async () => {
    const api = await open();
    const { json } = await importText(api, LINE, 'format=ndjson&dryRun=true');
    expect(json).toMatchObject({ dryRun: true, devices: { accepted: 1 } });
    expect(api.audited).toEqual([]);
    expect((await api.send('viewer', '/api/v1/devices/NEW7')).status).toBe(404);
  });

  it('reads the records by the mapping in front of the file', async () => {
    const api = await open();
    const mapping = '# ä\nid: record.Phone\nmanaged: "true"\ncompliant: record.State == "ok"\n';
    const query = `source=own&mappingBytes=${Buffer.byteLength(mapping)}`;
    const { status, json } = await importText(api, `${mapping}Phone,State\nNEW8,ok\nNEW9,bad\n`, query);
    expect([status, json]).toMatchObject([200, { source: 'own', read: { device: 2, refused: 0 } }]);
    expect((await api.send('viewer', '/api/v1/devices/NEW9')).json).toMatchObject({
      record: { compliant: false },
    });
  });

  it.each([
    ['without the name of the source', 'mappingBytes=13', 'id: record.a\nrows', 'EASGATE_USAGE', '--source'],
    ['beside a format', 'source=a&format=csv&mappingBytes=13', 'id: record.a\nrows', 'EASGATE_API_INVALID', 'not both'],
    ['that is longer than the body', 'source=a&mappingBytes=90', 'id: "a"\n', 'EASGATE_API_INVALID', 'shorter than'],
    ['that is no mapping', 'source=a&mappingBytes=9', 'name: a b\nrows', 'EASGATE_API_INVALID', 'line 1, column 1: there is no field name'],
    ['that is too long', 'source=a&mappingBytes=2000000', 'id: "a"\n', 'EASGATE_API_INVALID', 'mappingBytes'],
  ])('refuses a mapping %s', async (_what, query, body, code, text) => {
    const { status, json } = await importText(await open(), body, query);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code, detail: expect.stringContaining(text) as string });
  }); // prettier-ignore

  it('refuses a file whose format is not known', async () => {
    const api = await open();
    const { status, json } = await importText(api, 'hello', 'format=auto');
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'EASGATE_IMPORT_FORMAT' });
  });

  it('takes no type that a page of another site can send without asking (Fetch 4.9)', async () => {
    const api = await open();
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const { status, json } = await importText(api, LINE, '', type);
      expect(status).toBe(415);
      expect(json).toMatchObject({ code: 'EASGATE_API_MEDIA_TYPE' });
    }
  });
});
