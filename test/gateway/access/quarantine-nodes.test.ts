// Owns the promise that a phone in the middle of the quarantine mailbox can continue at any gateway of the directory, and after
// a restart of all of them: a gateway keeps no state of it.
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { element } from '../../../src/eas/wbxml/element.ts';
import { deviceKey } from '../../../src/identity/device.ts';
import { EasClient, changes, find } from '../../support/phones/eas-client.ts';
import type { EasAnswer } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { STORES, openOffice } from '../../support/servers/office.ts';
import type { Node, Office } from '../../support/servers/office.ts';
import { eventually, until } from '../../support/checks/until.ts';
import { deviceReport } from '../../support/servers/directory-records.ts';

checkLeaks();

afterEach(async () => {
  vi.restoreAllMocks();
});

describe.each(STORES)('with the %s store', (kind) => {
  async function begin(): Promise<Office> {
    const office = await openOffice(kind);
    onTestFinished(() => office.close());
    await office.operator.putDevices([deviceReport(deviceKey('PHONE1'), { managed: false })]);
    return office;
  }

  /** The same phone, connected to another gateway. */
  function at({ port }: { port: number }, before?: EasClient): EasClient {
    const phone = new EasClient({ port, user: 'alice', password: 'alice-pw', device: 'PHONE1' });
    onTestFinished(() => phone.close());
    phone.folderKey = before?.folderKey ?? '0';
    phone.policyKey = before?.policyKey ?? '0';
    for (const [folder, key] of before?.syncKeys ?? []) phone.syncKeys.set(folder, key);
    return phone;
  }

  const firstPhase = (phone: EasClient, ...more: Parameters<typeof element>[2][]): Promise<EasAnswer> =>
    phone.command(
      'Provision',
      element(
        'Provision',
        'Provision',
        element(
          'Provision',
          'Policies',
          element(
            'Provision',
            'Policy',
            element('Provision', 'PolicyType', 'MS-EAS-Provisioning-WBXML'),
            ...more,
          ),
        ),
      ),
    );

  it('a phone gets its folders from one gateway, its message from another, and continues after a restart', async () => {
    const office = await begin();
    const other = await office.node();
    const first = at(office.gateway);
    const inbox = find((await first.folderSync()).tree, 'ServerId') ?? '';
    expect(inbox).toMatch(/^easg1-/);
    await first.sync(inbox);

    const second = at(other, first);
    const again = await second.folderSync();
    expect([again.easStatus, find(again.tree, 'Count')]).toEqual(['1', '0']);
    expect(changes(await second.sync(inbox), 'Add')).toHaveLength(1);

    const third = at(office.gateway, second);
    expect(changes(await third.sync(inbox), 'Add')).toEqual([]);

    await office.gateway.close();
    await other.close();
    const restarted: Node = await office.node();
    const last = at(restarted, third);
    expect((await last.folderSync()).easStatus).toBe('1');
    expect(changes(await last.sync(inbox), 'Add')).toEqual([]);
    const poll = last.ping(600, inbox);
    await until(() => restarted.gateway.heldPolls() === 1, 'the poll to be held');
    await office.operator.putDevices([deviceReport(deviceKey('PHONE1'), { version: 2 })]);
    expect((await poll).easStatus).toBe('7');
    expect((await last.folderSync()).easStatus).toBe('9');
  });

  /** A phone that has the message; the gateway that sent it is closed. */
  async function beginAnew(office: Office): Promise<{ phone: EasClient; inbox: string; node: Node }> {
    const before = await office.node();
    const phone = at(before);
    const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
    await phone.sync(inbox);
    expect(changes(await phone.sync(inbox), 'Add')).toHaveLength(1);
    await before.close();
    const node = await office.node();
    return { phone: at(node, phone), inbox, node };
  }

  it('a phone that has the message gets no new change from a restarted gateway', async () => {
    const { phone, inbox, node } = await beginAnew(await begin());
    const poll = phone.ping(600, inbox).catch(() => undefined);
    await until(() => node.gateway.heldPolls() === 1, 'the poll to be held');
    await node.close();
    await poll;
  });

  it('a phone whose message changed meanwhile gets the change from a restarted gateway', async () => {
    const office = await begin();
    const { phone, inbox, node } = await beginAnew(office);
    await node.heard(() =>
      office.operator.putDevices([deviceReport(deviceKey('PHONE1'), { compliant: false, version: 2 })]),
    );
    expect((await phone.ping(600, inbox)).easStatus).toBe('2');
    const message = changes(await phone.sync(inbox), 'Add');
    expect(message).toHaveLength(1);
    const poll = phone.ping(600, inbox).catch(() => undefined);
    await until(() => node.gateway.heldPolls() === 1, 'the poll to be held');
    await node.close();
    await poll;
  });

  it('a phone acknowledges at one gateway the policy that another sent', async () => {
    const office = await begin();
    const other = await office.node();
    const key = find((await firstPhase(at(office.gateway))).tree, 'PolicyKey') ?? '';
    const acknowledged = await firstPhase(
      at(other),
      element('Provision', 'PolicyKey', key),
      element('Provision', 'Status', '1'),
    );
    expect(find(acknowledged.tree, 'PolicyKey')).toMatch(/^[1-9][0-9]*$/);
    expect(find(acknowledged.tree, 'PolicyKey')).not.toBe(key);
  });

  it('an unknown phone is on hold since its first contact, at every gateway', async () => {
    const office = await openOffice(kind);
    onTestFinished(() => office.close());
    const received = async (phone: EasClient): Promise<number> => {
      const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
      await phone.sync(inbox);
      return Date.parse(find((await phone.sync(inbox)).tree, 'DateReceived') ?? '');
    };
    const before = Math.floor(Date.now() / 1_000) * 1_000;
    const first = await received(at(office.gateway));
    expect(first).toBeGreaterThanOrEqual(before);
    expect(first).toBeLessThanOrEqual(Date.now());

    const { partnership } = await eventually(
      () => office.operator.lookup('alice' as never, deviceKey('PHONE1')),
      (found) => found.partnership !== null,
      'the partnership',
    );
    const firstSeen = partnership?.firstSeen ?? 0;
    // A minute passes.
    const now = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 60_000);
    const other = await office.node();
    expect(await received(at(other))).toBe(Math.floor(firstSeen / 1_000) * 1_000);
  });
});
