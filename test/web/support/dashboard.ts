// Owns the server of the dashboard's tests: the real admin API on a made-up fleet, with a policy.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configSchema } from '../../../src/config/schema.ts';
import type { UserKey } from '../../../src/identity/keys.ts';
import { openTestApi } from '../../support/servers/test-api.ts';
import type { TestApi } from '../../support/servers/test-api.ts';
import { openFleet } from './fleet.ts';

const POLICY = fileURLToPath(new URL('../fixtures/policy.yaml', import.meta.url));

/** Users and their groups. */
const GROUPS: readonly (readonly string[])[] = [
  ['clara', 'staff', 'sales'],
  ['dimitri', 'staff'],
  ['lena', 'staff', 'sales'],
  ['farid', 'staff'],
  ['olga', 'contractors'],
  ['user00000', 'staff'],
  ['user00001', 'sales'],
];

/** Starts it; `more` = so many phones beside the named ones. */
export async function openDashboard(more = 0): Promise<TestApi> {
  const config = configSchema.parse({
    admin: { listen: '127.0.0.1:0', file: ':memory:', requestsPerMinute: 10_000 },
    store: { kind: 'embedded', path: ':memory:' },
    policy: { file: POLICY },
  });
  return openTestApi({ store: await openFleet(more), parts: { config, name: 'eas.example.com' } });
}

/** The same, with the policy in the directory: two versions, the second one live; staff and sales among the users. */
export async function openPublished(more = 0): Promise<TestApi> {
  const config = configSchema.parse({
    admin: { listen: '127.0.0.1:0', file: ':memory:', requestsPerMinute: 10_000 },
    store: { kind: 'embedded', path: ':memory:' },
  });
  const store = await openFleet(more);
  const now = Date.now();
  await store.putUsers(
    GROUPS.map(([name, ...groups]) => ({
      key: `${name}@example.com` as UserKey,
      source: 'directory',
      observedAt: now,
      groups,
      enabled: true,
    })),
  );
  const api = await openTestApi({ store, parts: { config, name: 'eas.example.com' } });
  const document = readFileSync(POLICY, 'utf8');
  await publish(api, document.replace('quarantine', 'block'), 'First one');
  await publish(api, document, 'Unknown devices are quarantined');
  return api;
}

/** Publishes a document, as somebody else would. */
export async function publish(api: TestApi, document: string, comment: string): Promise<void> {
  const body = { document, comment };
  const { status, text } = await api.send('admin', '/api/v1/policy/publish', { method: 'POST', body });
  if (status !== 200) throw new Error(text);
}
