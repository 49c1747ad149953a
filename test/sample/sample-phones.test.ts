// Owns the promises of the phones beside the sample mail server: they fetch mail through the gateway until they are stopped.
import { expect, it, onTestFinished } from 'vitest';
import { SamplePhones } from '../../src/sample/sample-phones.ts';
import { startSampleServer } from '../../src/sample/server.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';

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
