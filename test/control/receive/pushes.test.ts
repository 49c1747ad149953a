// Owns the promises of pushed records: deltas with a result for each record, bulks as the whole set, idempotency keys, brakes.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { confirmDelivery } from '../../../src/app/received/confirm-delivery.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { FEEDS, TOKEN, ndjson, pushed, receiverOf } from '../../support/servers/receiver.ts';
import type { Answered, TestReceiver } from '../../support/servers/receiver.ts';

checkLeaks();

const fleet = (count: number, isSo: boolean): object[] =>
  Array.from({ length: count }, (_, index) => ({ id: `PHONE${index}`, managed: true, compliant: isSo }));

function bulk({ send }: TestReceiver, records: readonly object[], count = records.length): Promise<Answered> {
  return send(`/receive/mdm/bulk?devices=${count}`, { headers: pushed(), body: ndjson(...records) });
}

describe('a delta', () => {
  it('has a result for each record, with the line and the reason of a refused one', async () => {
    const { send } = await receiverOf(FEEDS);
    const delta = (...records: object[]): Promise<Answered> =>
      send('/receive/mdm/delta', { headers: pushed(), body: ndjson(...records) });
    await delta({ id: 'PHONE1', managed: true, compliant: true });
    const { status, body } = await delta(
      { id: 'PHONE1', managed: true },
      { id: 'PHONE2', managed: true, compliant: false },
      { id: 'PHONE3', compliannt: true },
      { id: 'PHONE4', compliant: 'perhaps' },
      { serialNumber: 'C8QH6T96DPNG', managed: true },
      { id: 'PHONE2', managed: true, observedAt: '2020-01-01T00:00:00Z' },
      { type: 'user', id: 'alice@contoso.com', groups: ['staff'] },
    );
    expect([status, body['results']]).toEqual([
      200,
      [
        { line: 1, result: 'unchanged' },
        { line: 2, result: 'accepted' },
        { line: 3, result: 'refused', reason: 'there is no field "compliannt" (did you mean "compliant"?)' },
        { line: 4, result: 'refused', reason: 'compliant: "perhaps" is not understood' },
        { line: 5, result: 'notJoined' },
        { line: 6, result: 'older' },
        { line: 7, result: 'accepted' },
      ],
    ]);
    expect(body).toMatchObject({
      devices: { accepted: 1, unchanged: 1, older: 1, removed: 0 },
      users: { accepted: 1 },
      refused: { count: 2 },
      notJoined: { count: 1 },
    });
  });

  it('leaves a field that is absent as it was, and takes null for unknown', async () => {
    const { send, device } = await receiverOf(FEEDS);
    const delta = (record: object): Promise<Answered> =>
      send('/receive/mdm/delta', { headers: pushed(), body: ndjson(record) });
    await delta({ id: 'PHONE1', managed: true, compliant: true, encrypted: true, osVersion: '17.4' });
    await delta({ id: 'PHONE1', compliant: false });
    expect(await device('PHONE1')).toMatchObject({ compliant: false, encrypted: true, osVersion: '17.4' });
    await delta({ id: 'PHONE1', encrypted: null });
    expect(await device('PHONE1')).toMatchObject({ compliant: false, encrypted: null, osVersion: '17.4' });
  });

  it('ends a grace period with a new word on compliance', async () => {
    const { send, device } = await receiverOf(FEEDS);
    const delta = (record: object): Promise<Answered> =>
      send('/receive/mdm/delta', { headers: pushed(), body: ndjson(record) });
    await delta({ id: 'PHONE1', managed: true, compliant: true, graceUntil: '2026-01-01T00:00:00Z' });
    await delta({ id: 'PHONE1', compliant: true });
    expect(await device('PHONE1')).toMatchObject({ compliant: true, graceUntil: null });
  });

  it('keeps groups and names of a user that it does not mention', async () => {
    const { send, store } = await receiverOf(FEEDS);
    for (const record of [
      {
        type: 'user',
        id: 'alice@contoso.com',
        groups: ['staff'],
        aliases: ['al@contoso.com'],
        enabled: true,
      },
      { type: 'user', id: 'alice@contoso.com', enabled: false },
    ])
      await send('/receive/mdm/delta', { headers: pushed(), body: ndjson(record) });
    const user = await store.getUser('alice@contoso.com' as Parameters<typeof store.getUser>[0]);
    expect(user?.record).toMatchObject({ groups: ['staff'], aliases: ['al@contoso.com'], enabled: false });
  });

  it('of many devices lets the next one join records without reading the directory again', async () => {
    let reads = 0;
    const { send, device } = await receiverOf(FEEDS, {
      storeOf: (store) => {
        const scan = store.scanDevices.bind(store);
        store.scanDevices = () => {
          reads++;
          return scan();
        };
        return store;
      },
    });
    const delta = (...records: object[]): Promise<Answered> =>
      send('/receive/mdm/delta', { headers: pushed(), body: ndjson(...records) });
    await delta(...fleet(2_100, true), { id: 'PHONE2100', serialNumber: 'C8QH6T96DPNG', managed: true });
    await delta({ serialNumber: 'C8QH6T96DPNG', managed: false });
    expect(await device('PHONE2100')).toMatchObject({ managed: false });
    expect(reads).toBe(1);
  });

  it('may be packed by gzip', async () => {
    const { send, device } = await receiverOf(FEEDS);
    const body = gzipSync(ndjson({ id: 'PHONE1', managed: true, compliant: true }));
    const headers = pushed(undefined, { 'Content-Encoding': 'gzip' });
    expect((await send('/receive/mdm/delta', { headers, body })).status).toBe(200);
    expect(await device('PHONE1')).toMatchObject({ compliant: true });
  });

  it('writes nothing as a dry run, and says what it would write', async () => {
    const { send, device } = await receiverOf(FEEDS);
    const body = ndjson({ id: 'PHONE1', managed: true });
    const { body: answer } = await send('/receive/mdm/delta?dryRun=true', { headers: pushed(), body });
    expect(answer).toMatchObject({ dryRun: true, devices: { accepted: 1 } });
    expect(await device('PHONE1')).toBeNull();
  });

  it('of more than 10,000 records is refused as a whole', async () => {
    const { send, device } = await receiverOf(FEEDS);
    const { status, body } = await send('/receive/mdm/delta', {
      headers: pushed(),
      body: ndjson(...fleet(10_001, true)),
    });
    expect([status, body['code']]).toEqual([413, 'EASGATE_DELIVERY_SIZE']);
    expect(await device('PHONE0')).toBeNull();
  });
});

