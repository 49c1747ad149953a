// Owns the promises of feeds where two gateways share a Redis: one leads, the other sends deliveries away, and takes over in the middle
// of what the first one wrote.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { askStatus } from '../../src/supervisor/ask-status.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { untilListening } from '../support/checks/until-listening.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { TOKEN, ndjson, pushed, send } from '../support/servers/receiver.ts';
import { startRedis } from '../support/servers/redis.ts';

checkLeaks();

/** Written at no more than 50,000 a second: long enough to end the leader in the middle. */
const DEVICES = 8_000;

interface Member {
  readonly gateway: GatewayProcess;
  readonly receiver: number;
}

async function startMember(redis: string, source: string): Promise<Member> {
  const receiver = await freePort();
  const gateway = await startGatewayProcess(`
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
upstream: { url: 'http://127.0.0.1:9' }
store: { kind: redis, url: '${redis}', identityFile: store.json, commandTimeoutMs: 30000 }
control: { enabled: true }
receive: { listen: 127.0.0.1:${receiver} }
log: { access: false }
feeds:
  - { name: mdm, kind: files, path: ${source}, format: csv }
  - { name: own, kind: push, tokens: [${TOKEN}] }
`);
  return { gateway, receiver };
}

async function isLeader({ gateway }: Member): Promise<boolean> {
  const { control } = await askStatus(join(gateway.folder, 'easgate.pid'));
  return control?.status?.leader.isLeader === true;
}

it('a fleet has one leader for its feeds; when it dies while it writes, the other one writes everything', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-fleet-'));
  const source = join(folder, 'devices.csv');
  // Those that are let in stand in front: they are written last all the same.
  const rows = Array.from({ length: DEVICES }, (_, index) => `PHONE${index},true,${index < DEVICES / 2}`);
  writeFileSync(source, `id,managed,compliant\n${rows.join('\n')}\n`);
  const redis = await startRedis();
  const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 60_000 });
  const members: Member[] = [];
  onTestFinished(async () => {
    for (const { gateway } of members)
      if (gateway.child.signalCode === null) await gateway.stop();
      else rmSync(gateway.folder, { recursive: true });
    await store.close();
    await redis.kill();
    rmSync(folder, { recursive: true });
  });
  const count = async (): Promise<{ blocked: number; allowed: number }> => {
    const found = { blocked: 0, allowed: 0 };
    for await (const part of store.scanDevices())
      for (const { key, record } of part)
        if (key.startsWith('phone')) found[record?.compliant === true ? 'allowed' : 'blocked']++;
    return found;
  };

  members.push(await startMember(redis.url, source));
  const [first] = members as [Member];
  // The first of those that are blocked: the run begins with it.
  const beginning = deviceKey(`PHONE${DEVICES / 2}`);
  await until(async () => (await store.getDevice(beginning)) !== null, 'the run to write');
  redis.freeze();
  first.gateway.child.kill('SIGKILL');
  await until(() => first.gateway.child.signalCode !== null, 'the leader to end');
  redis.thaw();
  const left = await count();
  expect(left.blocked).toBeGreaterThan(0);
  // Nobody was let in while somebody who is to be blocked was not.
  if (left.blocked < DEVICES / 2) expect(left.allowed).toBe(0);

  for (let count = 0; count < 2; count++) members.push(await startMember(redis.url, source));
  const [, second, third] = members as [Member, Member, Member];
  await until(async () => (await isLeader(second)) || (await isLeader(third)), 'another leader');
  const [leader, other] = (await isLeader(second)) ? [second, third] : [third, second];
  await until(async () => {
    const { blocked, allowed } = await count();
    return blocked === DEVICES / 2 && allowed === DEVICES / 2;
  }, 'everything to be written');

  // Gateways serve phones before they take deliveries, and the other one may not have begun to.
  for (const { receiver } of [leader, other]) await untilListening(receiver);
  const body = ndjson({ id: 'PUSHED', managed: true, compliant: false });
  const away = await send(other.receiver, '/receive/own/delta', { headers: pushed(), body });
  expect([away.status, away.body['code']]).toEqual([503, 'EASGATE_DELIVERY_STANDBY']);
  expect(Number(away.headers['retry-after'])).toBeGreaterThan(0);
  expect(away.text).not.toContain(String(leader.receiver));
  expect(await store.getDevice(deviceKey('PUSHED'))).toBeNull();
  expect((await send(leader.receiver, '/receive/own/delta', { headers: pushed(), body })).status).toBe(200);
  expect((await store.getDevice(deviceKey('PUSHED')))?.record?.compliant).toBe(false);
  const ready = await Promise.all(
    [leader, other].map(({ receiver }) => send(receiver, '/receive', { method: 'GET' })),
  );
  expect(ready.map(({ status }) => status)).toEqual([200, 503]);
});
