// Owns the promises of the decision journal: its log lines, written by a complete gateway with the real log.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import type { HttpErrorCode } from '../../src/errors/request-errors.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { Journal } from '../../src/journal/journal.ts';
import { openLog } from '../../src/telemetry/logger.ts';
import type { ProcessLog } from '../../src/telemetry/logger.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openLogFile } from '../support/checks/log-file.ts';
import type { LogFile } from '../support/checks/log-file.ts';
import { openOffice } from '../support/servers/office.ts';
import type { Office } from '../support/servers/office.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { BY_TEST, decision, partnershipsOf, wipeDecision } from '../support/servers/directory-records.ts';

checkLeaks();

let file: LogFile;
beforeEach(() => {
  file = openLogFile();
});

const DEVICE = 'ABC123';
const CREDENTIALS = Buffer.from('alice:alice-pw').toString('base64');

function ask(password = 'alice-pw', device = DEVICE): string {
  const credentials = Buffer.from(`alice:${password}`).toString('base64');
  return request('FolderSync', FOLDER_SYNC, [], device).replace('YWxpY2U6c2VjcmV0', credentials);
}

/** `count` requests on one connection. */
async function send(office: Office, count: number, text = ask()): Promise<number[]> {
  const client = await RawClient.open(office.gateway.port);
  const statuses: number[] = [];
  for (let sent = 0; sent < count; sent++) {
    client.send(text);
    statuses.push((await client.response()).status);
  }
  client.destroy();
  return statuses;
}

const quiet = (more: object = {}): object => ({
  level: 'info',
  access: false,
  destination: file.path,
  ...more,
});

