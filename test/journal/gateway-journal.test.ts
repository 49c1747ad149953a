// Owns the promises of the journal at a whole gateway: events of phones are recorded by device, also while the store fails.
import { rmSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deviceKey } from '../../src/identity/device.ts';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import type { JournalStore } from '../../src/journal/journal-store.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openLogFile } from '../support/checks/log-file.ts';
import { until } from '../support/checks/until.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { BY_TEST, decision } from '../support/servers/directory-records.ts';
import { STORES, openOffice } from '../support/servers/office.ts';
import type { Office, StoreKind } from '../support/servers/office.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { KEEP_ALL } from './entries.ts';
import { allOf } from './store-contract.ts';

checkLeaks();

const PHONE = 'ABC123';
const device = deviceKey(PHONE);

async function open(kind: StoreKind, more: Readonly<Record<string, unknown>> = {}): Promise<Office> {
  const office = await openOffice(kind, more);
  onTestFinished(() => office.close());
  return office;
}

/** What the journal has about the phone by now. */
function found(journal: JournalStore): Promise<readonly JournalEntry[]> {
  return allOf(journal, 'journal', { device });
}

function journalOf({ store }: Office): JournalStore {
  const journal =
    store.kind === 'embedded'
      ? new EmbeddedJournal(join(dirname(store.path), 'journal.db'), { retention: KEEP_ALL, busyMs: 60_000 })
      : new RedisJournal(
          { url: store.url as string, keyPrefix: store.keyPrefix, commandTimeoutMs: 30_000 },
          KEEP_ALL,
        );
  onTestFinished(() => journal.close());
  return journal;
}

async function ask(office: Office): Promise<number> {
  const credentials = Buffer.from('alice:alice-pw').toString('base64');
  const client = await RawClient.open(office.gateway.port);
  client.send(request('FolderSync', FOLDER_SYNC, [], PHONE).replace('YWxpY2U6c2VjcmV0', credentials));
  const { status } = await client.response();
  client.destroy();
  return status;
}

describe.each(STORES)('the journal of a gateway (%s)', (kind) => {
  it('tells by device who was refused, and when the verdict changed, without the password', async () => {
    const office = await open(kind);
    const journal = journalOf(office);
    await ask(office);
    const isTold = (wanted: string) => async () =>
      (await found(journal)).some((entry) => entry.kind === wanted);
    await until(isTold('device_refused'), 'the refusal in the journal');
    // The verdict is compared with the one that is in the directory.
    await until(
      async () => (await office.operator.getDevice(device))?.partnerships.length === 1,
      'the partnership',
    );
    await office.heard(() => office.operator.decide({ user: null, device }, decision('block'), BY_TEST));
    await ask(office);
    await until(isTold('verdict_changed'), 'the change in the journal');
    const entries = await found(journal);
    expect(entries.find((entry) => entry.kind === 'device_refused')).toMatchObject({
      user: 'alice',
      device,
      count: 1,
      gateway: expect.any(String),
      facts: { client: '127.0.0.1', command: 'FolderSync' },
    });
    expect(entries.find((entry) => entry.kind === 'verdict_changed')).toMatchObject({
      user: 'alice',
      action: 'block',
      reason: 'individualRule',
      facts: { action_before: 'quarantine', reason_before: 'unknownDevice' },
    });
    expect(JSON.stringify(entries)).not.toMatch(/alice-pw|YWxpY2U6/);
  });
});

describe('the journal of a gateway', () => {
  it('names phones also where the log names nobody: it is kept like the directory', async () => {
    const file = openLogFile();
    const office = await open('embedded', {
      log: { level: 'info', access: false, destination: file.path, identities: false },
    });
    const journal = journalOf(office);
    await ask(office);
    await until(async () => (await found(journal)).length > 0, 'the refusal in the journal');
    expect((await found(journal))[0]).toMatchObject({ user: 'alice', device });
    await until(() => file.events('device_refused').length === 1, 'the line of the log');
    expect(file.text()).not.toMatch(/alice|abc123/i);
  });

  it('that cannot be written is in the log once, and phones are served', async () => {
    const file = openLogFile();
    const office = await openOffice('embedded', {
      log: { level: 'info', access: false, destination: file.path },
      policy: { unknownDevice: 'allow' },
    });
    onTestFinished(() => office.close());
    const folder = office.store.kind === 'embedded' ? dirname(office.store.path) : '';
    const path = join(folder, 'journal.db');
    mkdirSync(path);
    await office.operator.decide({ user: null, device: deviceKey('OTHER1') }, decision('block'), BY_TEST);
    expect(await ask(office)).toBe(200);
    await office.heard(() => office.operator.decide({ user: null, device }, decision('block'), BY_TEST));
    await ask(office);
    await until(() => file.events('device_refused').length === 1, 'the refusal in the log');
    const away = (): number => file.lines().filter(({ code }) => code === 'EASGATE_JOURNAL_AWAY').length;
    await until(() => away() === 1, 'the line about the journal');
    rmSync(path, { recursive: true });
    await until(
      () => file.lines().some(({ code }) => code === 'EASGATE_JOURNAL_BACK'),
      'the journal to be written again',
    );
    expect((await found(journalOf(office))).length).toBeGreaterThan(0);
    expect(away()).toBe(1);
  });
});
