// Owns the promise that device information of an allowed phone is stored, on both stores, and used when the phone is quarantined.
import { describe, expect, it, onTestFinished } from 'vitest';
import { deviceKey } from '../../../src/identity/device.ts';
import { fromXml } from '../../../src/eas/wbxml/xml.ts';
import { EasClient, find } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { STORES, openOffice } from '../../support/servers/office.ts';
import type { Office } from '../../support/servers/office.ts';
import { guarded, openQuarantine } from '../../support/servers/quarantine.ts';
import { eventually } from '../../support/checks/until.ts';
import { deviceReport } from '../../support/servers/directory-records.ts';

checkLeaks();

const KEY = deviceKey('PHONE1');
const information = (model: string): string =>
  `<DeviceInformation xmlns="Settings:"><Set><Model>${model}</Model><IMEI>350000000000006</IMEI><OS>iOS 18.1</OS></Set></DeviceInformation>`;
const SETTINGS = `<Settings xmlns="Settings:">${information('iPhone15C2')}</Settings>`;
const PROVISION = `<Provision xmlns="Provision:">${information('iPhone16C1')}<Policies><Policy><PolicyType>MS-EAS-Provisioning-WBXML</PolicyType></Policy></Policies></Provision>`;

const said = async (office: Office) => (await office.operator.lookup('alice' as never, KEY)).partnership;

describe.each(STORES)('an allowed phone, with the %s store', (kind) => {
  it.each([
    ['Settings', SETTINGS, 'iPhone15C2'],
    ['Provision', PROVISION, 'iPhone16C1'],
  ] as const)(
    'is known by the device information in its %s, also when it is quarantined later',
    async (command, xml, model) => {
      const office = await openOffice(kind);
      onTestFinished(() => office.close());
      await office.heard(() => office.operator.putDevices([deviceReport(KEY, { model: null })]));
      const phone = new EasClient({
        port: office.gateway.port,
        user: 'alice',
        password: 'alice-pw',
        device: 'PHONE1',
      });
      onTestFinished(() => phone.close());
      // The partnership is already recorded for this connection before the phone sends its device information.
      expect((await phone.folderSync()).easStatus).toBe('1');
      expect((await phone.command(command, fromXml(xml))).status).toBe(200);
      const told = { model, os: 'iOS 18.1', imei: '350000000000006' };
      const known = await eventually(
        () => said(office),
        (found) => found?.imei === told.imei,
        'the partnership',
      );
      expect(known).toMatchObject({ lastVerdict: 'allow', ...told });

      await office.heard(() =>
        office.operator.putDevices([deviceReport(KEY, { model: null, compliant: false, version: 2 })]),
      );
      phone.folderKey = '0';
      const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
      await phone.sync(inbox);
      expect(find((await phone.sync(inbox)).tree, 'Data')).toContain(model);
    },
  );
});

describe('device information of an allowed phone', () => {
  it('is forwarded unchanged, and stored only when the mail server accepted the password', async () => {
    const world = await openQuarantine(guarded());
    world.gateway.change('phone1', 'allow');
    const stranger = world.phone({ password: 'wrong' });
    expect((await stranger.command('Settings', fromXml(SETTINGS))).status).toBe(401);
    expect(world.gateway.seen).toEqual([]);
    const phone = world.phone();
    expect((await phone.command('Settings', fromXml(SETTINGS))).body.toString()).toBe('ok');
    expect(world.gateway.seen).toEqual([{ user: 'alice', device: 'phone1' }]);
    const [first, second] = world.mailRequests();
    expect(first?.body).toEqual(second?.body);
  });

  it('that is not WBXML is forwarded too, and not stored', async () => {
    const world = await openQuarantine(guarded());
    world.gateway.change('phone1', 'allow');
    const odd = Buffer.from('03016a00001245c30501', 'hex');
    const answer = await world.phone().command('Settings', odd);
    expect(answer.body.toString()).toBe('ok');
    expect(world.gateway.finished.at(-1)?.information).toBeNull();
  });
});
