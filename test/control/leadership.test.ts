// Owns the promises of leadership: one control process leads, another one takes over, and what a paused one still writes is refused.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Leadership } from '../../src/control/leadership.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { LeaseRecords } from '../../src/directory/lease.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const HOLDER = fileURLToPath(new URL('../support/servers/lease-holder.ts', import.meta.url));
const SHORT = { times: { leaseMs: 400, renewMs: 100 } };

function openDirectory(): { readonly path: string; readonly store: EmbeddedStore } {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-lease-'));
  const path = join(folder, 'directory.db');
  const store = new EmbeddedStore(path);
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return { path, store };
}

interface Holder {
  readonly child: ChildProcess;
  lines(): string[];
  write(device: string): void;
}

function startHolder(path: string, leaseMs: number): Holder {
  const child = spawn(process.execPath, [HOLDER, path, String(leaseMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    lines: () => out.split('\n').filter(Boolean),
    write: (device) => void child.stdin?.write(`${device}\n`),
  };
}

describe('the leader', () => {
  it('that was stopped and goes on later writes nothing: another one leads by then', async () => {
    const { path, store } = openDirectory();
    const paused = startHolder(path, 400);
    await until(() => paused.lines().includes('leads 1'), 'the first leader');
    paused.write('good1');
    await until(() => paused.lines().includes('written'), 'its write');
    paused.child.kill('SIGSTOP');
    // Its own lease does not run out while this process waits for the processor.
    const next = new Leadership(store.leases, undefined, { times: { ...SHORT.times, leaseMs: 600_000 } });
    onTestFinished(() => next.close());
    void next.start();
    await until(() => next.fence !== null, 'the next leader');
    expect(next.fence).toBeGreaterThan(1);
    // It finds this on its input as soon as it goes on, with the fence it had.
    paused.write('late2');
    paused.child.kill('SIGCONT');
    await until(() => paused.lines().includes('EASGATE_FENCED'), 'the refusal');
    await until(() => paused.lines().includes('lost'), 'the loss');
    expect(await store.getDevice('late2' as DeviceKey)).toBeNull();
    expect(await store.getDevice('good1' as DeviceKey)).not.toBeNull();
  });

  it('keeps the lease while it renews it, and gives it back at its end', async () => {
    const { store } = openDirectory();
    const first = new Leadership(store.leases, undefined, { holder: 'one' });
    const second = new Leadership(store.leases, undefined, { holder: 'two' });
    onTestFinished(() => second.close());
    await first.start();
    await second.start();
    expect([first.fence, second.fence]).toStrictEqual([1, null]);
    expect(second.leader).toStrictEqual({ holder: 'one', fence: 1 });
    await first.start();
    expect(first.fence).toBe(1);
    await first.close();
    expect(first.fence).toBeNull();
    await second.start();
    expect(second.fence).toBe(2);
  });

  it('no longer leads once its lease ran out while the store is away', async () => {
    const { store } = openDirectory();
    let isAway = false;
    const records: LeaseRecords = {
      take: (...words) => (isAway ? Promise.reject(new Error('away')) : store.leases.take(...words)),
      release: (token) => store.leases.release(token),
      leader: () => store.leases.leader(),
    };
    const changes: unknown[] = [];
    const onChange = (fence: number | null, refusal: Error | null): void =>
      void changes.push([fence, refusal?.message ?? null]);
    const leader = new Leadership(records, onChange, SHORT);
    onTestFinished(() => leader.close());
    await leader.start();
    isAway = true;
    await until(() => leader.fence === null, 'the end of the lease');
    await until(() => changes.length === 2, 'the loss to be told');
    expect(changes).toStrictEqual([
      [1, null],
      [null, 'away'],
    ]);
  });
});
