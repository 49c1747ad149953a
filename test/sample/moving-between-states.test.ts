// Owns the promise that a phone ends in the right mailbox after every change of state, during each of its requests, for each
// generation of the protocol.
// One gateway serves all tests of a kind of phone, each test with a device of its own.
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { deviceKey } from '../../src/identity/device.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import type { DeviceObservation } from '../../src/model/device.ts';
import type { PhoneFamily } from '../../src/sample/phone/families.ts';
import type { PhoneEvent } from '../../src/sample/phone/options.ts';
import type { Phone } from '../../src/sample/phone/phone.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { openOffice } from '../support/servers/office.ts';
import type { Office, StoreKind } from '../support/servers/office.ts';
import { until } from '../support/checks/until.ts';
import { BY_TEST, decision, deviceReport } from '../support/servers/directory-records.ts';

const REAL = ['Welcome', 'Floor plan', 'Lunch'];

checkLeaksAtEnd();

let office: Office;
let phone: Phone | undefined;
let key: DeviceKey;
let blocked = false;
let leaving: AbortController;
const events: PhoneEvent[] = [];
beforeEach(() => {
  blocked = false;
  events.length = 0;
  leaving = new AbortController();
  onTestFinished(leave);
});

async function leave(): Promise<void> {
  leaving.abort();
  await phone?.close();
  phone = undefined;
  await until(() => office.gateway.connections() === 0, 'the phone to be gone');
}

function shown(): Phone {
  if (phone === undefined) throw new Error('no phone yet');
  return phone;
}

let observation = 0;
function observed(device: DeviceKey, facts: Partial<DeviceObservation>): DeviceObservation {
  observation++;
  return deviceReport(device, { version: observation, observedAt: observation, ...facts });
}

/** What the MDM says from now on, and the gateway has heard. */
async function mdmSays(facts: Partial<DeviceObservation>): Promise<void> {
  await office.heard(() => office.operator.putDevices([observed(key, facts)]));
}

async function block(wish: boolean): Promise<void> {
  if (blocked === wish) return;
  blocked = wish;
  await office.heard(() =>
    office.operator.decide({ user: null, device: key }, wish ? decision('block') : null, BY_TEST),
  );
}

/** A state: how the test sets it, and what the phone shows in it. */
interface State {
  readonly name: string;
  readonly facts: Partial<DeviceObservation>;
  readonly enter: () => Promise<void>;
  readonly expectShown: () => void;
}

function expectFolders(own: boolean): void {
  const ids = [...shown().screen.folders.keys()];
  expect(ids.length).toBeGreaterThan(0);
  expect(ids.filter((id) => id.startsWith('easg') !== own)).toEqual([]);
}

const ALLOWED: State = {
  name: 'allow',
  facts: { managed: true, compliant: true },
  enter: async () => {
    await mdmSays({ managed: true, compliant: true });
    await block(false);
  },
  expectShown: () => {
    expect(shown().screen.state).toBe('connected');
    expect(shown().screen.subjects).toEqual(REAL);
    expectFolders(false);
  },
};

function quarantined(name: string, facts: Partial<DeviceObservation>, subject: string, text: string): State {
  return {
    name,
    facts,
    enter: async () => {
      await mdmSays(facts);
      await block(false);
    },
    expectShown: () => {
      expect(shown().screen.state).toBe('connected');
      expect(shown().screen.subjects).toEqual([subject]);
      expect(
        shown()
          .screen.messagesOf('2')[0]
          ?.text.replace(/<[^>]*>/g, ''),
      ).toContain(text);
      expectFolders(true);
    },
  };
}

const QUARANTINED = quarantined(
  'quarantine',
  { managed: false },
  'Enrol this device to get your mail',
  'Reason: not enrolled',
);
const OTHER_REASON = quarantined(
  'another reason',
  { managed: true, compliant: false },
  'Mail is on hold: this device needs your attention',
  'Reason: requirements not met',
);

const BLOCKED: State = {
  name: 'block',
  facts: {},
  enter: () => block(true),
  expectShown: () => expect(shown().screen.state).toBe('denied'),
};

/** The request during which the change happens; resolves when the request is done. */
type Moment = (change: () => Promise<void>) => Promise<void>;

async function duringPoll(change: () => Promise<void>): Promise<void> {
  await shown().settle(leaving.signal);
  expect(shown().idle).toBe(true);
  const polls = office.gateway.heldPolls();
  const poll = shown().step(leaving.signal);
  await until(() => office.gateway.heldPolls() === polls + 1, 'the poll to be held');
  events.length = 0;
  await change();
  await poll;
}

