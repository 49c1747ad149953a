// Owns the promise that a Provision of a quarantined phone keeps its place at the mail server when its verdict is renewed.
import { afterEach, expect, it } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { guarded, openQuarantine, quarantineSettings } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

let world: Quarantine;
const phones: RawClient[] = [];
afterEach(async () => {
  for (const phone of phones.splice(0)) phone.destroy();
  await world.close();
});

it('a Provision that waits for a connection goes on when its phone is still quarantined after a change', async () => {
  const provision = Buffer.from('03016a00000e05', 'hex');
  const under: BackendRequest[] = [];
  world = await openQuarantine(
    guarded((asked) => void under.push(asked)),
    {
      quarantine: quarantineSettings('server'),
      upstream: { maxConnections: 1 },
      balancing: { maxQueued: 1 },
    },
  );
  const phone = async (command: string, body: Buffer, device: string): Promise<RawClient> => {
    const client = await RawClient.open(world.gateway.port);
    phones.push(client);
    client.send(request(command, body, [], device));
    return client;
  };
  const busy = await phone('FolderSync', FOLDER_SYNC, 'OTHER');
  await until(() => under.length === 1, 'the first request');
  const waiting = await phone('Provision', provision, 'PHONE1');
  // The mail server took the credentials; the request is written anew and queued in the same turn.
  await until(
    () => world.gateway.seen.some(({ device }) => device === 'phone1'),
    'the Provision to be queued',
  );
  world.gateway.change('phone1', 'quarantine');
  under[0]?.connection.socket.write(ok('first'));
  expect((await busy.response()).body.toString()).toBe('first');
  await until(() => under.length === 2, 'the Provision');
  under[1]?.connection.socket.write(ok('policy'));
  expect((await waiting.response()).body.toString()).toBe('policy');
});
