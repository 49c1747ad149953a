// Owns the promise that a phone ends in the right mailbox whatever changes, and whatever it is doing at that moment: every
// change of state, during each of its requests, for each generation of the protocol (architecture 5.4).
import { afterEach, describe, expect, it } from 'vitest';
import { deviceKey } from '../../src/identity/device.ts';
import type { DeviceRecord } from '../../src/directory/records.ts';
import type { PhoneEvent } from '../../src/sample/phone/options.ts';
import type { Phone } from '../../src/sample/phone/phone.ts';
import { decision, deviceRecord } from '../directory/store-contract.ts';
import { checkLeaks } from '../support/leaks.ts';
import { openOffice } from '../support/office.ts';
import type { Office } from '../support/office.ts';
import { until } from '../support/until.ts';

checkLeaks();

const DEVICE = 'MOVINGPHONE';
const KEY = deviceKey(DEVICE);
const REAL = ['Welcome', 'Floor plan', 'Lunch'];
const SECOND_MS = 1_000;

let office: Office;
let phone: Phone;
let leaving: AbortController;
const events: PhoneEvent[] = [];
afterEach(async () => {
  leaving.abort();
  events.length = 0;
  await office.close();
});

let observation = 0;
async function mdmSays(facts: Partial<DeviceRecord>): Promise<void> {
  observation++;
  await office.operator.putDevice(
    deviceRecord(KEY, { version: observation, observedAt: observation, ...facts }),
  );
}

/** A state: how it comes about, and what the phone shows when it has heard of it. */
interface State {
  readonly name: string;
  readonly enter: () => Promise<void>;
  readonly expectShown: () => void;
}

const ALLOWED: State = {
  name: 'allow',
  enter: async () => {
    await mdmSays({ managed: true, compliant: true });
    await office.operator.decide(null, KEY, null);
  },
  expectShown: () => {
    expect(phone.screen.state).toBe('connected');
    expect(phone.screen.subjects).toEqual(REAL);
    expect([...phone.screen.folders.keys()].filter((id) => id.startsWith('easg'))).toEqual([]);
  },
};

function quarantined(name: string, facts: Partial<DeviceRecord>, reason: RegExp): State {
  return {
    name,
    enter: () => mdmSays(facts),
    expectShown: () => {
      expect(phone.screen.state).toBe('connected');
      const messages = phone.screen.messagesOf('2');
      expect(messages).toHaveLength(1);
      expect(messages[0]?.text).toMatch(reason);
      expect([...phone.screen.folders.keys()].filter((id) => !id.startsWith('easg'))).toEqual([]);
    },
  };
}

const QUARANTINED = quarantined('quarantine', { managed: false }, /not enrolled|is not managed/i);
const OTHER_REASON = quarantined(
  'another reason',
  { managed: true, compliant: false },
  /requirement|comply|rules/i,
);

const BLOCKED: State = {
  name: 'block',
  enter: () => office.operator.decide(null, KEY, decision('block')),
  expectShown: () => expect(phone.screen.state).toBe('denied'),
};

/** What the phone is doing when the change comes; resolves when it has done it. */
type Moment = (change: () => Promise<void>) => Promise<void>;

async function duringPoll(change: () => Promise<void>): Promise<void> {
  await phone.settle(leaving.signal);
  expect(phone.idle).toBe(true);
  const before = office.gateway.heldPolls();
  const poll = phone.step(leaving.signal);
  await until(() => office.gateway.heldPolls() === before + 1, 'the poll to be held');
  events.length = 0;
  await change();
  await poll;
}

const MOMENTS: Readonly<Record<string, { readonly push: 'ping' | 'sync'; readonly at: Moment }>> = {
  'holds a Ping': { push: 'ping', at: duringPoll },
  'holds a Sync': { push: 'sync', at: duringPoll },
  'is between two requests': {
    push: 'ping',
    at: async (change) => {
      await phone.settle(leaving.signal);
      expect(phone.idle).toBe(true);
      events.length = 0;
      await change();
    },
  },
  'has its folders and is about to sync for the first time': {
    push: 'ping',
    at: async (change) => {
      while (events.at(-1)?.command !== 'FolderSync') await phone.step(leaving.signal);
      events.length = 0;
      await change();
    },
  },
  'has the first key of a folder and nothing else of it': {
    push: 'ping',
    at: async (change) => {
      while (events.at(-1)?.command !== 'Sync') await phone.step(leaving.signal);
      events.length = 0;
      await change();
    },
  },
};

async function begin(state: State, version: string, push: 'ping' | 'sync'): Promise<void> {
  office = await openOffice('embedded');
  leaving = new AbortController();
  await office.heard(state.enter);
  phone = office.phone({
    deviceId: DEVICE,
    family: version === '14.1' ? 'android' : 'ios',
    version,
    push,
    onEvent: (event) => events.push(event),
  });
}

/** The phone goes on until it would poll again, or is refused; a poll that is held already ends at once. */
async function goOn(): Promise<void> {
  // The next request of a phone that has nothing else to do is a poll: it ends at once, and is the first of the round.
  if (phone.idle && events.length === 0) await phone.step(leaving.signal);
  if (!phone.idle) await phone.settle(leaving.signal);
}

/** One round: the end of what was under way, FolderSync twice, Sync twice; Provision where it is asked for. */
const ROUND = 6;

function expectOneRound(): void {
  const round = events.filter(({ command }) => command !== 'Provision' && command !== 'Settings');
  expect(round.length).toBeLessThanOrEqual(ROUND);
  expect(events.length).toBeLessThanOrEqual(ROUND + 3);
  expect(phone.screen.passwordPrompts).toBe(0);
}

const MOVES: readonly (readonly [State, State])[] = [
  [QUARANTINED, ALLOWED],
  [ALLOWED, QUARANTINED],
  [ALLOWED, BLOCKED],
  [QUARANTINED, OTHER_REASON],
];

describe.each(['2.5', '12.1', '14.1', '16.1'])('a phone that speaks %s', (version) => {
  const moments = Object.entries(MOMENTS).filter(
    ([, { push }]) => push === 'ping' || Number(version) >= 12.1,
  );
  describe.each(moments)('and %s', (_, { push, at }) => {
    it.each(MOVES.map(([from, to]) => ({ from, to, title: `from ${from.name} to ${to.name}` })))(
      'moves $title within a round',
      async ({ from, to }) => {
        await begin(from, version, push);
        await at(() => office.heard(to.enter));
        const changed = Date.now();
        await goOn();
        expect(Date.now() - changed).toBeLessThan(SECOND_MS);
        to.expectShown();
        expectOneRound();
      },
    );

    it('moves from block back to allow at its next request', async () => {
      await begin(ALLOWED, version, push);
      await at(() => office.heard(BLOCKED.enter));
      await goOn();
      BLOCKED.expectShown();
      await office.heard(() => office.operator.decide(null, KEY, null));
      events.length = 0;
      await phone.settle(leaving.signal);
      ALLOWED.expectShown();
      expectOneRound();
    });
  });
});
