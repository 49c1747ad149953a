// Owns the promises about credentials: nothing but "allow" is told or written down before the mail server took them, and
// for how long an answer of the mail server serves.
import { describe, expect, it } from 'vitest';
import { undiciOptions } from '../../../src/gateway/upstream/undici-options.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { basic, folderSync, openLogins, taking, times } from '../../support/phones/logins.ts';
import type { Logins } from '../../support/phones/logins.ts';
import { guarded } from '../../support/servers/quarantine.ts';
import { OFFER, ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';
import { testSettings, untilLeft } from '../../support/servers/test-gateway.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';

checkLeaks();

let world: Logins;

describe('a quarantined device', () => {
  it.each([
    ['with a wrong password', basic('alice:wrong')],
    ['of a user who is not there', basic('nobody:x')],
    ['without credentials', null],
  ])(
    "%s gets the mail server's own challenge, word by word, and is not written down",
    async (_, credentials) => {
      world = await openLogins();
      const { status, headers } = await world.ask(credentials);
      expect(status).toBe(401);
      expect(headers.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => value)).toEqual([
        'Basic realm="corp"',
        'Bearer',
      ]);
      expect(world.gateway.seen).toEqual([]);
      expect(world.mailRequests()).toEqual([]);
    },
  );

  it('with the right password is written down, and answered', async () => {
    world = await openLogins();
    expect((await world.ask(basic('alice:secret'))).status).toBe(200);
    expect(world.gateway.seen).toEqual([{ user: 'alice', device: 'phone1' }]);
  });

  it('is asked about once for all its connections, also when they come at the same time', async () => {
    const waiting: BackendRequest[] = [];
    world = await openLogins((request) => void waiting.push(request));
    const answers = Array.from({ length: 50 }, () => world.ask(basic('alice:secret')));
    await until(() => waiting.length > 0, 'the question');
    await until(() => world.gateway.connections() === 50, 'all phones');
    for (const request of waiting.splice(0)) guarded()(request);
    // Once more, without a password: whether the answer proves anything.
    await until(() => waiting.length > 0, 'the second question');
    for (const request of waiting.splice(0)) guarded()(request);
    for (const answer of answers) expect((await answer).status).toBe(200);
    expect((await world.ask(basic('alice:secret'))).status).toBe(200);
    expect(world.questions()).toHaveLength(1);
    expect(world.questions()[0]?.method).toBe('OPTIONS');
  });

  it('that repeats a wrong password does not bring its user nearer to a lock', async () => {
    world = await openLogins();
    for (let count = 0; count < 5; count++) expect((await world.ask(basic('alice:wrong'))).status).toBe(401);
    expect(world.questions()).toHaveLength(1);
  });

  it('whose password was accepted is not vouched for with another one', async () => {
    world = await openLogins();
    expect((await world.ask(basic('alice:secret'))).status).toBe(200);
    expect((await world.ask(basic('alice:secret2'))).status).toBe(401);
  });
});

