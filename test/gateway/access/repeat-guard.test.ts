// Owns the promises about mail apps that repeat a request once or twice a second, on a clock that the test sets.
import { describe, expect, it } from 'vitest';
import type { EasCommand } from '../../../src/eas/commands.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { Throttle } from '../../../src/gateway/access/throttle.ts';
import type { DeviceUse } from '../../../src/gateway/access/throttle.ts';
import { digestOf } from '../../../src/gateway/access/repeat-guard.ts';
import type { ThrottleSettings } from '../../../src/gateway/settings.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';

const START = 1_800_000_000_000;

/** A request of a device, and its time. */
interface Request {
  readonly command: EasCommand;
  readonly body: string;
  /** Seconds after the start. */
  readonly at: number;
}

/** A guard with the default configuration, and one device. */
class Device {
  readonly guard: Throttle;
  readonly use: DeviceUse;
  /** The times at which the device was answered 503, and the Retry-After, in seconds. */
  readonly paused: { readonly at: number; readonly wait: number }[] = [];

  constructor(settings: Partial<ThrottleSettings> = {}) {
    this.guard = new Throttle({ ...configSchema.parse({}).throttle, ...settings });
    this.use = this.guard.useOf('192.0.2.1', 'alice' as UserKey, 'abc' as DeviceKey);
  }

  send({ command, body, at }: Request): void {
    const now = START + at * 1_000;
    const wait = this.guard.admit(this.use, command, now);
    if (wait > 0) {
      this.paused.push({ at, wait });
      return;
    }
    this.use.inFlight++;
    this.guard.noteEnd(this.use, command, digestOf(Buffer.from(body)), now + 20);
  }

  sendAll(requests: Iterable<Request>): this {
    for (const request of requests) this.send(request);
    return this;
  }

  get firstPause(): number | undefined {
    return this.paused[0]?.at;
  }
}

function* steady(
  perSecond: number,
  seconds: number,
  make: (index: number) => Omit<Request, 'at'>,
): Generator<Request> {
  for (let index = 0; index < perSecond * seconds; index++) yield { ...make(index), at: index / perSecond };
}

const PING = { command: 'Ping', body: 'heartbeat 900, folder 1' } as const;

describe('the same request with an unchanged answer', () => {
  it.each([
    [1, 60, 120],
    [2, 20, 60],
    [4, 5, 30],
    [10, 2, 10],
  ])('sent %i times a second is stopped after %i to %i seconds', (perSecond, earliest, latest) => {
    const { firstPause } = new Device().sendAll(steady(perSecond, 300, () => PING));
    expect(firstPause).toBeGreaterThanOrEqual(earliest);
    expect(firstPause).toBeLessThanOrEqual(latest);
  });

  it.each(['Sync', 'FolderSync', 'Provision', 'Settings', 'GetItemEstimate'] as const)(
    'is stopped whatever the command is: %s',
    (command) => {
      const device = new Device().sendAll(steady(2, 150, () => ({ command, body: 'key 1' })));
      expect(device.firstPause).toBeLessThan(60);
    },
  );

  it('is stopped when two commands alternate', () => {
    const turns = (index: number): Omit<Request, 'at'> =>
      index % 2 === 0 ? PING : { command: 'Sync', body: 'key 1, folder 1' };
    expect(new Device().sendAll(steady(2, 150, turns)).firstPause).toBeLessThan(120);
  });

  it('is stopped when it cycles through three folders', () => {
    const round = (index: number): Omit<Request, 'at'> => ({
      command: 'Sync',
      body: `key 1, folder ${index % 3}`,
    });
    expect(new Device().sendAll(steady(2, 150, round)).firstPause).toBeLessThan(60);
  });

  it('is stopped when its body was not read, as for a refused phone', () => {
    const device = new Device();
    for (let second = 0; second < 150; second++) {
      const now = START + second * 1_000;
      if (device.guard.admit(device.use, 'FolderSync', now) > 0) break;
      device.use.inFlight++;
      device.guard.noteEnd(device.use, 'FolderSync', 0, now);
      expect(second).toBeLessThan(120);
    }
  });

  it('is accepted once after each pause, and no longer stopped at a normal rate', () => {
    const device = new Device().sendAll(steady(1, 600, () => PING));
    const served = 600 - device.paused.length;
    expect(served).toBeLessThan(120);
    for (const { wait } of device.paused) expect(wait).toBeLessThanOrEqual(30_000);
    device.paused.length = 0;
    device.sendAll(Array.from({ length: 60 }, (_, index) => ({ ...PING, at: 1_000 + index * 60 })));
    expect(device.paused).toEqual([]);
  });
});

describe('a normal load', () => {
  it.each<[string, number, number, (index: number) => Omit<Request, 'at'>]>([
    ['a poll every two seconds', 0.5, 3_600, () => PING],
    ['a first sync of ten thousand mails', 2, 1_000, (index) => ({ command: 'Sync', body: `key ${index}` })],
    [
      'mail that comes every second, and the polls between',
      2,
      1_000,
      (index) => (index % 2 === 0 ? PING : { command: 'Sync', body: `key ${index}, folder 1` }),
    ],
    ['a user who moves mail after mail', 2, 600, () => ({ command: 'MoveItems', body: 'same length' })],
    ['a user who reads mail after mail', 2, 600, () => ({ command: 'ItemOperations', body: 'same' })],
  ])('is not stopped: %s', (_what, perSecond, seconds, make) => {
    expect(new Device().sendAll(steady(perSecond, seconds, make)).paused).toEqual([]);
  });

  it('is not stopped: a burst of requests for two hundred folders every five minutes', () => {
    const device = new Device();
    for (let round = 0; round < 12; round++)
      device.sendAll(
        Array.from({ length: 200 }, (_, folder) => ({
          command: 'Sync' as const,
          body: `key 1, folder ${folder}`,
          at: round * 300 + folder / 10,
        })),
      );
    expect(device.paused).toEqual([]);
  });

  it('is not stopped when the limit is 0', () => {
    expect(new Device({ repeats: 0 }).sendAll(steady(1, 600, () => PING)).paused).toEqual([]);
    expect(new Device({ burst: 0 }).sendAll(steady(10, 60, () => PING)).paused).toEqual([]);
  });
});

describe('the memory of repeats', () => {
  it('does not grow with made-up requests of a device', () => {
    const device = new Device({ burst: 1_000_000 });
    device.sendAll(steady(100, 100, (index) => ({ command: 'Sync', body: `key ${index}` })));
    expect(device.use.repeats?.size).toBe(1);
    expect(device.use.repeats?.get('Sync')?.bodies).toHaveLength(4);
  });
});
