// Owns the user's view: what the phone shows before and after each change, on both stores, for old and new protocol versions
// and different mail apps. A phone never asks for its password, and never mixes two mailboxes.
import { describe, expect, it, onTestFinished } from 'vitest';
import { deviceKey } from '../../src/identity/device.ts';
import type { DeviceRecord } from '../../src/model/device.ts';
import type { PhoneFamily } from '../../src/sample/phone/families.ts';
import type { Phone } from '../../src/sample/phone/phone.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { STORES, openOffice } from '../support/servers/office.ts';
import type { Office } from '../support/servers/office.ts';
import { until } from '../support/checks/until.ts';
import { BY_TEST, decision, deviceReport, wipeDecision } from '../support/servers/directory-records.ts';

checkLeaks();

const DEVICE = 'STORYPHONE1';
const KEY = deviceKey(DEVICE);
const REAL = ['Welcome', 'Floor plan', 'Lunch'];

let office: Office;
let leaving: AbortController;

let version = 0;
/** Sets what the MDM reports of the device; resolves when the gateway has read it. */
async function mdmSays(facts: Partial<DeviceRecord>): Promise<void> {
  version++;
  const record = deviceReport(KEY, { version, observedAt: version, ...facts });
  await office.heard(() => office.operator.putDevices([record]));
}

/** Runs the phone until the test ends. */
interface Held {
  readonly poll: Promise<void>;
}

async function holdPoll(phone: Phone): Promise<Held> {
  expect(phone.idle).toBe(true);
  const before = office.gateway.heldPolls();
  const poll = phone.step(leaving.signal);
  await until(() => office.gateway.heldPolls() === before + 1, 'the poll to be held');
  return { poll };
}

/** Lets the phone react to the end of its poll, long before its heartbeat of ten minutes. */
async function react(phone: Phone, held: Held): Promise<void> {
  await held.poll;
  await phone.settle(leaving.signal);
}

function expectMail(phone: Phone): void {
  expect(phone.screen.state).toBe('connected');
  expect(phone.screen.subjects).toEqual(REAL);
  expect([...phone.screen.folders.keys()].filter((id) => id.startsWith('easg'))).toEqual([]);
  expect(phone.screen.passwordPrompts).toBe(0);
  expect(phone.loops).toBe(0);
}

function expectNotice(phone: Phone, text: RegExp | string): void {
  expect(phone.screen.state).toBe('connected');
  const messages = phone.screen.messagesOf('2');
  expect(messages).toHaveLength(1);
  expect(messages[0]?.text).toMatch(text);
  expect([...phone.screen.folders.keys()].every((id) => id.startsWith('easg'))).toBe(true);
  expect(phone.screen.passwordPrompts).toBe(0);
  expect(phone.loops).toBe(0);
}

const apps: readonly (readonly [string, PhoneFamily])[] = [
  ['2.5', 'android'],
  ['12.1', 'ios'],
  ['14.1', 'android'],
  ['16.1', 'ios'],
  ['16.1', 'outlook'],
];

describe.each(STORES)('with the %s store', (kind) => {
  describe.each(apps)('a phone that speaks %s (%s)', (protocol, family) => {
    async function begin(facts: Partial<DeviceRecord>): Promise<Phone> {
      office = closeAtEnd(await openOffice(kind));
      leaving = new AbortController();
      onTestFinished(() => leaving.abort());
      await mdmSays(facts);
      const phone = office.phone({ deviceId: DEVICE, family, version: protocol });
      await phone.settle(leaving.signal);
      return phone;
    }

    it('that is quarantined has its mail at once after it is enrolled', async () => {
      const phone = await begin({ managed: false });
      expectNotice(phone, 'https://enrol.example.com/');
      const held = await holdPoll(phone);
      await mdmSays({ managed: true, compliant: true });
      await react(phone, held);
      expectMail(phone);
    });

    it('that becomes non-compliant sees the reason, and no mail, until it is compliant again', async () => {
      const phone = await begin({});
      expectMail(phone);
      const first = await holdPoll(phone);
      await mdmSays({ compliant: false, unmetRequirements: ['encryption', 'minimumOs'] });
      await react(phone, first);
      expectNotice(phone, /This is missing: (<bdi>)?encryption, minimumOs/);
      const second = await holdPoll(phone);
      await mdmSays({ compliant: true });
      await react(phone, second);
      expectMail(phone);
    });

    it('gets the new reason in place of the old one', async () => {
      const phone = await begin({ managed: false });
      const before = phone.screen.messagesOf('2')[0]?.text;
      const held = await holdPoll(phone);
      await mdmSays({ managed: true, compliant: false });
      await react(phone, held);
      expectNotice(phone, /./);
      expect(phone.screen.messagesOf('2')[0]?.text).not.toBe(before);
    });

    it('that is blocked while it polls is refused, and has its mail again when it is allowed', async () => {
      const phone = await begin({});
      const held = await holdPoll(phone);
      await office.heard(() =>
        office.operator.decide({ user: null, device: KEY }, decision('block'), BY_TEST),
      );
      await react(phone, held);
      expect(phone.screen.state).toBe('denied');
      expect(phone.screen.passwordPrompts).toBe(0);
      await office.heard(() => office.operator.decide({ user: null, device: KEY }, null, BY_TEST));
      await phone.settle(leaving.signal);
      expectMail(phone);
    });

    it('whose verdict changes between two requests sees the other mailbox at the next one', async () => {
      const phone = await begin({ managed: false });
      await mdmSays({ managed: true, compliant: true });
      // A Ping that comes with keys of the quarantine mailbox ends at once.
      await phone.step(leaving.signal);
      await phone.settle(leaving.signal);
      expectMail(phone);
      const held = await holdPoll(phone);
      office.mail.deliver('alice', 'News', 'Text');
      await held.poll;
      await phone.settle(leaving.signal);
      expect(phone.screen.subjects).toEqual([...REAL, 'News']);
    });

    it('that gets a wipe order erases what its app erases, acknowledges, and is blocked', async () => {
      const phone = await begin({});
      const held = await holdPoll(phone);
      const action = Number(protocol) >= 16.1 ? 'accountWipe' : 'wipe';
      const user = action === 'wipe' ? null : ('alice' as never);
      await office.heard(() =>
        office.operator.decide(
          { user: user, device: KEY },
          wipeDecision(Date.now(), action, 'alice', KEY),
          BY_TEST,
        ),
      );
      await react(phone, held);
      expect(phone.screen.state).toBe(action === 'wipe' ? 'deviceWiped' : 'accountWiped');
      expect(phone.screen.folders.size).toBe(0);
      const stored =
        user === null
          ? (await office.operator.getDevice(KEY))?.decided.decision
          : (await office.operator.lookup(user, KEY)).partnershipDecision;
      expect(stored).toMatchObject({ wipe: { state: 'acknowledged', deviceStatus: 1 } });
      const again = office.phone({ deviceId: DEVICE, family, version: protocol });
      await again.settle(leaving.signal);
      expect(again.screen.state).toBe('denied');
    });

    it('with a wrong password gets a password prompt and no other information', async () => {
      office = closeAtEnd(await openOffice(kind));
      leaving = new AbortController();
      onTestFinished(() => leaving.abort());
      await mdmSays({ managed: false });
      const phone = office.phone({ deviceId: DEVICE, family, version: protocol, password: 'wrong' });
      await phone.settle(leaving.signal);
      expect(phone.screen).toMatchObject({ state: 'passwordWanted', passwordPrompts: 1 });
      expect(phone.screen.folders.size).toBe(0);
    });
  });
});
