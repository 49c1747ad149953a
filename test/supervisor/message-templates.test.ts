// Owns the promise that the operator's own texts reach the phone, and that a reload applies changed ones.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { EasClient, changes, find } from '../support/phones/eas-client.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const texts = mkdtempSync(join(tmpdir(), 'easgate-texts-'));
afterAll(() => rmSync(texts, { recursive: true }));

function write(subject: string): void {
  const text = `messages:\n  notEnrolled:\n    subject: ${subject}\n    happened: "Dear {{user}}, ask Joan."\n`;
  writeFileSync(join(texts, 'en.yaml'), text);
}

it('the quarantine message has the operator’s texts, and the changed ones after a reload', async () => {
  write('Come to room 12');
  const gateway = await startGatewayProcess(`
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
messages: { templatesDir: ${texts} }
log: { access: false }
sample:
  users: [{ name: alice, password: secret }]
  devices: [{ id: PHONE1, managed: false }]
`);
  onTestFinished(async () => void (await gateway.stop()));
  const { port } = gateway;
  let phone = new EasClient({ port, user: 'alice', password: 'secret', device: 'PHONE1' });
  const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
  await phone.sync(inbox);
  const first = await phone.sync(inbox);
  expect(find(first.tree, 'Subject')).toBe('Come to room 12');
  expect(find(first.tree, 'Data')).toContain('Dear alice, ask Joan.');
  const { folderKey, syncKeys } = phone;
  phone.close();

  write('Come to room 14');
  const before = gateway.workers();
  expect(await gateway.command('reload')).toBe(0);
  await until(() => gateway.workers().every((pid) => !before.includes(pid)), 'a new worker');
  phone = new EasClient({ port, user: 'alice', password: 'secret', device: 'PHONE1' });
  phone.folderKey = folderKey;
  for (const [folder, key] of syncKeys) phone.syncKeys.set(folder, key);
  const second = await phone.sync(inbox);
  expect(changes(second, 'Delete')).toHaveLength(1);
  expect(changes(second, 'Add')).toHaveLength(1);
  expect(find(second.tree, 'Subject')).toBe('Come to room 14');
  phone.close();
});
