// Owns the promise that the sample phone reacts to each answer as the modelled mail app does: one test per row of the table.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EasCommand } from '../../src/eas/commands.ts';
import { element } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import type { PhoneFamily } from '../../src/sample/phone/families.ts';
import type { PhoneOptions } from '../../src/sample/phone/options.ts';
import { Phone } from '../../src/sample/phone/phone.ts';
import { REACTIONS } from '../../src/sample/phone/reactions.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { deep, document, onlyStatus, startScriptedServer } from '../support/servers/scripted-server.ts';
import type { Asked, Scripted, ScriptedServer } from '../support/servers/scripted-server.ts';

checkLeaks();

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.asked.length = 0;
  server.script = () => null;
  // A slow machine must not make a poll count as held.
  vi.spyOn(performance, 'now').mockReturnValue(0);
});
afterEach(() => vi.restoreAllMocks());

/** Maximum number of requests without a pause, whatever the answers: 20 polls, each with FolderSync and Sync. */
const MAX_AT_ONCE = 63;

const FAMILIES = ['ios', 'android', 'outlook'] as const;
const never = new AbortController().signal;

/** What the phone shows, whether it waits, and what its next two steps send; keys of 0 are named. */
const DENIED = 'denied: FolderSync Sync';
const PASSWORD = 'passwordWanted: nothing';
const STOPS = 'failed: nothing';
const PROVISIONS = 'connected: Provision(0) Provision(77) FolderSync';
const WAITS = 'unreachable, waits: FolderSync Sync';
const STARTS_OVER = 'connected, no mail: FolderSync(0) Sync(0)';
const FULL = 'full, waits: FolderSync Sync';
const PUSHES_NO_MORE = 'connected: nothing';
const PINGS_AGAIN = 'connected: Ping Ping';
const POLL_WAITS = 'unreachable, waits: Ping Ping';
const ASKS_FOLDERS = 'connected: FolderSync Sync';
const SYNC_WAITS = 'unreachable, waits: Sync Ping';
const WAITS_FOR_FOLDERS = 'unreachable, waits: FolderSync Sync';

type Expected = readonly [ios: string, android?: string, outlook?: string];
const denied = (prefix: string, expected: Expected): Record<string, Expected> =>
  Object.fromEntries(
    [126, 127, 128, 129, 130, 131, 139, 141, 177].map((code) => [`${prefix} ${code}`, expected]),
  );

const EXPECTED: Readonly<Record<string, Expected>> = {
  'HTTP 400': [STOPS, WAITS],
  'HTTP 401': [PASSWORD],
  'HTTP 403': [DENIED, PROVISIONS],
  'HTTP 404': [STOPS, WAITS],
  'HTTP 449': [PROVISIONS],
  // Without X-MS-Location; with it: phone-autodiscover.test.ts.
  'HTTP 451': [STOPS],
  'HTTP 456': ['locked: nothing', WAITS],
  'HTTP 457': ['passwordExpired: nothing', WAITS],
  // Without an address to look for the server by; with it: phone-autodiscover.test.ts.
  'HTTP 500': [WAITS],
  'HTTP 501': [STOPS, WAITS],
  'HTTP 502': [WAITS],
  'HTTP 503': [WAITS],
  'HTTP 505': [STOPS, WAITS],
  'HTTP 507': [FULL, WAITS],
  'status 110': [STOPS, WAITS],
  'status 111': [WAITS],
  'status 113': [FULL, WAITS],
  ...denied('status', [DENIED]),
  'status 132': [STARTS_OVER, WAITS],
  'status 133': [STARTS_OVER, WAITS],
  'status 134': [STARTS_OVER],
  'status 135': [STARTS_OVER, WAITS],
  'status 136': [STARTS_OVER],
  'status 137': [STOPS, WAITS],
  'status 138': [STOPS, WAITS],
  // The phone asks for the wipe order; this server has none, so the account continues.
  'status 140': ['connected: Provision(empty) FolderSync'],
  'status 142': [PROVISIONS],
  'status 143': [PROVISIONS],
  'status 144': [PROVISIONS],
  'status 145': [STOPS, WAITS],
  'status 147': [STOPS, WAITS],
  'status 148': [STOPS, WAITS],
  'status 149': [ASKS_FOLDERS, WAITS],
  // From 14.1 on Provision carries it.
  'status 165': [PROVISIONS, WAITS],
  'Ping 2': ['connected: Sync Ping'],
  'Ping 3': [PINGS_AGAIN],
  'Ping 4': [PUSHES_NO_MORE, PINGS_AGAIN],
  'Ping 5': ['connected: Ping for 120 Ping for 120'],
  'Ping 6': [PINGS_AGAIN, PUSHES_NO_MORE],
  'Ping 7': [ASKS_FOLDERS],
  'Ping 8': [POLL_WAITS, PINGS_AGAIN],
  'Ping 111': [POLL_WAITS, PINGS_AGAIN],
  ...denied('Ping', [DENIED, PASSWORD, DENIED]),
  'Ping 140': ['connected: Provision(empty) Ping', PUSHES_NO_MORE, 'connected: Provision(empty) Ping'],
  ...Object.fromEntries(
    [142, 143, 144].map((code): [string, Expected] => {
      const provisions = 'connected: Provision(0) Provision(77) Ping';
      return [`Ping ${code}`, [provisions, PUSHES_NO_MORE, provisions]];
    }),
  ),
  'Sync 3': ['connected, no mail: Sync(0) Sync'],
  'Sync 4': [STOPS, SYNC_WAITS],
  'Sync 5': [SYNC_WAITS],
  'Sync 6': ['connected: Ping Ping', SYNC_WAITS],
  'Sync 7': ['connected: Ping Ping'],
  'Sync 8': [ASKS_FOLDERS, WAITS_FOR_FOLDERS],
  'Sync 9': ['full, waits: Sync Ping', SYNC_WAITS],
  'Sync 12': [ASKS_FOLDERS, WAITS_FOR_FOLDERS],
  'Sync 13': ['connected: Sync Ping', SYNC_WAITS],
  'Sync 14': ['connected: Sync Ping for 120', SYNC_WAITS],
  'Sync 15': [SYNC_WAITS],
  'Sync 16': ['connected: Sync Ping', SYNC_WAITS],
  'Sync 134': [STARTS_OVER, 'connected, no mail: Sync(0) Sync', STARTS_OVER],
  'Sync 136': [STARTS_OVER, 'connected, no mail: Sync(0) Sync', STARTS_OVER],
  'FolderSync 6': [WAITS],
  'FolderSync 9': [STARTS_OVER],
  'FolderSync 10': [STOPS, WAITS],
  'FolderSync 11': [WAITS],
  'FolderSync 12': [STARTS_OVER, WAITS],
  'Provision 2': [STOPS, 'unreachable, waits: Provision(0) Provision(77) FolderSync'],
  'Provision 3': ['unreachable, waits: Provision(0) Provision(77) FolderSync'],
};

