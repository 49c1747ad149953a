// Threat: a phone is wiped although the operator has taken the order back, or a wipe that happened is not recorded.
import { describe, expect, it } from 'vitest';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml, toXml } from '../../src/eas/wbxml/xml.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import type { EasAnswer, EasClient } from '../support/phones/eas-client.ts';
import { phoneOf } from '../support/servers/openings.ts';
import { openQuarantine } from '../support/servers/quarantine.ts';
import type { Quarantine } from '../support/servers/quarantine.ts';
import { request, untilLeft, verdict, wipeOrder } from '../support/servers/test-gateway.ts';

checkLeaks();

let world: Quarantine;

const ORDER: Verdict = {
  ...verdict('wipe'),
  reason: 'wipeRequested',
  wipe: wipeOrder(),
};

const provision = (phone: EasClient, inner = ''): Promise<EasAnswer> =>
  phone.command('Provision', fromXml(`<Provision xmlns="Provision:">${inner}</Provision>`));

const xml = ({ tree }: EasAnswer): string => (tree === undefined ? '' : toXml(tree));

describe('a wipe that is taken back', () => {
  it('during the look-up is not ordered', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    world.gateway.confirmWith(async () => {
      world.gateway.change('phone1', 'block');
      return ORDER;
    });
    const answer = await provision(world.phone());
    expect([answer.status, xml(answer)]).toEqual([503, '']);
    world.gateway.confirmWith(undefined);
    expect((await provision(world.phone())).easStatus).toBe('129');
  });

  it('while the phone reports its failure is not ordered again', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    world.gateway.acknowledgeWith(() => {
      world.gateway.change('phone1', 'block');
      return false;
    });
    const answer = await provision(world.phone(), '<RemoteWipe><Status>2</Status></RemoteWipe>');
    expect(xml(answer)).not.toContain('Wipe');
    expect(answer.easStatus).toBe('129');
    expect(world.gateway.acknowledged).toEqual([]);
  });

  it('and given again while the phone reports its failure is ordered by the new order', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    const stands = [false, true];
    world.gateway.acknowledgeWith(() => stands.shift() ?? true);
    const answer = await provision(world.phone(), '<RemoteWipe><Status>2</Status></RemoteWipe>');
    expect(xml(answer)).toContain('<RemoteWipe/>');
    expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 2 }]);
  });
});

describe('a wipe', () => {
  it('that a phone acknowledges without waiting for the answer is recorded', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    const reading = Promise.withResolvers<Verdict>();
    let asked = false;
    world.gateway.confirmWith(() => {
      asked = true;
      return reading.promise;
    });
    const phone = await phoneOf(world.gateway);
    const said = fromXml(
      '<Provision xmlns="Provision:"><RemoteWipe><Status>1</Status></RemoteWipe></Provision>',
    );
    phone.send(request('Provision', encodeWbxml(said), [], 'PHONE1'));
    await until(() => asked, 'the directory to be read');
    phone.destroy();
    await untilLeft(world.gateway);
    await until(() => world.gateway.connections() === 0, 'the phone to be gone');
    reading.resolve(ORDER);
    await until(() => world.gateway.acknowledged.length > 0, 'the acknowledgement');
    expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 1 }]);
  });
});
