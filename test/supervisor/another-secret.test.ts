// Owns the promise about the secret that all gateways of a directory share: when an operator accepts an empty store, which has
// another one, every worker is replaced, so that no worker keeps issuing tickets and sync keys that the others refuse.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';

checkLeaks();

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 2, drainSeconds: 1, pollWindowSeconds: 1, pidFile: easgate.pid }
upstream: { url: 'http://127.0.0.1:1' }
store: { kind: embedded, path: directory.db }
`;

it('an accepted store with another secret has all workers replaced, once', async () => {
  const gateway = await startGatewayProcess(CONFIG);
  onTestFinished(async () => void (await gateway.stop()));
  const before = gateway.workers();
  for (const end of ['', '-wal', '-shm']) rmSync(join(gateway.folder, `directory.db${end}`), { force: true });
  await until(() => gateway.out().includes('EASGATE_STORE_MISSING'), 'the store to be missed');
  expect(await gateway.command('store', 'accept')).toBe(0);
  await until(
    () => gateway.workers().length === 2 && gateway.workers().every((pid) => !before.includes(pid)),
    'the old workers to leave',
  );
  // A return of the same store replaces nobody.
  const renewed = gateway.workers();
  expect(await gateway.command('devices', 'block', 'PHONE1')).toBe(0);
  expect(gateway.workers()).toEqual(renewed);
  await until(() => gateway.out().includes('EASGATE_SECRET_CHANGED'), 'the line of the log');
  expect(gateway.out().match(/EASGATE_SECRET_CHANGED/g)).toHaveLength(1);
});