const MORE: Readonly<Record<string, WbxmlElement>> = {
  'Ping 2': element('Ping', 'Folders', element('Ping', 'Folder', 'in')),
  'Ping 5': element('Ping', 'HeartbeatInterval', '120'),
  'Ping 6': element('Ping', 'MaxFolders', '1'),
  'Sync 14': element('AirSync', 'Limit', '120'),
};

/** Which command gets the answer. */
function commandOf(answer: string): EasCommand {
  const [what = ''] = answer.split(' ');
  return what === 'HTTP' || what === 'status' ? 'FolderSync' : (what as EasCommand);
}

function scripted(answer: string): Scripted {
  const code = Number(answer.split(' ')[1]);
  if (answer.startsWith('HTTP')) return { http: code };
  const more = MORE[answer];
  return onlyStatus(commandOf(answer), code, ...(more === undefined ? [] : [more]));
}

function asText({ command, root, headers }: Asked): string {
  if (command === 'Provision') {
    if (root?.children.length === 0) return 'Provision(empty)';
    return `Provision(${String(headers['x-ms-policykey'])})`;
  }
  if (command === 'Ping') {
    const seconds = deep(root, 'HeartbeatInterval');
    return seconds === '600' ? command : `Ping for ${seconds}`;
  }
  return deep(root, 'SyncKey') === '0' ? `${command}(0)` : command;
}

function newPhone(options: Pick<PhoneOptions, 'family'> & Partial<PhoneOptions>): Phone {
  const account = { server: server.url, user: 'alice', password: 'pw', deviceId: 'ROWPHONE' };
  const phone = closeAtEnd(new Phone({ ...account, version: '14.1', ...options }));
  return phone;
}

async function connected(family: PhoneFamily): Promise<Phone> {
  const phone = newPhone({ family });
  await phone.settle(never);
  expect(phone.screen.subjects).toEqual(['First', 'Second']);
  return phone;
}

/** Brings the phone to where its next request is `command`. */
async function upTo(phone: Phone, command: EasCommand): Promise<void> {
  if (command === 'FolderSync') phone.tryAgain();
  if (command === 'Ping') return;
  server.script = (asked) => {
    const reply: Partial<Record<EasCommand, Scripted>> = {
      Sync: onlyStatus('Ping', 2, element('Ping', 'Folders', element('Ping', 'Folder', 'in'))),
      Provision: onlyStatus('FolderSync', 142),
    };
    const wanted = command === 'Sync' ? 'Ping' : 'FolderSync';
    return asked.command === wanted ? (reply[command] ?? null) : null;
  };
  if (command === 'Provision') phone.tryAgain();
  if (command !== 'FolderSync') await phone.step(never);
}

