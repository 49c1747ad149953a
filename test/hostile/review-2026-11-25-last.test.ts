// Owns the promise that the holes found by the last review of 25 November 2026 stay closed.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { startSupervisor } from '../../src/control/supervisor.ts';
import type { WorkerPlan } from '../../src/control/supervisor.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml } from '../../src/eas/wbxml/xml.ts';
import { checkLeaks } from '../support/leaks.ts';
import { openQuarantine } from '../support/quarantine.ts';

checkLeaks();

const FAKE_WORKER = fileURLToPath(new URL('../support/fake-worker.ts', import.meta.url));

describe('a gateway that was told to stop', () => {
  it('starts no worker when it is told to reload meanwhile', async () => {
    const config = configSchema.parse({ listen: { address: '127.0.0.1', port: 0 } });
    const plan: WorkerPlan = { config, source: { path: '', text: '' }, count: 1, sampleUrl: 'calm' };
    const supervisor = await startSupervisor({
      plan,
      entry: FAKE_WORKER,
      args: [],
      onEvent: () => undefined,
    });
    const stopped = supervisor.stop();
    const outcome = await supervisor.reload(plan).then(
      () => 'reloaded',
      (error: Error) => error.message,
    );
    await stopped;
    const left = supervisor.pids();
    await supervisor.stop();
    expect([outcome, left]).toEqual(['the gateway stops', []]);
  });
});

const FULL_PING = encodeWbxml(
  fromXml(
    '<Ping xmlns="Ping:"><HeartbeatInterval>600</HeartbeatInterval><Folders><Folder><Id>5</Id><Class>Email</Class></Folder></Folders></Ping>',
  ),
);

describe('a phone that was let in again', () => {
  it('is asked for its folders also when a stranger polled in its name with a wrong password', async () => {
    const world = await openQuarantine();
    world.gateway.change('phone1', 'allow');
    const stranger = world.phone({ password: 'wrong' });
    const poll = await stranger.command('Ping', FULL_PING, 'application/vnd.ms-sync.wbxml');
    const { easStatus } = await world.phone().ping();
    await world.close();
    expect([poll.status, easStatus]).toEqual([401, '3']);
  });
});
