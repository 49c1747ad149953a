// Owns the promises of the API on devices: lists, details, decisions with If-Match and Idempotency-Key, wipes.
import { describe, expect, it } from 'vitest';
import { openOfficeToday } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const open = async (): Promise<TestApi> => openTestApi({ store: await openOfficeToday() });
const DECISION = '/api/v1/devices/GOOD1/decision';

describe('the list of devices', () => {
  it('is filtered, sorted, and goes on behind a cursor', async () => {
    const api = await open();
    const first = await api.send('viewer', '/api/v1/devices?sort=device&limit=1');
    expect(first.status).toBe(200);
    const { rows, next } = first.json as { rows: { device: string }[]; next: string };
    const second = await api.send('viewer', `/api/v1/devices?sort=device&limit=1&after=${next}`);
    const { rows: more } = second.json as { rows: { device: string }[] };
    expect(rows).toHaveLength(1);
    expect((more[0]?.device ?? '') > (rows[0]?.device ?? '')).toBe(true);
  });

  it('refuses unknown filters, and says which', async () => {
    const api = await open();
    const { status, json } = await api.send('viewer', '/api/v1/devices?colour=red');
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'EASGATE_API_INVALID' });
    expect(JSON.stringify(json)).toContain('colour');
  });

  it('has counts by reason, model and group', async () => {
    const api = await open();
    const { json } = await api.send('viewer', '/api/v1/devices/counts');
    expect(json).toMatchObject({ total: { all: expect.any(Number) as number } });
  });
});

describe('a decision', () => {
  it('is written, and is in the audit with its author', async () => {
    const api = await open();
    const body = { action: 'block', reason: 'stolen' };
    const { status, json } = await api.send('helpdesk', DECISION, { method: 'PUT', body });
    expect(status).toBe(200);
    expect(json).toMatchObject({ device: 'good1', decision: { action: 'block', owner: 'the helpdesk' } });
    expect(api.audited).toMatchObject([
      { operation: 'decide', by: 'the helpdesk', via: 'api', device: 'good1' },
    ]);
  });

  it('is refused where the device was decided since it was read', async () => {
    const api = await open();
    const before = (await api.send('viewer', '/api/v1/devices/GOOD1')).headers.get('etag') ?? '';
    const body = { action: 'block' };
    const headers = { 'if-match': before };
    expect((await api.send('helpdesk', DECISION, { method: 'PUT', body, headers })).status).toBe(200);
    const again = await api.send('helpdesk', DECISION, { method: 'PUT', body, headers });
    expect(again.status).toBe(412);
    expect(again.json).toMatchObject({ code: 'EASGATE_API_PRECONDITION' });
  });

  it('on a user is refused with If-Match, which it does not compare', async () => {
    const api = await open();
    const headers = { 'if-match': '"old"' };
    const path = '/api/v1/users/alice@contoso.com/decision';
    const { status, json } = await api.send('helpdesk', path, {
      method: 'PUT',
      body: { action: 'block' },
      headers,
    });
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'EASGATE_API_INVALID' });
    expect(api.audited).toHaveLength(0);
  });

  it('is made once for an Idempotency-Key', async () => {
    const api = await open();
    const token = api.token('helpdesk');
    const headers = { 'idempotency-key': 'ticket-4711' };
    const once = await api.send(token, DECISION, { method: 'PUT', body: { action: 'block' }, headers });
    const again = await api.send(token, DECISION, { method: 'PUT', body: { action: 'block' }, headers });
    expect(again.json).toEqual(once.json);
    expect(api.audited).toHaveLength(1);
    const other = await api.send(token, DECISION, { method: 'PUT', body: { action: 'allow' }, headers });
    expect(other.json).toMatchObject({ status: 422, code: 'EASGATE_API_KEY_REUSED' });
  });

  it('needs an end that is to come', async () => {
    const api = await open();
    const body = { action: 'allow', expiresAt: '2020-01-01T00:00:00Z' };
    const { status, json } = await api.send('helpdesk', DECISION, { method: 'PUT', body });
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'EASGATE_EXPIRY' });
  });

  it('is taken back', async () => {
    const api = await open();
    await api.send('helpdesk', DECISION, { method: 'PUT', body: { action: 'block' } });
    const { json } = await api.send('helpdesk', DECISION, { method: 'DELETE' });
    expect(json).toMatchObject({ cleared: [{ user: null, decision: { action: 'block' } }], left: [] });
  });
});

describe('a wipe', () => {
  it.each(['PUT', 'DELETE'])('is not taken back by the help desk: %s', async (method) => {
    const api = await open();
    const order = { user: 'alice@contoso.com', reason: 'stolen', confirm: 'GOOD1' };
    await api.send('operator', '/api/v1/devices/GOOD1/wipe', { method: 'POST', body: order });
    const request = { method, ...(method === 'PUT' && { body: { action: 'allow' } }) };
    const { status } = await api.send('helpdesk', DECISION, request);
    expect([403, 409]).toContain(status);
    const { json } = await api.send('viewer', '/api/v1/devices/GOOD1');
    expect(JSON.stringify(json)).toContain('"wipe"');
    if (method === 'DELETE') expect((await api.send('operator', DECISION, { method })).status).toBe(200);
  });

  it('needs the id of the device again', async () => {
    const api = await open();
    const body = { confirm: 'OTHER', reason: 'lost', allUsers: true };
    const { json } = await api.send('operator', '/api/v1/devices/GOOD1/wipe', { method: 'POST', body });
    expect(json).toMatchObject({ status: 400, code: 'EASGATE_WIPE_CONFIRM' });
    expect(api.audited).toEqual([]);
  });
});