describe('a bulk', () => {
  it('is the whole set: what it does not bring is removed', async () => {
    const receiver = await receiverOf(FEEDS);
    expect((await bulk(receiver, fleet(30, true))).status).toBe(200);
    const { status, body } = await bulk(receiver, fleet(29, true));
    expect([status, body]).toMatchObject([200, { devices: { removed: 1, unchanged: 29 } }]);
    expect(await receiver.device('PHONE29')).toMatchObject({ managed: false });
  });

  it('takes a field that is absent for unknown', async () => {
    const receiver = await receiverOf(FEEDS);
    await bulk(receiver, [{ id: 'PHONE1', managed: true, compliant: true }]);
    await bulk(receiver, [{ id: 'PHONE1', managed: true }]);
    expect(await receiver.device('PHONE1')).toMatchObject({ managed: true, compliant: null });
  });

  it('with another number of records than it says writes nothing', async () => {
    const receiver = await receiverOf(FEEDS);
    await bulk(receiver, fleet(30, true));
    const { status, body } = await bulk(receiver, fleet(29, false), 30);
    expect([status, body['detail']]).toEqual([
      422,
      'the request says 30 devices, the body has 29: nothing was written',
    ]);
    expect(await receiver.device('PHONE0')).toMatchObject({ compliant: true });
  });

  it('without a count is refused before it is read', async () => {
    const { send } = await receiverOf(FEEDS);
    expect((await send('/receive/mdm/bulk', { headers: pushed() })).status).toBe(400);
  });

  it('removes nothing where a record was refused: it may be the one that seems to be missing', async () => {
    const receiver = await receiverOf(FEEDS);
    await bulk(receiver, fleet(30, true));
    const { body } = await bulk(receiver, [...fleet(29, true), { id: 'PHONE29', compliannt: true }]);
    expect(body).toMatchObject({
      devices: { removed: 0 },
      notRemoved: ['1 records were refused: no device is removed'],
    });
    expect(await receiver.device('PHONE29')).toMatchObject({ managed: true });
  });

  it('is held by a brake until somebody confirms it, and comes again then', async () => {
    const receiver = await receiverOf(FEEDS);
    await bulk(receiver, fleet(100, true));
    const held = await bulk(receiver, fleet(100, false));
    expect([held.status, held.body['code']]).toEqual([409, 'EASGATE_HELD']);
    expect(await receiver.device('PHONE0')).toMatchObject({ compliant: true });
    const recorded: unknown[] = [];
    const audit = { record: (entry: object) => Promise.resolve(void recorded.push(entry)) };
    await confirmDelivery(receiver.states, 'mdm', { by: 'admin', via: 'cli', at: Date.now(), audit });
    expect(recorded).toMatchObject([{ operation: 'feed_confirm', subject: 'mdm' }]);
    expect((await bulk(receiver, fleet(100, false))).status).toBe(200);
    expect(await receiver.device('PHONE0')).toMatchObject({ compliant: false });
    expect((await bulk(receiver, fleet(100, true))).status).toBe(409);
  });
});