describe('with time', () => {
  let password = 'secret';
  const changing = taking((login) => login === `alice:${password}`);
  /** A connection that stays open whatever the clock says. */
  async function open(): Promise<{ time: TestGateway['time']; again: (login: string) => Promise<number> }> {
    password = 'secret';
    world = await openLogins(changing, { client: { keepAliveTimeoutMs: 3_600_000 } });
    const { time } = world.gateway;
    const client = await world.connect();
    const again = async (login: string): Promise<number> => {
      client.send(folderSync(basic(login)));
      return (await client.response()).status;
    };
    return { time, again };
  }

  it.each([
    ['does not answer', ''],
    ['answers in part', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart'],
  ])(
    'a question that the mail server %s ends in 503 after its time for a response, and not before',
    async (_what, part) => {
      world = await openLogins((request) => void request.connection.socket.write(part), {
        upstream: { responseTimeoutMs: 90_000 },
      });
      const { time } = world.gateway;
      const answer = world.ask(basic('alice:secret'));
      await until(() => world.backend.requests.length === 1, 'the question');
      await time.advance(89_000);
      expect(world.gateway.finished).toHaveLength(0);
      await time.advance(1_001);
      const { status, headers } = await answer;
      expect([status, headers.find(([name]) => name === 'Retry-After')?.[1]]).toEqual([503, '30']);
      expect(world.gateway.finished[0]?.error).toBe('EASGATE_CREDENTIALS_UNKNOWN');
      await until(() => world.backend.connections.every(({ closed }) => closed), 'the end of the question');
    },
  );

  it('only the clock of the gateway ends a question: undici has no time limit of its own for responses', () => {
    const [server] = testSettings(1).upstream.servers;
    if (server === undefined) throw new TypeError('no server');
    expect(undiciOptions(server)).toMatchObject({ headersTimeout: 0, bodyTimeout: 0 });
  });

  it('what was accepted is asked about again after a minute on other connections', async () => {
    const { time } = await open();
    expect((await world.ask(basic('alice:secret'))).status).toBe(200);
    await time.advance(59_000);
    expect((await world.ask(basic('alice:secret'))).status).toBe(200);
    expect(world.questions()).toHaveLength(1);
    await time.advance(1_001);
    expect((await world.ask(basic('alice:secret'))).status).toBe(200);
    expect(world.questions()).toHaveLength(2);
  });

  it('what was refused is asked about again after five minutes', async () => {
    const { time } = await open();
    expect((await world.ask(basic('alice:new'))).status).toBe(401);
    password = 'new';
    await time.advance(299_000);
    expect((await world.ask(basic('alice:new'))).status).toBe(401);
    expect(world.questions()).toHaveLength(1);
    await time.advance(1_001);
    expect((await world.ask(basic('alice:new'))).status).toBe(200);
    expect(world.questions()).toHaveLength(2);
  });

  it('a changed password ends what the old one opened, also for a phone that never falls silent', async () => {
    const { time, again } = await open();
    expect(await again('alice:secret')).toBe(200);
    password = 'new';
    const statuses: number[] = [];
    for (let seconds = 0; seconds < 95; seconds += 10) {
      await time.advance(10_000);
      statuses.push(await again('alice:secret'));
    }
    // Its connection looks at the shared memory after 30 s, and once more after 60 s.
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(statuses.slice(-2)).toEqual([401, 401]);
    expect(world.questions()).toHaveLength(2);
    expect(await again('alice:new')).toBe(200);
  });

  it('a connection does not ask again what it knows within 30 seconds, and the shared memory within 60', async () => {
    const { time, again } = await open();
    expect(await again('alice:secret')).toBe(200);
    await time.advance(31_000);
    expect(await again('alice:secret')).toBe(200);
    password = 'new';
    // The shared memory has forgotten, the connection has not.
    await time.advance(29_500);
    expect(await again('alice:secret')).toBe(200);
    expect((await world.ask(basic('alice:secret'))).status).toBe(401);
    await time.advance(1_000);
    expect(await again('alice:secret')).toBe(401);
    expect(world.questions()).toHaveLength(2);
  });

  it('refusals are forgotten after a minute', async () => {
    const { time } = await open();
    const guesses = (round: number) => times(20, (index) => ({ login: `alice:${round}-${index}` }));
    expect(await world.askAll(guesses(1))).toEqual({ 401: 10, 503: 10 });
    await time.advance(59_000);
    expect(await world.askAll(guesses(2))).toEqual({ 503: 20 });
    await time.advance(2_000);
    expect(await world.askAll(guesses(3))).toEqual({ 401: 10, 503: 10 });
  });
});

describe('a mail server', () => {
  it('that is away makes a refused device come again later, and an allowed one get its error', async () => {
    world = await openLogins();
    await world.backend.close();
    const refused = await world.ask(basic('alice:secret'));
    expect([refused.status, refused.header('retry-after')]).toEqual([503, '30']);
    expect(world.gateway.finished.at(-1)?.error).toBe('EASGATE_CREDENTIALS_UNKNOWN');
    expect((await world.ask(basic('alice:secret'), 'PHONE2')).status).toBe(502);
  });

  it.each([302, 404, 500])('that answers the question with %i has not said yes', async (status) => {
    world = await openLogins(
      ({ connection }) =>
        void connection.socket.write(`HTTP/1.1 ${status} X\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n`),
    );
    expect((await world.ask(basic('alice:secret'))).status).toBe(503);
    expect(world.gateway.seen).toEqual([]);
  });
});

describe('a phone that leaves', () => {
  it('while the mail server is asked leaves no request, and the answer serves the next one', async () => {
    const waiting: BackendRequest[] = [];
    world = await openLogins((request) => void waiting.push(request));
    const client = await world.connect();
    client.send(folderSync(basic('alice:secret')));
    await until(() => waiting.length === 1, 'the question');
    client.destroy();
    await untilLeft(world.gateway);
    await until(() => world.gateway.finished.length === 2, 'the end of the request');
    expect(world.gateway.finished.at(-1)).toMatchObject({
      error: 'EASGATE_CLIENT_LEFT',
      authorization: null,
    });
    waiting[0]?.connection.socket.write(ok('ok', OFFER));
    await until(() => waiting.length === 2, 'the question without a password');
    guarded()(waiting[1] as BackendRequest);
    expect((await world.ask(basic('alice:secret'))).status).toBe(200);
    expect(world.questions()).toHaveLength(1);
  });
});