/** Makes the change right after the first answer to this command. */
function after(command: PhoneEvent['command']): Moment {
  return async (change) => {
    while (events.at(-1)?.command !== command) await shown().step(leaving.signal);
    events.length = 0;
    await change();
  };
}

interface Situation {
  readonly push: 'ping' | 'sync';
  readonly at: Moment;
}

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'holds a Ping': { push: 'ping', at: duringPoll },
  'holds a Sync': { push: 'sync', at: duringPoll },
  'is between two requests': {
    push: 'ping',
    at: async (change) => {
      await shown().settle(leaving.signal);
      expect(shown().idle).toBe(true);
      events.length = 0;
      await change();
    },
  },
  'has its folders and is about to sync for the first time': { push: 'ping', at: after('FolderSync') },
  'has the first key of a folder and nothing else of it': { push: 'ping', at: after('Sync') },
};

/** Runs the phone until it would poll again or is refused; a poll that is held already ends at once. */
async function goOn(): Promise<void> {
  // The next request of an idle phone is a poll: it ends at once, and is the first of the round.
  if (shown().idle && events.length === 0) await shown().step(leaving.signal);
  await shown().settle(leaving.signal);
}

/** One round: the end of the request under way, FolderSync twice, Sync twice; Provision where required. */
const ROUND = 6;

function expectOneRound(): void {
  const round = events.filter(({ command }) => command !== 'Provision' && command !== 'Settings');
  expect(round.length).toBeLessThanOrEqual(ROUND);
  expect(events.length).toBeLessThanOrEqual(ROUND + 3);
  expect(shown().screen.passwordPrompts).toBe(0);
  expect(shown().loops).toBe(0);
}

const MOVES: readonly (readonly [State, State])[] = [
  [QUARANTINED, ALLOWED],
  [ALLOWED, QUARANTINED],
  [QUARANTINED, OTHER_REASON],
];
/** From one state through a block to another. */
const RETURNS: readonly (readonly [State, State])[] = [
  [ALLOWED, ALLOWED],
  [QUARANTINED, ALLOWED],
  [ALLOWED, QUARANTINED],
];

const PHONES: readonly (readonly [string, PhoneFamily, StoreKind])[] = [
  ['2.5', 'android', 'embedded'],
  ['12.1', 'ios', 'embedded'],
  ['12.1', 'android', 'embedded'],
  ['14.1', 'ios', 'embedded'],
  ['14.1', 'android', 'embedded'],
  ['16.1', 'ios', 'embedded'],
  ['16.1', 'outlook', 'embedded'],
  ['12.1', 'android', 'redis'],
  ['16.1', 'ios', 'redis'],
];

/** Devices in each initial state, written in advance: the embedded store takes 50 ms to report a change. */
const STOCK = 40;

describe.each(PHONES)('a phone that speaks %s (%s, %s store)', (version, family, kind) => {
  const stock = new Map<State, DeviceKey[]>();
  beforeAll(async () => {
    office = await openOffice(kind);
    for (const state of [ALLOWED, QUARANTINED]) {
      const keys = Array.from({ length: STOCK }, (_, index) => deviceKey(`MOVING${state.name}${index}`));
      const write = async (): Promise<void> => {
        for (const one of keys) await office.operator.putDevices([observed(one, state.facts)]);
      };
      await office.heard(write);
      stock.set(state, keys);
    }
  });
  afterAll(() => office.close());

  function begin(state: State, push: 'ping' | 'sync'): void {
    const device = stock.get(state)?.pop();
    if (device === undefined) throw new Error('more tests than devices: STOCK');
    key = device;
    const onEvent = (event: PhoneEvent): void => void events.push(event);
    phone = office.phone({ deviceId: key, family, version, push, onEvent });
  }

  // AOSP never sends a Sync that is held, and 2.5 has no such Sync.
  const situations = Object.entries(SITUATIONS).filter(
    ([, { push }]) => push === 'ping' || family !== 'android',
  );
  describe.each(situations)('and %s', (_, { push, at }) => {
    it.each(MOVES.map(([from, to]) => ({ from, to, title: `from ${from.name} to ${to.name}` })))(
      'moves $title within a round',
      async ({ from, to }) => {
        begin(from, push);
        await at(to.enter);
        await goOn();
        to.expectShown();
        expectOneRound();
      },
    );

    it.each(
      RETURNS.map(([from, to]) => ({ from, to, title: `from ${from.name} through block to ${to.name}` })),
    )('moves $title, each within a round, and shows no denial any more then', async ({ from, to }) => {
      begin(from, push);
      await at(BLOCKED.enter);
      await goOn();
      BLOCKED.expectShown();
      await to.enter();
      events.length = 0;
      await shown().settle(leaving.signal);
      to.expectShown();
      expect(shown().idle).toBe(true);
      expectOneRound();
    });
  });
});
