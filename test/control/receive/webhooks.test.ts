// Owns the promises of webhooks: what a delivery writes, what it answers and when, and the runs that it starts.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { FEEDS, SECRET, TOKEN, receiverOf, signed } from '../../support/servers/receiver.ts';

checkLeaks();

const compliant = (isSo: boolean): string =>
  JSON.stringify({ type: 'device', id: 'PHONE1', managed: true, compliant: isSo });

it('writes the record before it answers 202', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const body = compliant(true);
  const { status, body: answer } = await send('/receive/timed', { headers: signed(body), body });
  expect([status, answer]).toEqual([
    202,
    { status: 'accepted', accepted: 1, unchanged: 0, notJoined: 0, refused: [] },
  ]);
  expect(await device('PHONE1')).toMatchObject({ compliant: true, source: 'timed' });
});

it('leaves what an event does not say as it was', async () => {
  const { send, device } = await receiverOf(FEEDS);
  for (const record of [
    { id: 'PHONE1', managed: true, compliant: false, osVersion: '17.4', owner: 'alice@contoso.com' },
    { id: 'PHONE1', encrypted: true, lastCheckIn: '2026-11-28T10:00:00Z' },
  ]) {
    const body = JSON.stringify(record);
    expect((await send('/receive/timed', { headers: signed(body), body })).status).toBe(202);
  }
  expect(await device('PHONE1')).toMatchObject({
    managed: true,
    compliant: false,
    encrypted: true,
    osVersion: '17.4',
    owner: 'alice@contoso.com',
  });
});

it('takes a signature by any of several secrets, and any of several signatures', async () => {
  const feed = FEEDS.replace(`secrets: [${SECRET}]`, `secrets: [the-next-secret-0123456789, ${SECRET}]`);
  const { send } = await receiverOf(feed);
  const body = compliant(false);
  for (const secret of ['the-next-secret-0123456789', SECRET])
    expect((await send('/receive/timed', { headers: signed(body, { secret }), body })).status).toBe(202);
  const headers = signed(body);
  headers['webhook-signature'] =
    `v1,${Buffer.alloc(32).toString('base64')} v2,x ${headers['webhook-signature']}`;
  expect((await send('/receive/timed', { headers, body })).status).toBe(202);
});

it('takes the time from a field of the signed body', async () => {
  const { send, device } = await receiverOf(
    `  - { name: nano, kind: webhook, secrets: [${SECRET}], signature: { header: X-Hmac-Signature, prefix: "", encoding: base64, timestampField: created_at } }`,
  );
  const event = JSON.parse(
    readFileSync(
      new URL('../../fixtures/feeds/micromdm-webhook-deviceinformation.json', import.meta.url),
      'utf8',
    ),
  ) as object;
  const sendAt = (at: number): Promise<{ status: number }> => {
    const body = JSON.stringify({ ...event, created_at: new Date(at).toISOString() });
    const signature = createHmac('sha256', SECRET).update(body).digest('base64');
    return send('/receive/nano', { headers: { 'X-Hmac-Signature': signature }, body });
  };
  expect((await sendAt(Date.now() - 3_600_000)).status).toBe(400);
  expect((await sendAt(Date.now())).status).toBe(202);
  expect(await device('A1B2C3D4E5F6G7H8I9J0K1L2M3')).toMatchObject({ managed: true, osVersion: '26.1' });
});

it('takes a token as Bearer, and as the password of Basic', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const body = compliant(false);
  const basic = Buffer.from(`jamf:${TOKEN}`).toString('base64');
  for (const Authorization of [`Bearer ${TOKEN}`, `Basic ${basic}`])
    expect((await send('/receive/token', { headers: { Authorization }, body })).status).toBe(202);
  expect(await device('PHONE1')).toMatchObject({ compliant: false });
});

it('answers the same delivery with 202 again, and writes it once', async () => {
  const { send, device, store } = await receiverOf(FEEDS);
  const body = compliant(true);
  const headers = signed(body);
  await send('/receive/timed', { headers, body });
  const before = await store.position();
  const again = await send('/receive/timed', { headers, body });
  expect([again.status, again.body]).toEqual([202, { status: 'repeated' }]);
  expect(await store.position()).toBe(before);
  expect(await device('PHONE1')).toMatchObject({ compliant: true });
});

it('joins a record without an Exchange ActiveSync id to a device that became known meanwhile', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const known = JSON.stringify({ id: 'PHONE1', serialNumber: 'C8QH6T96DPNG', managed: true });
  await send('/receive/timed', { headers: signed(known), body: known });
  const body = JSON.stringify({ serialNumber: 'C8QH6T96DPNG', compliant: false });
  const { body: answer } = await send('/receive/timed', { headers: signed(body), body });
  expect(answer).toMatchObject({ accepted: 1, notJoined: 0 });
  expect(await device('PHONE1')).toMatchObject({ compliant: false });
});

it('starts another feed, and remembers that before it answers', async () => {
  const { send, triggered, device, states } = await receiverOf(
    `  - { name: mail, kind: files, path: nowhere }
  - { name: hook, kind: webhook, tokens: [${TOKEN}], trigger: mail }`,
  );
  const { status, body } = await send('/receive/hook', {
    headers: { Authorization: `Bearer ${TOKEN}` },
    body: compliant(true),
  });
  expect([status, body, triggered]).toEqual([202, { status: 'triggered' }, ['mail']]);
  expect((await states.read('hook')).lastSuccessAt).not.toBeNull();
  expect(await device('PHONE1')).toBeNull();
});

