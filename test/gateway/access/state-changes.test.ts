// Owns the proof that a decision made by another process takes effect for a phone, on both stores, without doubles.
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../../src/directory/open-store.ts';
import { PartnershipRecorder } from '../../../src/directory/partnership-recorder.ts';
import { VerdictCache } from '../../../src/directory/verdict-cache.ts';
import { startGateway } from '../../../src/gateway/gateway.ts';
import { deviceKey } from '../../../src/identity/device.ts';
import { STORE_KINDS } from '../../support/servers/store-kinds.ts';
import { checkLeaks, watchGateway } from '../../support/checks/leaks.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { OFFER, UNAUTHORIZED, isBare, ok, startRawBackend } from '../../support/servers/raw-backend.ts';
import { FOLDER_SYNC, PING, request, testSettings } from '../../support/servers/test-gateway.ts';
import { TestClock } from '../../support/checks/test-clock.ts';
import { eventually, until } from '../../support/checks/until.ts';
import { compileSimplePolicy } from '../../../src/policy/compile/simple-policy.ts';
import { BY_TEST, decision, deviceReport, partnershipsOf } from '../../support/servers/directory-records.ts';

checkLeaks();

describe.each(STORE_KINDS)('with the %s store', (_name, prepare) => {
  it('the held poll of a phone ends on a block, and the phone is allowed again after a release', async () => {
    const options = await prepare();
    const store = await openStore(options);
    const elsewhere = await openStore(options);
    const phone = deviceKey('ABC123');
    await elsewhere.putDevices([deviceReport(phone)]);
    const backend = await startRawBackend((asked) => {
      if (isBare(asked)) asked.connection.socket.write(UNAUTHORIZED);
      else if (!asked.target.includes('Cmd=Ping')) asked.connection.socket.write(ok('folders', OFFER));
    });
    const cache = new VerdictCache(store, compileSimplePolicy({}), {
      maxEntries: 100,
      maxUnknownEntries: 100,
      lifetimeMs: 60_000,
      unknownLifetimeMs: 60_000,
      maxConcurrentLookups: 10,
      lookupTimeoutMs: 30_000,
      staleAllowedMs: 1_000,
      staleBlockedMs: 1_000,
      onLookupError: () => undefined,
    });
    await cache.start();
    const recorder = new PartnershipRecorder(store);
    const time = new TestClock();
    const gateway = await startGateway({
      settings: testSettings(backend.port),
      clock: time.now,
      wall: time.wall,
      verdicts: cache,
      recorder,
      accessLog: null,
    });
    watchGateway(gateway);
    onTestFinished(async () => {
      await gateway.close();
      await cache.stop();
      await recorder.close();
      await store.close();
      await elsewhere.close();
      await backend.close();
    });
    const client = await RawClient.open(gateway.port);

    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).body.toString()).toBe('folders');
    client.send(request('Ping', PING));
    await until(() => backend.requests.length === 2);
    await elsewhere.decide({ user: null, device: phone }, decision('block'), BY_TEST);
    expect((await client.response()).body.toString('hex')).toBe('03016a00000d45470337000101');
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).body.toString('hex')).toBe('03016a000007564c03313239000101');

    await elsewhere.decide({ user: null, device: phone }, null, BY_TEST);
    const ask = async (): Promise<string> => {
      client.send(request('FolderSync', FOLDER_SYNC));
      return (await client.response()).body.toString();
    };
    await eventually(ask, (body) => body === 'folders', 'the release');
    await recorder.flush();
    expect((await partnershipsOf(elsewhere))[0]).toMatchObject({ user: 'alice', device: phone });
    client.destroy();
  });
});
