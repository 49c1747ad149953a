// Owns the server of the dashboard's tests: the real admin API on a made-up fleet, with a policy.
import { fileURLToPath } from 'node:url';
import { configSchema } from '../../../src/config/schema.ts';
import { openTestApi } from '../../support/servers/test-api.ts';
import type { TestApi } from '../../support/servers/test-api.ts';
import { openFleet } from './fleet.ts';

const POLICY = fileURLToPath(new URL('../fixtures/policy.yaml', import.meta.url));

/** Starts it; `more` = so many phones beside the named ones. */
export async function openDashboard(more = 0): Promise<TestApi> {
  const config = configSchema.parse({
    admin: { listen: '127.0.0.1:0', file: ':memory:', requestsPerMinute: 10_000 },
    store: { kind: 'embedded', path: ':memory:' },
    policy: { file: POLICY },
  });
  return openTestApi({ store: await openFleet(more), parts: { config, name: 'eas.example.com' } });
}
