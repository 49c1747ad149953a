// Owns the promises about signals that reach a gateway while it starts, from log rotation or `easgate reload`.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
upstream: { url: 'http://127.0.0.1:1' }
`;

/** Starts a gateway and sends it the signal as soon as its pid file exists. */
async function signalled(signal: NodeJS.Signals): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(CONFIG, {}, undefined, async (child, folder) => {
    await until(
      () => existsSync(join(folder, 'easgate.pid')) || child.exitCode !== null,
      'the pid file of the gateway',
    );
    child.kill(signal);
  });
  onTestFinished(async () => void (await gateway.stop()));
  return gateway;
}

it('SIGHUP during the start leads to a reload after it', async () => {
  const gateway = await signalled('SIGHUP');
  await until(() => gateway.out().includes('EASGATE_RELOADED'), 'the reload');
  expect(gateway.out().indexOf('listens on')).toBeLessThan(gateway.out().indexOf('EASGATE_RELOADED'));
});

it('SIGUSR1 during the start opens no debugger', async () => {
  const gateway = await signalled('SIGUSR1');
  expect(gateway.out()).not.toMatch(/Debugger|inspector/);
});