describe('without an access log', () => {
  let office: Office;
  let open = false;
  const begin = async (more: Readonly<Record<string, unknown>>): Promise<void> => {
    office = await openOffice('embedded', { log: quiet(), ...more });
    open = true;
    onTestFinished(end);
  };
  const end = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await office.close();
  };

  it('a device in a loop is logged at once and then periodically with a count, however often it asks', async () => {
    await begin({ throttle: { burst: 1, perMinute: 1 }, policy: { unknownDevice: 'allow' } });
    expect(await send(office, 50)).toEqual([200, ...Array.from({ length: 49 }, () => 503)]);
    await until(() => file.events('device_throttled').length === 1, 'the first line');
    expect(file.events('device_throttled')[0]).toMatchObject({
      level: 40,
      client: '127.0.0.1',
      user: 'alice',
      device: deviceKey(DEVICE),
      device_type: 'iPhone',
      command: 'FolderSync',
      count: 1,
    });
    await end();
    expect(file.events('device_throttled').map(({ count }) => count)).toEqual([1, 48]);
    expect(file.lines().every(({ event }) => event !== undefined)).toBe(true);
    expect(file.text()).not.toContain(CREDENTIALS);
    expect(file.text()).not.toContain('alice-pw');
  });

  it('no line names a user or device when identities are off, and the counts stay', async () => {
    await begin({
      log: quiet({ identities: false }),
      throttle: { burst: 1, perMinute: 1 },
      policy: { unknownDevice: 'allow' },
    });
    await send(office, 3);
    await send(office, 3, ask('alice-pw', 'OTHER1'));
    await end();
    expect(file.events('device_throttled').map(({ count }) => count)).toEqual([1, 3]);
    expect(file.text()).not.toMatch(/alice|abc123|other1|127\.0\.0\.1/i);
  });

  it('a new blocked device is logged once its user is authenticated, and a stranger is not', async () => {
    await begin({});
    expect(await send(office, 1, ask('guess', 'STRANGER1'))).toEqual([401]);
    await send(office, 3);
    await end();
    const refused = file.events('device_refused');
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({
      user: 'alice',
      device: deviceKey(DEVICE),
      action: 'quarantine',
      reason: 'unknownDevice',
      count: 1,
    });
  });

  it('a known phone under another spelling of its id is logged, once per spelling', async () => {
    await begin({ policy: { unknownDevice: 'allow' } });
    const partnerships = async () => (await partnershipsOf(office.operator))[0]?.spellings.length;
    const [first, second] = [DEVICE, Buffer.from(DEVICE).toString('hex')];
    await send(office, 2, ask('alice-pw', first));
    await until(async () => (await partnerships()) === 1, 'the phone to be known');
    await send(office, 2, ask('alice-pw', second));
    await until(async () => (await partnerships()) === 2, 'its second spelling to be known');
    await send(office, 2, ask('alice-pw', first));
    await end();
    expect(file.events('device_respelled')).toHaveLength(1);
    expect(file.events('device_respelled')[0]).toMatchObject({
      user: 'alice',
      device: deviceKey(DEVICE),
      spellings: 'abc123 616263313233',
      count: 1,
    });
  });

  it('a poll that a decision ends is logged with the decision', async () => {
    await begin({ policy: { unknownDevice: 'allow' } });
    const leaving = new AbortController();
    const phone = office.phone({ deviceId: DEVICE, family: 'ios', version: '14.1' });
    await phone.settle(leaving.signal);
    const poll = phone.step(leaving.signal);
    await until(() => office.gateway.heldPolls() === 1, 'the poll to be held');
    await office.operator.decide({ user: null, device: deviceKey(DEVICE) }, decision('block'), BY_TEST);
    await poll;
    leaving.abort();
    await end();
    const ended = file.events('poll_ended');
    expect(ended).toHaveLength(1);
    expect(ended[0]).toMatchObject({ device: deviceKey(DEVICE), action: 'block', reason: 'individualRule' });
  });

  it('a poll that ends because its phone is allowed again is logged with that decision', async () => {
    await begin({ policy: { unknownDevice: 'quarantine' } });
    const leaving = new AbortController();
    const phone = office.phone({ deviceId: DEVICE, family: 'ios', version: '14.1' });
    await phone.settle(leaving.signal);
    const poll = phone.step(leaving.signal);
    await until(() => office.gateway.heldPolls() === 1, 'the poll to be held');
    await office.operator.decide({ user: null, device: deviceKey(DEVICE) }, decision('allow'), BY_TEST);
    await poll;
    leaving.abort();
    await end();
    expect(file.events('poll_ended')).toMatchObject([{ action: 'allow', reason: 'individualRule' }]);
  });

  it('a wipe is logged from the order to the answer of the device', async () => {
    await begin({ policy: { unknownDevice: 'allow' } });
    const leaving = new AbortController();
    const phone = office.phone({ deviceId: DEVICE, family: 'ios', version: '14.1' });
    await phone.settle(leaving.signal);
    const poll = phone.step(leaving.signal);
    await until(() => office.gateway.heldPolls() === 1, 'the poll to be held');
    await office.operator.decide(
      { user: null, device: deviceKey(DEVICE) },
      wipeDecision(Date.now(), 'wipe', 'alice', deviceKey(DEVICE)),
      BY_TEST,
    );
    await poll;
    await phone.settle(leaving.signal);
    leaving.abort();
    await end();
    expect(file.events('wipe_told')[0]).toMatchObject({ device: deviceKey(DEVICE), action: 'wipe' });
    expect(file.events('wipe_acknowledged')).toHaveLength(1);
    expect(file.events('wipe_acknowledged')[0]).toMatchObject({
      device: deviceKey(DEVICE),
      recorded: true,
    });
  });

  it('all counters are written when the gateway stops, including the number of lost log lines', async () => {
    await begin({ throttle: { burst: 1, perMinute: 1 }, policy: { unknownDevice: 'allow' } });
    await send(office, 4);
    await end();
    const counters = file.events('counters');
    expect(counters).toHaveLength(1);
    expect(counters[0]).toMatchObject({
      pid: process.pid,
      requests: 4,
      rejected: 0,
      failed: 0,
      retries: 0,
      cut: 0,
      throttled: 3,
      superseded: 0,
      shed: 0,
      rejected_connections: 0,
      held_polls: 0,
      log_lines_dropped: 0,
    });
  });

  it('counters are written periodically, or never if so configured', async () => {
    await begin({ log: quiet({ summarySeconds: 0.05 }) });
    await until(() => file.events('counters').length >= 2, 'two lines of counters');
    await end();
    file = openLogFile();
    await begin({ log: quiet({ summarySeconds: 0 }) });
    await send(office, 1);
    await end();
    expect(file.events('counters')).toEqual([]);
  });
});

