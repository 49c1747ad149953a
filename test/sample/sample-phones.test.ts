// Owns the promises of the phones beside the sample mail server: they fetch mail through the gateway until they are stopped.
import { expect, it, onTestFinished } from 'vitest';
import type { EasCommand } from '../../src/eas/commands.ts';
import { SamplePhones } from '../../src/sample/sample-phones.ts';
import { startSampleServer } from '../../src/sample/server.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { PATIENCE_MS, until } from '../support/checks/until.ts';
import { startTestGateway } from '../support/servers/test-gateway.ts';

checkLeaks();

it('sample phones hold a poll each, and end it when they are closed', async () => {
  const users = [{ name: 'alice', password: 'alice-pw' }];
  const server = await startSampleServer({ users, address: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const account = { user: 'alice', password: 'alice-pw' };
  const phones = new SamplePhones(server.url, [
    { ...account, deviceId: 'PHONE1', app: 'ios' },
    { ...account, deviceId: 'PHONE2', app: 'android' },
  ]);
  try {
    await until(() => server.held() === 2, 'two held polls');
  } finally {
    await phones.close();
  }
  await until(() => server.held() === 0, 'the polls to end');
  expect(server.held()).toBe(0);
});

it('a sample phone whose poll ends with news asks for them at once, not after the pause of a refused phone', async () => {
  const server = await startSampleServer({ users: [{ name: 'alice', password: 'alice-pw' }] });
  onTestFinished(() => server.close());
  const gateway = await startTestGateway(server.port);
  onTestFinished(() => gateway.close());
  const phone = { user: 'alice', password: 'alice-pw', deviceId: 'PHONE1', app: 'ios' } as const;
  const phones = new SamplePhones(`http://127.0.0.1:${gateway.port}`, [phone], 10 * PATIENCE_MS);
  onTestFinished(() => phones.close());
  const finished = (name: EasCommand): number =>
    gateway.finished.filter(({ command }) => command === name).length;
  await until(() => server.held() === 1, 'a held poll');
  const syncs = finished('Sync');
  server.deliver('alice', 'News', 'There is news.');
  await until(() => finished('Sync') > syncs && server.held() === 1, 'the news and the next poll');
  expect(finished('Ping')).toBe(1);
});
