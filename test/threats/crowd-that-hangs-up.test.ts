// Owns the promise that a crowd that connects, asks and hangs up neither fills the queues for look-ups and for checks of credentials, nor has the mail server
// or the directory asked for nobody, and that a request that goes on loses nothing by others that end.
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { stopWaiting } from '../../src/directory/place-wait.ts';
import type { WaitingRequest } from '../../src/directory/place-wait.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { Decision } from '../../src/directory/verdict-cache.ts';
import { HALF_CLOSE_GRACE_MS } from '../../src/gateway/fixed-limits.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { basic, folderSync, openLogins, taking, times } from '../support/phones/logins.ts';
import type { Logins } from '../support/phones/logins.ts';
import { untilRead } from '../support/phones/raw-client.ts';
import type { RawClient } from '../support/phones/raw-client.ts';
import { isBare } from '../support/servers/raw-backend.ts';
import type { BackendRequest } from '../support/servers/raw-backend.ts';
import { TWO_AT_ONCE } from '../support/servers/two-lookups.ts';

checkLeaks();

/** Places for checks of one address. */
const PLACES = 64;
const CROWD = 100;
/** More than one address may have in the queue for look-ups. */
const MANY = 20_000;

/** A gateway whose mail server keeps each question with credentials until the test answers it. */
interface Held {
  readonly world: Logins;
  readonly questions: BackendRequest[];
  /** Logins of all questions, in the order in which they came. */
  readonly logins: string[];
  /** A FolderSync on a connection of its own. */
  come(login: string): Promise<RawClient>;
  answerAll(): void;
}

const good = taking((login) => login.endsWith(':secret'));

async function open(): Promise<Held> {
  const questions: BackendRequest[] = [];
  const logins: string[] = [];
  const world = await openLogins(
    (request) => {
      if (isBare(request)) return good(request);
      questions.push(request);
      const [, token = ''] = (request.header('authorization') ?? '').split(' ');
      logins.push(Buffer.from(token, 'base64').toString());
    },
    { client: { maxConnections: 1_000 }, known: true },
  );
  return {
    world,
    questions,
    logins,
    come: async (login) => {
      const client = await world.connect();
      client.send(folderSync(basic(login), 'PHONE1'));
      return client;
    },
    answerAll: () => {
      for (const question of questions.splice(0)) good(question);
    },
  };
}

/** All places are taken, and then a crowd waits. */
async function openCrowded(): Promise<Held & { readonly crowd: RawClient[] }> {
  const held = await open();
  await Promise.all(times(PLACES, (index) => held.come(`first${index}:secret`)));
  await until(() => held.questions.length === PLACES, 'the places to be taken');
  const crowd = await Promise.all(times(CROWD, (index) => held.come(`crowd${index}:secret`)));
  await untilRead(held.world.gateway);
  return { ...held, crowd };
}

const left = ({ world }: Held, count: number): Promise<void> =>
  until(() => world.gateway.connections() === count, 'the crowd to leave');

/** Once the crowd has left, the mail server is asked for this phone and nobody else, and the phone is answered. */
async function onlyOneIsNext(held: Held, phone: RawClient, login: string): Promise<void> {
  await left(held, PLACES + 1);
  held.answerAll();
  await until(() => held.questions.length > 0, 'the next question');
  expect(held.logins.slice(PLACES)).toEqual([login]);
  held.answerAll();
  expect((await phone.response()).status).toBe(200);
}

describe('a crowd that hangs up while it waits for the check of its credentials', () => {
  it('has the mail server asked for none of it, and a phone behind it is next', async () => {
    const held = await openCrowded();
    const phone = await held.come('phone:secret');
    for (const client of held.crowd) client.socket.resetAndDestroy();
    await onlyOneIsNext(held, phone, 'phone:secret');
  });

  it('by closing its side only waits no longer than two seconds more', async () => {
    const held = await openCrowded();
    for (const client of held.crowd) client.socket.end();
    await until(
      () => held.crowd.every(({ socket }) => socket.writableFinished),
      'the crowd to close its side',
    );
    const phone = await held.come('phone:secret');
    await held.world.gateway.time.advance(HALF_CLOSE_GRACE_MS + 1_000);
    await onlyOneIsNext(held, phone, 'phone:secret');
  });

  it('takes the answer from nobody who asks the same', async () => {
    const held = await openCrowded();
    const again = await held.come('crowd0:secret');
    await untilRead(held.world.gateway);
    for (const client of held.crowd) client.socket.resetAndDestroy();
    await onlyOneIsNext(held, again, 'crowd0:secret');
  });
});