describe('the journal', () => {
  let log: ProcessLog;
  let now: number;
  let journal: Journal;
  beforeEach(() => {
    log = openLog('info', file.path);
    now = 1_000_000;
    journal = new Journal(log.logger, { identities: true, now: () => now });
  });

  function finish(error: HttpErrorCode, device = DEVICE, times = 1, held = false): void {
    for (let time = 0; time < times; time++) {
      const exchange = new Exchange(now);
      exchange.user = 'alice' as never;
      exchange.device = deviceKey(device);
      exchange.error = error;
      exchange.held = held;
      journal.finished(exchange, '192.0.2.1');
    }
  }

  /** Ends the journal and returns the counts of an event's lines. */
  async function counts(event: string): Promise<unknown[]> {
    journal.close();
    log.logger.info({ event: 'last' }, 'last');
    await log.drain();
    return file.events(event).map(({ count }) => count);
  }

  it('writes one line per device and minute, and drops a device that is quiet', async () => {
    finish('EASGATE_DEVICE_BUSY', DEVICE, 10);
    for (let minute = 0; minute < 3; minute++) {
      now += 60_000;
      journal.sweep();
      journal.sweep();
      if (minute < 2) finish('EASGATE_DEVICE_BUSY', DEVICE, 100);
    }
    now += 60_000;
    journal.sweep();
    finish('EASGATE_DEVICE_BUSY');
    expect(await counts('device_busy')).toEqual([1, 9, 100, 100, 1]);
    expect(file.events('device_busy').map(({ seconds }) => seconds)).toEqual([
      undefined,
      60,
      60,
      60,
      undefined,
    ]);
  });

  it('treats a few superseded Pings as normal and many in a minute as a loop', async () => {
    for (let change = 0; change < 5; change++) {
      finish('EASGATE_SUPERSEDED', 'WALKER1', 2);
      now += 60_000;
      journal.sweep();
    }
    finish('EASGATE_SUPERSEDED', 'LOOPER1', 7);
    expect(await counts('ping_superseded')).toEqual([5, 2]);
    expect(file.text()).not.toMatch(/walker1/i);
  });

  it.each([
    ['poll', true],
    ['request', false],
  ])('has the end of every %s that one change ends at once, up to 10,000', async (what, held) => {
    for (let index = 0; index < 10_001; index++)
      finish('EASGATE_DECISION_CHANGED', `DEVICE${index}`, 1, held);
    expect(await counts(`${what}_ended`)).toHaveLength(10_000);
    expect(file.events('journal_overflow')).toMatchObject([{ [`${what}_ended`]: 1 }]);
  });

  it('is bounded when more devices misbehave than it tracks, and logs how many it omitted', async () => {
    for (let index = 0; index < 3_000; index++) finish('EASGATE_DEVICE_THROTTLED', `DEVICE${index}`, 2);
    expect(await counts('device_throttled')).toHaveLength(2_000);
    expect(file.events('journal_overflow')).toMatchObject([{ device_throttled: 4_000 }]);
  });

  it('does not log requests that are refused or fail for other reasons: the access log has them', async () => {
    finish('EASGATE_NOT_FOUND');
    finish('EASGATE_UPSTREAM_TIMEOUT');
    finish('EASGATE_DEVICE_BUSY');
    await counts('device_busy');
    expect(file.lines().map(({ event }) => event)).toEqual(['device_busy', 'last']);
  });
});
