// Owns the promise that a phone works with a policy key of the mail server, or of the gateway while the phone is quarantined. A
// change between the two costs one round of Provision, never a loop.
import { describe, expect, it, onTestFinished } from 'vitest';
import { deviceKey } from '../../src/identity/device.ts';
import type { PhoneFamily } from '../../src/sample/phone/families.ts';
import type { PhoneEvent } from '../../src/sample/phone/options.ts';
import type { Phone } from '../../src/sample/phone/phone.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { openOffice } from '../support/servers/office.ts';
import type { Office } from '../support/servers/office.ts';
import { until } from '../support/checks/until.ts';
import { deviceReport } from '../support/servers/directory-records.ts';

checkLeaks();

const DEVICE = 'POLICYPHONE';
const REAL = ['Welcome', 'Floor plan', 'Lunch'];

let office: Office;
let phone: Phone;
let leaving: AbortController;
const events: PhoneEvent[] = [];

let observation = 0;
async function mdmSays(good: boolean): Promise<void> {
  observation++;
  const facts = { managed: good, compliant: good, version: observation, observedAt: observation };
  await office.heard(() => office.operator.putDevices([deviceReport(deviceKey(DEVICE), facts)]));
}

/** Makes the change while the phone's poll is held, and runs the phone until it would poll again. */
async function change(good: boolean): Promise<string[]> {
  const before = office.gateway.heldPolls();
  const poll = phone.step(leaving.signal);
  await until(() => office.gateway.heldPolls() === before + 1, 'the poll to be held');
  events.length = 0;
  await mdmSays(good);
  await poll;
  await phone.settle(leaving.signal);
  return events.map(({ command }) => command);
}

const PHONES: readonly (readonly [string, PhoneFamily])[] = [
  ['2.5', 'android'],
  ['12.1', 'ios'],
  ['12.1', 'android'],
  ['14.0', 'ios'],
  ['14.1', 'android'],
  ['16.1', 'ios'],
  ['16.1', 'outlook'],
];

describe.each(['server', 'gateway'] as const)(
  'while the %s provisions quarantined phones',
  (provisioning) => {
    describe.each(PHONES)('a phone that speaks %s (%s)', (version, family) => {
      async function begin(good: boolean): Promise<void> {
        events.length = 0;
        office = closeAtEnd(
          await openOffice('embedded', { quarantine: { provisioning } }, { requirePolicy: true }),
        );
        leaving = new AbortController();
        onTestFinished(() => leaving.abort());
        await mdmSays(good);
        const onEvent = (event: PhoneEvent): void => void events.push(event);
        phone = office.phone({ deviceId: DEVICE, family, version, onEvent });
        await phone.settle(leaving.signal);
      }

      it('has its mail within a round when it is allowed, with a new key if the gateway issued the old one', async () => {
        await begin(false);
        expect(phone.screen.subjects).toEqual(['Enrol this device to get your mail']);
        const commands = await change(true);
        expect(phone.screen).toMatchObject({ state: 'connected', subjects: REAL, passwordPrompts: 0 });
        const provisions = commands.filter((command) => command === 'Provision');
        expect(provisions).toHaveLength(provisioning === 'gateway' ? 2 : 0);
        expect(commands.length).toBeLessThanOrEqual(9);
        expect(phone.loops).toBe(0);
      });

      it('keeps the key of the mail server during a quarantine', async () => {
        await begin(true);
        expect(phone.screen.subjects).toEqual(REAL);
        await change(false);
        expect(phone.screen.subjects).toEqual(['Enrol this device to get your mail']);
        expect(await change(true)).not.toContain('Provision');
        expect(phone.screen.subjects).toEqual(REAL);
        expect(phone.loops).toBe(0);
      });
    });
  },
);
