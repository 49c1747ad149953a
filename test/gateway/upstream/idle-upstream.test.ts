// Owns the promise of upstream.idleConnectionSeconds: an idle connection is reused until then, and closed after it.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UpstreamServerSettings } from '../../../src/gateway/settings.ts';
import { UpstreamPool } from '../../../src/gateway/upstream/upstream-pool.ts';
import type { UpstreamConnection } from '../../../src/gateway/upstream/upstream-connection.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import type { RawBackend } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request, testSettings } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf } from '../../support/servers/openings.ts';

checkLeaks();
/** A pool with a clock of its own. */
interface Clocked {
  readonly pool: UpstreamPool;
  /** An established connection. */
  readonly taken: () => Promise<UpstreamConnection>;
  /** Advances the time, with the sweeps in between. */
  readonly pass: (ms: number) => void;
}

function poolOf(backend: RawBackend, overrides: Partial<UpstreamServerSettings>): Clocked {
  const [settings] = testSettings(backend.port, { upstream: overrides }).upstream.servers;
  if (settings === undefined) throw new Error('no server');
  let now = 1_000_000;
  const pool = new UpstreamPool(settings, () => now, { onConnectFailed: () => undefined });
  onTestFinished(() => pool.close());
  return {
    pool,
    taken: async () => {
      const connection = pool.take();
      if (connection === null) throw new Error('no connection');
      await until(() => connection.connected, 'the connection');
      return connection;
    },
    pass: (ms) => {
      for (const end = now + ms; now < end;) {
        now = Math.min(end, now + 100);
        pool.sweep(now);
      }
    },
  };
}

describe('an idle connection to a mail server', () => {
  it('is reused until idleConnectionSeconds, and closed then', async () => {
    const clock = poolOf(await backendOf(answerOk), { idleConnectionMs: 10_000 });
    const first = await clock.taken();
    clock.pool.release(first);
    clock.pass(9_900);
    expect(clock.pool.take()).toBe(first);
    clock.pool.release(first);
    clock.pass(9_900);
    expect(clock.pool.open).toBe(1);
    clock.pass(100);
    expect(clock.pool.open).toBe(0);
    expect(first.closed).toBe(true);
    expect(await clock.taken()).not.toBe(first);
  });

  it('that was used last is reused first, so that unneeded ones expire', async () => {
    const clock = poolOf(await backendOf(answerOk), { idleConnectionMs: 10_000 });
    const [one, two] = [await clock.taken(), await clock.taken()];
    clock.pool.release(one);
    clock.pool.release(two);
    clock.pass(5_000);
    expect(clock.pool.take()).toBe(two);
    clock.pool.release(two);
    clock.pass(5_000);
    expect([one.closed, two.closed]).toEqual([true, false]);
  });

  it('is reused as soon as it has lasted, although the server closed many before it', async () => {
    const clock = poolOf(await backendOf(answerOk), { idleConnectionMs: 10_000 });
    for (let count = 0; count < 20; count++) {
      const early = await clock.taken();
      clock.pool.release(early);
      early.onClosed(true);
    }
    const lasting = await clock.taken();
    clock.pool.release(lasting);
    clock.pass(300);
    expect(clock.pool.take()).toBe(lasting);
    lasting.destroy();
  });

  it('in use is never closed for its age', async () => {
    const clock = poolOf(await backendOf(answerOk), { idleConnectionMs: 10_000 });
    const held = await clock.taken();
    clock.pass(100_000);
    expect(held.closed).toBe(false);
    held.destroy();
  });

  it('of a gateway is closed without a request, and the next request has a new one', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend, {
      upstream: { idleConnectionMs: 10_000 },
      client: { keepAliveTimeoutMs: 60_000 },
    });
    const phone = await RawClient.open(gateway.port);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await phone.response();
    // A connection that stayed open for a moment is kept.
    await gateway.time.advance(500);
    expect(gateway.upstreamConnections()).toBe(1);
    await gateway.time.advance(9_500);
    await until(() => gateway.upstreamConnections() === 0, 'the idle connection to be closed');
    phone.send(request('FolderSync', FOLDER_SYNC));
    expect((await phone.response()).status).toBe(200);
    expect(backend.accepted).toHaveLength(2);
    phone.destroy();
  });
});
