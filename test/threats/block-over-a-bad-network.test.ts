// Threat: a network that loses packets breaks the connections to Redis and makes all answers late. A block that Redis has, and that was acknowledged,
// does not reach the gateways for as long as that lasts: a stolen phone goes on reading mail.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ChangeFollower } from '../../src/directory/change-follower.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { startRedis } from '../support/servers/redis.ts';
import { BY_TEST, decision } from '../support/servers/directory-records.ts';

checkLeaks();

/** Longer than a worker waits for an answer, shorter than a silent connection is kept. */
const DELAY_MS = 60;
const COMMAND_TIMEOUT_MS = 20;

interface BadNetwork {
  readonly port: number;
  /** All bytes are late from now on. */
  worsen(): void;
  /** Ends all connections; new ones are accepted. */
  breakAll(): void;
}

/** A network between gateways and the Redis at this port, for the rest of the test. */
async function startNetwork(port: number): Promise<BadNetwork> {
  const sockets = new Set<Socket>();
  let isBad = false;
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(socket);
      socket.on('data', (bytes) => {
        if (isBad) setTimeout(() => other.write(bytes), DELAY_MS);
        else other.write(bytes);
      });
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => {
    breakAll();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return {
    port: (server.address() as AddressInfo).port,
    worsen: () => {
      isBad = true;
    },
    breakAll,
  };
}

it('a block reaches a gateway whose connections were lost, and whose look-ups are all answered too late', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.kill());
  const network = await startNetwork(redis.port);
  const writer = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
  const store = await RedisStore.open(
    {
      url: `redis://127.0.0.1:${network.port}/0`,
      keyPrefix: 'easgate:',
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
    },
    NO_GROUPS,
    { ...UNGUARDED, serves: true },
  );
  const changed: (string | null)[] = [];
  let isAway = false;
  const follower = new ChangeFollower(
    store,
    ({ changes }) => changed.push(...changes.map(({ device }) => device)),
    (error) => (isAway = error !== null),
  );
  await until(
    () =>
      follower.start().then(
        () => true,
        () => false,
      ),
    'the position in the change log',
  );
  onTestFinished(async () => {
    await follower.stop();
    await Promise.all([store.close(), writer.close()]);
    await follower.ended();
  });
  network.worsen();
  network.breakAll();
  await until(() => isAway, 'the loss to be noticed');
  await writer.decide({ user: null, device: 'stolen' as DeviceKey }, decision('block'), BY_TEST);
  await until(() => changed.includes('stolen'), 'the block');
  expect(changed).toEqual(['stolen']);
});