it('holds what turns too many devices within an hour, however small its pieces are', async () => {
  const { send, states } = await receiverOf(FEEDS);
  const each = async (isSo: boolean, from: number, to: number): Promise<number[]> => {
    const statuses: number[] = [];
    for (let index = from; index < to; index++) {
      const body = JSON.stringify({ id: `PHONE${index}`, managed: true, compliant: isSo });
      statuses.push((await send('/receive/timed', { headers: signed(body), body })).status);
    }
    return statuses;
  };
  expect(new Set(await each(true, 0, 40))).toEqual(new Set([202]));
  expect(new Set(await each(false, 0, 20))).toEqual(new Set([202]));
  expect(await each(false, 20, 22)).toEqual([503, 503]);
  const { held } = await states.read('timed');
  expect(held?.reasons).toEqual(['21 of 40 devices would change; at most 20 without a confirmation']);
  await states.write('timed', { ...(await states.read('timed')), confirmedAt: Date.now() });
  expect(await each(false, 20, 40)).toEqual(Array<number>(20).fill(202));
  expect((await states.read('timed')).run).not.toBeNull();
});

it('answers 503 with Retry-After where it does not lead, to load balancers too', async () => {
  const { send, leads } = await receiverOf(FEEDS);
  expect((await send('/receive', { method: 'GET' })).status).toBe(200);
  leads(false);
  const body = compliant(true);
  const refused = await send('/receive/timed', { headers: signed(body), body });
  expect([refused.status, refused.headers['retry-after'], refused.body['code']]).toEqual([
    503,
    '5',
    'EASGATE_DELIVERY_STANDBY',
  ]);
  const probe = await send('/receive', { method: 'GET' });
  expect([probe.status, probe.body]).toEqual([503, { takesDeliveries: false }]);
});

it('reports each delivery with its sums, and each refusal with its code', async () => {
  const { send, deliveries } = await receiverOf(FEEDS);
  const body = compliant(true);
  const headers = signed(body);
  await send('/receive/timed', { headers, body });
  await send('/receive/timed', { headers, body });
  await send('/receive/token', { headers: { Authorization: 'Bearer x' }, body });
  await send('/receive/nobody', { body });
  const none = { accepted: 0, unchanged: 0, refused: 0, notJoined: 0 };
  expect(deliveries).toEqual([
    ['timed', 'applied', { ...none, accepted: 1 }],
    ['timed', 'repeated', none],
    ['token', 'EASGATE_DELIVERY_CREDENTIALS', expect.any(String)],
    [null, 'EASGATE_DELIVERY_CONTENT', expect.any(String)],
  ]);
});

describe('a webhook with a mapping', () => {
  const signature = /signature: (\{ header: webhook-signature.*\})/.exec(FEEDS)?.[1] ?? '';
  const mapping = `{ where: 'record.kind == "phone"', id: 'record.phone.eas', managed: 'record.state != "gone"', compliant: 'record.state == "ok"', owner: 'record.user.mail', attributes: { risk: { type: number, value: 'record.risk' } } }`;
  const feeds = `
  - { name: own, kind: webhook, secrets: [${SECRET}], signature: ${signature}, mapping: ${mapping} }
  - { name: token, kind: webhook, tokens: [${TOKEN}], mapping: ${mapping} }
`;
  const event = (state: string, more: object = {}): string =>
    JSON.stringify({ kind: 'phone', state, risk: 3, phone: { eas: 'PHONE1' }, user: { mail: 'Alice@contoso.com' }, ...more }); // prettier-ignore

  it('has each field by its expression', async () => {
    const { send, device } = await receiverOf(feeds);
    for (const [state, managed, compliant] of [
      ['ok', true, true],
      ['bad', true, false],
      ['gone', false, false],
    ] as const) {
      // prettier-ignore
      const body = event(state);
      expect((await send('/receive/own', { headers: signed(body), body })).status).toBe(202);
      expect(await device('PHONE1')).toMatchObject({ managed, compliant, owner: 'alice@contoso.com', attributes: { risk: 3 } }); // prettier-ignore
    }
  });

  it('takes lists of records, refuses those without an id by their line, and leaves out those that it does not want', async () => {
    const { send, device } = await receiverOf(feeds);
    const body = `[${event('ok')},\n${event('ok', { phone: {} })},\n${event('bad', { kind: 'desktop' })}]`;
    const { status, body: answer } = await send('/receive/own', { headers: signed(body), body });
    expect([status, answer]).toMatchObject([202, { accepted: 1, refused: [{ line: 2 }] }]);
    expect(await device('PHONE1')).toMatchObject({ compliant: true });
    const none = event('bad', { kind: 'desktop' });
    expect((await send('/receive/own', { headers: signed(none), body: none })).status).toBe(422);
  });

  it('without a signed time only refuses', async () => {
    const { send, device } = await receiverOf(feeds);
    const headers = { Authorization: `Bearer ${TOKEN}` };
    expect((await send('/receive/token', { headers, body: event('ok') })).status).toBe(422);
    expect(await device('PHONE1')).toBeNull();
    expect((await send('/receive/token', { headers, body: event('bad') })).status).toBe(202);
    expect(await device('PHONE1')).toMatchObject({ compliant: false, managed: null });
  });
});
