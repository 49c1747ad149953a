// Owns the promises of a wipe at the gateway: only by an order in force, only to an authenticated phone, recorded once.
import { describe, expect, it } from 'vitest';
import { fromXml, toXml } from '../../../src/eas/wbxml/xml.ts';
import type { Verdict } from '../../../src/model/verdict.ts';
import type { EasAnswer, EasClient } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { openQuarantine } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import { verdict, wipeOrder } from '../../support/servers/test-gateway.ts';

checkLeaks();

let world: Quarantine;

function order(action: 'wipe' | 'accountWipe' = 'wipe'): Verdict {
  return {
    ...verdict(action),
    reason: 'wipeRequested',
    wipe: wipeOrder(),
  };
}

async function begin(ordered: Verdict = order()): Promise<void> {
  world = await openQuarantine();
  world.gateway.verdicts.set('phone1', ordered);
}

const provision = (phone: EasClient, inner = ''): Promise<EasAnswer> =>
  phone.command('Provision', fromXml(`<Provision xmlns="Provision:">${inner}</Provision>`));
const xml = ({ tree }: EasAnswer): string => (tree === undefined ? '' : toXml(tree));
const ACKNOWLEDGED = '<RemoteWipe><Status>1</Status></RemoteWipe>';

describe('a phone that is to be wiped', () => {
  it.each(['14.0', '14.1', '16.1'])(
    'and speaks %s gets the wipe status for every command, and the order by Provision',
    async (version) => {
      await begin();
      const phone = world.phone({ version });
      expect((await phone.folderSync()).easStatus).toBe('140');
      expect((await phone.sync('1')).easStatus).toBe('140');
      const told = await provision(phone);
      expect(xml(told)).toBe('<Provision xmlns="Provision:"><Status>1</Status><RemoteWipe/></Provision>');
      expect(world.gateway.acknowledged).toEqual([]);
      expect(xml(await provision(phone, ACKNOWLEDGED))).toBe(
        '<Provision xmlns="Provision:"><Status>1</Status></Provision>',
      );
      expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 1 }]);
      expect(world.mailRequests()).toEqual([]);
    },
  );

  it.each(['2.5', '12.1'])('and speaks %s is sent to Provision by HTTP 449', async (version) => {
    await begin();
    const phone = world.phone({ version });
    phone.policyKey = '4711';
    expect((await phone.folderSync()).status).toBe(449);
    expect(xml(await provision(phone))).toContain('<RemoteWipe/>');
    expect(xml(await provision(phone, ACKNOWLEDGED))).toContain('<Status>1</Status>');
    expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 1 }]);
  });

  it('and fails to do so gets the order again, and the failure is recorded', async () => {
    await begin();
    const failed = await provision(world.phone(), '<RemoteWipe><Status>2</Status></RemoteWipe>');
    expect(xml(failed)).toBe('<Provision xmlns="Provision:"><Status>2</Status><RemoteWipe/></Provision>');
    expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 2 }]);
  });

  it('gets no order with a wrong password, and its acknowledgement is ignored', async () => {
    await begin();
    const stranger = world.phone({ password: 'wrong' });
    for (const inner of ['', ACKNOWLEDGED]) expect((await provision(stranger, inner)).status).toBe(401);
    expect(world.gateway.acknowledged).toEqual([]);
  });

  it('is not wiped when the directory cannot confirm the order', async () => {
    await begin();
    const phone = world.phone();
    await phone.folderSync();
    // The verdict is still cached; the directory has no order.
    world.gateway.confirmWith(null);
    const answer = await provision(phone);
    expect(answer.status).toBe(503);
    expect(xml(answer)).not.toContain('Wipe');
    world.gateway.confirmWith(undefined);
    expect(xml(await provision(phone))).toContain('RemoteWipe');
  });

  it('is not wiped when the order was cancelled, even before the gateway has read the change', async () => {
    await begin();
    const phone = world.phone();
    await phone.folderSync();
    world.gateway.confirmWith(verdict('block'));
    expect(xml(await provision(phone, ACKNOWLEDGED))).not.toContain('Wipe');
    world.gateway.confirmWith(verdict('allow'));
    expect((await provision(phone)).status).toBe(503);
    expect(world.gateway.acknowledged).toEqual([]);
  });
});

describe('a wipe of the account alone', () => {
  it('is sent to clients that support it', async () => {
    await begin(order('accountWipe'));
    const phone = world.phone({ version: '16.1' });
    expect((await phone.folderSync()).easStatus).toBe('140');
    expect(xml(await provision(phone))).toContain('<AccountOnlyRemoteWipe/>');
    // An acknowledgement of a full wipe does not acknowledge this one.
    await provision(phone, ACKNOWLEDGED);
    expect(world.gateway.acknowledged).toEqual([]);
    await provision(phone, '<AccountOnlyRemoteWipe><Status>1</Status></AccountOnlyRemoteWipe>');
    expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 1 }]);
  });

  it.each(['2.5', '12.1', '14.1', '16.0'])('never makes a client of %s erase everything', async (version) => {
    await begin(order('accountWipe'));
    const phone = world.phone({ version });
    phone.policyKey = '4711';
    for (const answer of [
      await phone.folderSync(),
      await provision(phone),
      await provision(phone, ACKNOWLEDGED),
    ]) {
      expect(xml(answer)).not.toContain('Wipe');
      expect(answer.easStatus ?? '403').toMatch(/^(129|403)$/);
      expect([200, 403]).toContain(answer.status);
    }
    expect(world.gateway.acknowledged).toEqual([]);
  });
});