describe('an idempotency key', () => {
  it('is carried out once, also where the answer was lost', async () => {
    const { send, store } = await receiverOf(FEEDS);
    const headers = pushed(undefined, { 'Idempotency-Key': 'run-1' });
    const body = ndjson({ id: 'PHONE1', managed: true });
    const first = await send('/receive/mdm/delta', { headers, body });
    await store.putDevices([{ key: 'phone1', source: 'x', observedAt: Date.now(), managed: null }] as never);
    const before = await store.position();
    const again = await send('/receive/mdm/delta', { headers, body });
    expect([again.status, again.body['repeated'], again.body['devices']]).toEqual([
      200,
      true,
      first.body['devices'],
    ]);
    expect(await store.position()).toBe(before);
  });

  it('is known to the next leader, which refuses it for another body', async () => {
    const { send, store } = await receiverOf(FEEDS);
    const headers = pushed(undefined, { 'Idempotency-Key': 'run-1' });
    const body = ndjson({ id: 'PHONE1', managed: true }, { id: '', managed: true });
    const { body: first } = await send('/receive/mdm/delta', { headers, body });
    const next = await receiverOf(FEEDS, {
      storeOf: (own) => {
        void own.close();
        return store;
      },
    });
    const again = await next.send('/receive/mdm/delta', { headers, body });
    const { results: _results, ...kept } = first;
    expect([again.status, again.body]).toEqual([200, { ...kept, repeated: true }]);
    const other = ndjson({ id: 'PHONE1', managed: false });
    expect((await next.send('/receive/mdm/delta', { headers, body: other })).status).toBe(422);
    expect(await next.device('PHONE1')).toMatchObject({ managed: true });
  });

  it('is refused for another body, another verb or another query', async () => {
    const { send } = await receiverOf(FEEDS);
    const headers = pushed(undefined, { 'Idempotency-Key': 'run-1' });
    const body = ndjson({ id: 'PHONE1', managed: true });
    await send('/receive/mdm/delta', { headers, body });
    const others = [
      send('/receive/mdm/delta', { headers, body: ndjson({ id: 'PHONE1', managed: false }) }),
      send('/receive/mdm/delta?dryRun=true', { headers, body }),
      send('/receive/mdm/bulk?devices=1', { headers, body }),
    ];
    for (const { status } of await Promise.all(others)) expect(status).toBe(422);
  });
});

it('reports each push with its sums: a dry run and a repeated one apart', async () => {
  const { send, deliveries } = await receiverOf(FEEDS);
  const body = ndjson({ id: 'PHONE1', managed: true }, { id: '', managed: true });
  const headers = pushed(TOKEN, { 'Idempotency-Key': 'once' });
  await send('/receive/mdm/delta?dryRun=true', { headers: pushed(), body });
  await send('/receive/mdm/delta', { headers, body });
  await send('/receive/mdm/delta', { headers, body });
  const sums = { accepted: 1, unchanged: 0, refused: 1, notJoined: 0 };
  expect(deliveries).toEqual([
    ['mdm', 'dryRun', sums],
    ['mdm', 'applied', sums],
    ['mdm', 'repeated', { ...sums, accepted: 0 }],
  ]);
});
