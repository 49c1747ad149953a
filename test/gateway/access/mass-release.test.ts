// Owns the proof that held polls of phones that a feed run lets in end at the pace, and those that it refuses at once.
import { describe, expect, it } from 'vitest';
import { INBOX } from '../../../src/quarantine/folders.ts';
import { PING_STATUS } from '../../../src/eas/replies.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { openQuarantine } from '../../support/servers/quarantine.ts';

checkLeaks();

const PHONES = 260;

describe('a feed run over more open phones than may be let in at once', () => {
  it('ends the polls of those it refuses at once, of 200 that it lets in too, and of the others at the pace', async () => {
    const world = await openQuarantine();
    const names = Array.from({ length: PHONES }, (_, index) => `phone${index}`);
    for (const name of names) world.gateway.change(name, 'quarantine');
    const ended = new Set<string>();
    await Promise.all(
      names.map(async (device) => {
        const phone = world.phone({ device: device.toUpperCase() });
        // The first one learns of the message.
        expect((await phone.ping(600, INBOX)).easStatus).toBe(String(PING_STATUS.changes));
        void phone.ping(600, INBOX).then(() => ended.add(device));
      }),
    );
    await until(() => world.gateway.heldPolls() === PHONES, 'the polls to be held');

    const refused = names.slice(0, 30);
    const letIn = names.slice(30);
    for (const name of letIn) world.gateway.verdicts.set(name, { ...ALLOWED });
    for (const name of refused) world.gateway.verdicts.set(name, { ...ALLOWED, action: 'block' });
    world.gateway.announce(names);
    await until(() => refused.every((name) => ended.has(name)), 'the refusals');
    await until(() => ended.size === 230, 'the first releases');
    expect(world.gateway.heldPolls()).toBe(PHONES - 230);
    await world.gateway.time.advance(100);
    await until(() => ended.size === 250, 'twenty more after a tenth of a second');
    expect(world.gateway.heldPolls()).toBe(10);
    await world.gateway.time.advance(50);
    await until(() => ended.size === PHONES, 'the last ones');
  });
});

const ALLOWED = { action: 'allow', reason: 'compliant', rule: 'test', validUntil: Infinity } as const;
