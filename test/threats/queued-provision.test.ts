// Owns the promise that a quarantined phone's Provision, rewritten and waiting for a connection, is forwarded when a change
// leaves the phone quarantined. Threat: the change removes it from the queue and nothing puts it back, so each report on a
// device (they come in batches) fails its provisioning with 503 after upstream.queueTimeoutMs.
import { expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { untilRead } from '../support/phones/raw-client.ts';
import { guarded, quarantineSettings } from '../support/servers/quarantine.ts';
import { ok } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

/** A request for the policy. */
const PROVISION = Buffer.concat([
  Buffer.from('03016a00000e4546474803', 'hex'),
  Buffer.from('MS-EAS-Provisioning-WBXML\0', 'latin1'),
  Buffer.from('01010101', 'hex'),
]);

it('a rewritten Provision in the queue is sent when a change leaves its phone quarantined', async () => {
  const backend = await backendOf(guarded(() => undefined));
  const posts = () => backend.requests.filter(({ method }) => method === 'POST');
  const gateway = await gatewayOf(backend, {
    quarantine: quarantineSettings('server'),
    upstream: { maxConnections: 1 },
    balancing: { maxQueued: 5 },
  });
  gateway.change('q1', 'quarantine');
  const busy = await phoneOf(gateway);
  busy.send(request('FolderSync', FOLDER_SYNC, [], 'A1'));
  await until(() => posts().length === 1, 'the request that keeps the connection');
  const phone = await phoneOf(gateway);
  phone.send(request('Provision', PROVISION, [], 'Q1'));
  await until(() => backend.requests.some(({ method }) => method === 'OPTIONS'), 'the check of credentials');
  await until(() => gateway.seen.some(({ device }) => device === 'q1'), 'the credentials to be taken');
  await untilRead(gateway);
  gateway.change('q1', 'quarantine');
  await untilRead(gateway);
  posts()[0]?.connection.socket.write(ok('mail'));
  await busy.response();
  await until(() => posts().length === 2, 'the Provision at the mail server');
  expect(posts()[1]?.body.subarray(0, 7).toString('hex')).toBe('03016a00000e45');
  posts()[1]?.connection.socket.write(ok('policy'));
  expect((await phone.response()).body.toString()).toBe('policy');
});