/** A cache before a directory that answers only when the test lets it, with two look-ups at once. */
class SlowDirectory {
  readonly asked: string[] = [];
  readonly ended: boolean[] = [];
  private readonly gate = Promise.withResolvers<void>();
  readonly cache: VerdictCache;

  private constructor(inner: EmbeddedStore) {
    const lookup = async (user: UserKey, device: DeviceKey) => {
      this.asked.push(device);
      await this.gate.promise;
      return inner.lookup(user, device);
    };
    const store = Object.create(inner, { lookup: { value: lookup } }) as DirectoryStore;
    this.cache = new VerdictCache(store, compileSimplePolicy({}), {
      ...TWO_AT_ONCE,
      onLookup: (_, failed) => this.ended.push(failed),
    });
  }

  static async open(): Promise<SlowDirectory> {
    const inner = new EmbeddedStore(':memory:');
    const directory = new SlowDirectory(inner);
    await directory.cache.start();
    onTestFinished(async () => {
      directory.answer();
      await directory.cache.stop();
      await inner.close();
    });
    return directory;
  }

  answer(): void {
    this.gate.resolve();
  }

  /** A stranger at one address asks for a phone. */
  ask(device: string, request: WaitingRequest): Promise<Decision> {
    const asker = { address: '192.0.2.1', proven: false, request };
    return this.cache.decide('alice' as UserKey, device as DeviceKey, asker);
  }
}

const newRequest = (): WaitingRequest => ({ waitsFor: null });

describe('a crowd that hangs up while it waits for look-ups', () => {
  it('leaves the queue as it was, and the directory is asked for none of it', async () => {
    const directory = await SlowDirectory.open();
    const first = directory.ask('first', newRequest());
    const crowd = times(MANY, newRequest);
    const all = crowd.map((request, index) => directory.ask(`crowd${index}`, request));
    // The queue has no more room for this address.
    expect(await directory.ask('late', newRequest())).toEqual({ verdict: null, source: 'none' });
    for (const request of crowd) stopWaiting(request);
    const phone = directory.ask('phone', newRequest());
    directory.answer();
    expect((await phone).source).toBe('store');
    await Promise.all(all);
    expect((await first).source).toBe('store');
    expect(directory.asked).toEqual(['first', 'phone']);
  });

  it('counts neither as look-ups that failed nor as questions without an answer', async () => {
    const directory = await SlowDirectory.open();
    const first = directory.ask('first', newRequest());
    const request = newRequest();
    const gone = directory.ask('gone', request);
    stopWaiting(request);
    expect((await gone).verdict).toBeNull();
    directory.answer();
    await first;
    expect([directory.cache.unavailable, directory.ended]).toEqual([0, [false]]);
  });

  it('takes the answer from nobody who waits for the same phone', async () => {
    const directory = await SlowDirectory.open();
    const first = directory.ask('first', newRequest());
    const [left, right] = [newRequest(), newRequest()];
    const both = [directory.ask('same', left), directory.ask('same', right)];
    stopWaiting(left);
    directory.answer();
    await first;
    for (const answer of both) expect((await answer).source).toBe('store');
    expect(directory.asked).toEqual(['first', 'same']);
  });

  it('takes the answer from no request that comes for the same phone before the next turn', async () => {
    const directory = await SlowDirectory.open();
    const first = directory.ask('first', newRequest());
    const gone = newRequest();
    const before = directory.ask('same', gone);
    stopWaiting(gone);
    const after = directory.ask('same', newRequest());
    expect((await before).verdict).toBeNull();
    const joined = directory.ask('same', newRequest());
    directory.answer();
    await first;
    expect([(await after).source, (await joined).source]).toEqual(['store', 'store']);
    expect(directory.asked).toEqual(['first', 'same']);
  });
});