/** The phone's state after one such answer to the command. */
async function observe(phone: Phone, answer: string): Promise<string> {
  await upTo(phone, commandOf(answer));
  let answered = false;
  server.script = ({ command }) => {
    if (answered || command !== commandOf(answer)) return null;
    answered = true;
    return scripted(answer);
  };
  await phone.step(never);
  expect(answered).toBe(true);
  const { state, subjects } = phone.screen;
  const seen = [state, ...(state === 'connected' && subjects.length === 0 ? ['no mail'] : [])];
  if (phone.retryAfter > 0) seen.push('waits');
  const before = server.asked.length;
  await phone.step(never);
  await phone.step(never);
  const next = server.asked.slice(before).map(asText).join(' ');
  return `${seen.join(', ')}: ${next === '' ? 'nothing' : next}`;
}

describe('a phone', () => {
  it('has a row for every answer tested here, and a test for every row', () => {
    expect(REACTIONS.map(({ answer }) => answer).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  describe.each(FAMILIES)('of the kind %s', (family) => {
    it.each(REACTIONS.map(({ answer }) => answer))('takes %s as such phones do', async (answer) => {
      const phone = await connected(family);
      const [ios = '', android = ios, outlook = ios] = EXPECTED[answer] ?? [];
      const expected = { ios, android, outlook }[family];
      expect(await observe(phone, answer)).toBe(expected);
      expect(phone.loops).toBe(0);
    });

    it.each(REACTIONS.map(({ answer }) => answer))('never loops without a pause on %s', async (answer) => {
      const phone = await connected(family);
      await upTo(phone, commandOf(answer));
      const always = !/^(Ping|Sync|FolderSync|Provision) /.test(answer);
      server.script = ({ command }) =>
        command !== 'OPTIONS' && (always || command === commandOf(answer)) ? scripted(answer) : null;
      let atOnce = 0;
      for (let pauses = 0; pauses < 2 && atOnce <= MAX_AT_ONCE;) {
        const before = server.asked.length;
        await phone.step(never);
        const over = server.asked.length === before || phone.screen.state === 'denied';
        if (over || phone.screen.state === 'passwordWanted') break;
        atOnce = phone.retryAfter > 0 ? 0 : atOnce + server.asked.length - before;
        if (phone.retryAfter > 0) pauses++;
      }
      expect(atOnce).toBeLessThanOrEqual(MAX_AT_ONCE);
    });
  });

  it('sends device information in a separate command when status 165 asks for it before 14.1', async () => {
    const phone = newPhone({ family: 'ios', version: '14.0' });
    await phone.settle(never);
    server.asked.length = 0;
    await observe(phone, 'status 165');
    await phone.settle(never);
    expect(server.asked.map(({ command }) => command)).toContain('Settings');
  });

  it('treats a status of a folder like a status of the whole Sync', async () => {
    const phone = await connected('ios');
    await upTo(phone, 'Sync');
    const status = element('AirSync', 'Status', '12');
    const collection = element('AirSync', 'Collection', element('AirSync', 'CollectionId', 'in'), status);
    server.script = ({ command }) => {
      if (command !== 'Sync') return null;
      return document(element('AirSync', 'Sync', element('AirSync', 'Collections', collection)));
    };
    await phone.step(never);
    server.asked.length = 0;
    await phone.step(never);
    expect(server.asked.map(asText)).toEqual(['FolderSync']);
  });

  it('waits as long as Retry-After says, else with growing pauses, and finally gives up', async () => {
    const waited: number[] = [];
    const phone = newPhone({
      family: 'ios',
      wait: (ms) => {
        waited.push(ms);
        return Promise.resolve();
      },
    });
    let busy = 0;
    server.script = () => {
      busy++;
      return busy === 1 ? { http: 503, headers: { 'Retry-After': '7' } } : { http: 503 };
    };
    await phone.settle(never);
    expect(waited).toEqual([7_000, 60_000, 60_000, 60_000, 60_000]);
    expect(phone.screen.state).toBe('unreachable');
    server.script = () => null;
    await phone.settle(never);
    expect(phone.screen.state).toBe('connected');
  });

  it('reports circular redirects as a loop', async () => {
    const phone = await connected('ios');
    server.script = ({ command }) => (command === 'Ping' ? onlyStatus('Ping', 7) : null);
    for (let count = 0; count < 100; count++) await phone.step(never);
    expect(phone.loops).toBeGreaterThan(0);
  });

  it('reports provisioning without effect as a loop: AOSP would never stop', async () => {
    const phone = await connected('android');
    phone.tryAgain();
    server.script = ({ command }) => (command === 'FolderSync' ? { http: 403 } : null);
    await phone.settle(never);
    expect(phone.screen.state).toBe('denied');
    expect(phone.loops).toBe(1);
  });
});
