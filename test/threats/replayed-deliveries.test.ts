// Threat: a genuine delivery that somebody recorded, and sends again later, to the same gateway or to another one: an old "is
// compliant" after the phone was lost (https://www.standardwebhooks.com, "replay attacks").
import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { FEEDS, SECRET, receiverOf, signed } from '../support/servers/receiver.ts';
import { Receivers } from '../../src/control/receive/receivers.ts';
import { ReceiveListener } from '../../src/control/receive/listener.ts';
import { receiveHandler } from '../../src/control/receive/routes.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { closeAtEnd } from '../support/checks/leaks.ts';
import { send as sendTo } from '../support/servers/receiver.ts';
import type { TestReceiver } from '../support/servers/receiver.ts';

checkLeaks();

const record = (more: object): string => JSON.stringify({ id: 'PHONE1', managed: true, ...more });

it('a time outside of the window, before or after, is refused, and so is none', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const body = record({ compliant: true });
  for (const at of [Date.now() - 301_000, Date.now() + 900_000, 0, 1e15]) {
    const { status, body: answer } = await send('/receive/timed', { headers: signed(body, { at }), body });
    expect([status, answer['code']]).toEqual([400, 'EASGATE_DELIVERY_TIME']);
  }
  const { 'webhook-timestamp': _time, ...none } = signed(body);
  expect((await send('/receive/timed', { headers: none, body })).status).toBe(400);
  expect(await device('PHONE1')).toBeNull();
});

it('an allow that is sent again does not undo the refusal after it', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const allow = record({ compliant: true });
  const recorded = signed(allow, { at: Date.now() - 60_000 });
  await send('/receive/timed', { headers: recorded, body: allow });
  const refusal = record({ compliant: false });
  await send('/receive/timed', { headers: signed(refusal), body: refusal });
  expect((await send('/receive/timed', { headers: recorded, body: allow })).body).toEqual({
    status: 'repeated',
  });
  expect(await device('PHONE1')).toMatchObject({ compliant: false });
});

it('of a sender without ids a refusal that comes twice within its second counts again, an allow does not', async () => {
  const receiver = await receiverOf(
    `  - { name: hook, kind: webhook, format: ndjson, secrets: [${SECRET}], signature: { content: "{timestamp}.{body}", timestampHeader: x-time } }`,
  );
  const time = String(Math.floor(Date.now() / 1_000));
  const deliver = async (isSo: boolean): Promise<boolean | null | undefined> => {
    const body = record({ compliant: isSo });
    const signature = createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex');
    const headers = { 'X-Time': time, 'X-Hub-Signature-256': `sha256=${signature}` };
    expect((await receiver.send('/receive/hook', { headers, body })).status).toBe(202);
    return (await receiver.device('PHONE1'))?.compliant;
  };
  expect(await deliver(false)).toBe(false);
  expect(await deliver(true)).toBe(true);
  expect(await deliver(false)).toBe(false);
  expect(await deliver(true)).toBe(false);
});

/** The next leader. `hasMemory` false: the directory does not know the deliveries before it. */
async function nextLeader({ store, states, config }: TestReceiver, hasMemory = true): Promise<number> {
  const deliveries = { remember: () => Promise.resolve(), isKnown: () => Promise.resolve(false) };
  const seen = hasMemory ? store : new Proxy(store, {
    get: (target, name) => {
      const value: unknown = name === 'deliveries' ? deliveries : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }); // prettier-ignore
  const receivers = closeAtEnd(new Receivers(seen, states, config, { fence: 0, trigger: () => undefined }));
  const events = { onRefused: () => undefined, onDelivery: () => undefined, onFailure: () => undefined };
  const listener = closeAtEnd(
    new ReceiveListener(
      { endpoint: { address: '127.0.0.1', port: 0 }, tls: null, maxConnections: 20 },
      receiveHandler(() => receivers, events),
    ),
  );
  await listener.ready();
  return listener.port ?? 0;
}

it('nor does it after a restart, or at another gateway, which know it from the directory: of one second too', async () => {
  const receiver = await receiverOf(FEEDS);
  const at = Date.now();
  const [allow, refusal] = [true, false].map((compliant) => record({ compliant })) as [string, string];
  const recorded = signed(allow, { at });
  await receiver.send('/receive/timed', { headers: recorded, body: allow });
  await receiver.send('/receive/timed', { headers: signed(refusal, { at }), body: refusal });
  const port = await nextLeader(receiver);
  const again = await sendTo(port, '/receive/timed', { headers: recorded, body: allow });
  expect([again.status, again.body]).toEqual([202, { status: 'repeated' }]);
  expect(await receiver.device('PHONE1')).toMatchObject({ compliant: false });
});

it('nor where the directory does not know it any more: an older time overwrites nothing newer', async () => {
  const receiver = await receiverOf(FEEDS);
  const allow = record({ compliant: true, observedAt: '2031-01-01T00:00:00Z' });
  const recorded = signed(allow, { at: Date.now() - 60_000 });
  await receiver.send('/receive/timed', { headers: recorded, body: allow });
  const refusal = record({ compliant: false });
  await receiver.send('/receive/timed', {
    headers: signed(refusal, { at: Date.now() - 30_000 }),
    body: refusal,
  });
  const port = await nextLeader(receiver, false);
  const again = await sendTo(port, '/receive/timed', { headers: recorded, body: allow });
  expect([again.status, again.body]).toMatchObject([202, { accepted: 0, unchanged: 1 }]);
  expect(await receiver.device('PHONE1')).toMatchObject({ compliant: false });
});

/** The store, whose writes of devices fail while `error` returns one. */
function failing(failureNow: () => Error | null): (store: DirectoryStore) => DirectoryStore {
  return (store) =>
    new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        const failure = failureNow();
        if (name === 'putDevices' && failure !== null)
          return async () => {
            throw failure;
          };
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
}

it('a delivery that could not be carried out may come again', async () => {
  let isAway = true;
  const away = new Error('connect ECONNREFUSED redis-7.internal:6379');
  const receiver = await receiverOf(FEEDS, { storeOf: failing(() => (isAway ? away : null)) });
  const body = record({ compliant: true });
  const headers = signed(body);
  const refused = await receiver.send('/receive/timed', { headers, body });
  expect([refused.status, refused.headers['retry-after'], refused.body['code']]).toEqual([
    503,
    '10',
    'EASGATE_DELIVERY_STORE',
  ]);
  expect(refused.text).not.toContain('redis');
  isAway = false;
  expect((await receiver.send('/receive/timed', { headers, body })).body).toMatchObject({ accepted: 1 });
});

it('a delivery that fails by a bug of the gateway gets 500, not the answer that the directory is away', async () => {
  const storeOf = failing(() => new TypeError("reading 'secret' of undefined"));
  const receiver = await receiverOf(FEEDS, { storeOf });
  const body = record({ compliant: true });
  const failed = await receiver.send('/receive/timed', { headers: signed(body), body });
  expect([failed.status, failed.headers['retry-after'], failed.body['code']]).toEqual([
    500,
    undefined,
    'EASGATE_DELIVERY_FAILED',
  ]);
  expect(failed.text).not.toContain('secret');
  expect(receiver.failures).toHaveLength(1);
});
