// Owns the promises about two gateways of one machine that want one address for their admin APIs.
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import type { ApiParts } from '../../src/api/api-parts.ts';
import { startApi } from '../../src/api/server.ts';
import { dashboardLine } from '../../src/cli/dashboard-announcement.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { ControlState } from '../../src/supervisor/control-process.ts';
import { openLog } from '../../src/telemetry/logger.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

it('the second one says which setting to change', async () => {
  const first = createServer();
  await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void first.close());
  const { port } = first.address() as AddressInfo;
  const admin = AdminStore.open(':memory:');
  onTestFinished(() => admin.close());
  const config = configSchema.parse({
    admin: { listen: `127.0.0.1:${port}`, file: ':memory:' },
    store: { kind: 'embedded', path: ':memory:' },
  });
  const parts = { config, admin, audit: { record: async () => undefined } } as unknown as ApiParts;
  await expect(startApi(parts, openLog('silent', 'stdout'))).rejects.toThrow('admin.listen');
});

it('serve says where the dashboard is once the API listens, and why it does not', async () => {
  const config = configSchema.parse({
    admin: { listen: '127.0.0.1:8781', file: ':memory:' },
    store: { kind: 'embedded', path: ':memory:' },
  });
  const answers: ({ url: string | null; trouble: string | null; missing?: string } | null)[] = [];
  const line = (): Promise<string | null> =>
    dashboardLine({
      config,
      isSample: false,
      isOver: () => answers.length === 0,
      state: async () =>
        ({ state: 'running', pid: 1, status: { admin: answers.shift() ?? null } }) as ControlState,
    });
  answers.push(null, { url: null, trouble: null }, { url: 'http://127.0.0.1:8781', trouble: null });
  expect(await line()).toBe('dashboard: http://127.0.0.1:8781\n');
  answers.push({ url: null, trouble: 'another program uses it' });
  expect(await line()).toContain('another program uses it');
  answers.push({ url: 'http://127.0.0.1:8781', trouble: null, missing: 'it was not built' });
  expect(await line()).toBe('dashboard: http://127.0.0.1:8781\nwarning: it was not built\n');
  answers.push(null);
  expect(await line()).toBeNull();
});
