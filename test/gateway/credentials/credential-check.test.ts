// Owns the promises of the credential check: only "allow" has any effect before the mail server accepted the credentials, and
// the gateway cannot be used to guess passwords of the mail server.
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { guarded, openQuarantine } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';
import { OFFER, ok, startRawBackend } from '../../support/servers/raw-backend.ts';
import { RawClient, untilRead } from '../../support/phones/raw-client.ts';
import type { RawResponse } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { untilLeft } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

let world: Quarantine;
const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`;

/** `from` = the phone's address as sent by a proxy in front. */
function folderSync(authorization: string | null, device = 'PHONE1', from?: string, host = 'm'): string {
  return (
    `POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&DeviceId=${device}&DeviceType=iPhone HTTP/1.1\r\nHost: ${host}\r\n` +
    (from === undefined ? '' : `X-Forwarded-For: ${from}\r\n`) +
    (authorization === null ? '' : `Authorization: ${authorization}\r\n`) +
    'Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: 14.1\r\n' +
    `Content-Length: ${FOLDER_SYNC.length}\r\n\r\n${FOLDER_SYNC.toString('latin1')}`
  );
}

async function connect(): Promise<RawClient> {
  const client = await RawClient.open(world.gateway.port);
  onTestFinished(() => client.destroy());
  return client;
}

async function ask(
  authorization: string | null,
  device?: string,
  from?: string,
  host?: string,
): Promise<RawResponse> {
  const client = await connect();
  client.send(folderSync(authorization, device, from, host));
  return client.response();
}

/** Sends one request after the other on one connection; returns the count of each status. */
async function askAll(
  requests: readonly { readonly login: string; readonly from?: string }[],
): Promise<Record<number, number>> {
  const client = await connect();
  const statuses: Record<number, number> = {};
  for (const { login, from } of requests) {
    client.send(folderSync(basic(login), 'PHONE1', from));
    const { status } = await client.response();
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  return statuses;
}

/** Like {@link askAll}, on sixteen connections at a time. */
async function askTogether(requests: Parameters<typeof askAll>[0]): Promise<Record<number, number>> {
  const all: Record<number, number> = {};
  const share = Math.ceil(requests.length / 16);
  const parts = times(16, (index) => requests.slice(index * share, (index + 1) * share));
  for (const statuses of await Promise.all(parts.map(askAll))) {
    for (const [status, count] of Object.entries(statuses))
      all[Number(status)] = (all[Number(status)] ?? 0) + count;
  }
  return all;
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Requests to the mail server that carried credentials. */
const questions = (): BackendRequest[] =>
  world.backend.requests.filter((request) => request.header('authorization') !== undefined);

/** Number of requests at the mail server, with and without credentials. */
const asked = (): { with: number; without: number } => ({
  with: questions().length,
  without: world.backend.requests.length - questions().length,
});

/** Phones whose addresses a proxy sends. */
const proxied: SettingsOverrides = { identity: { trustedProxies: ['127.0.0.1'] } };

/** Accepts the passwords for which `good` returns true. */
const taking =
  (good: (login: string) => boolean) =>
  (request: BackendRequest): void => {
    const { connection } = request;
    const login = Buffer.from(
      request.header('authorization')?.slice('Basic '.length) ?? '',
      'base64',
    ).toString();
    connection.socket.write(
      good(login)
        ? ok('ok', OFFER)
        : 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="corp"\r\nContent-Length: 0\r\n\r\n',
    );
  };

describe('a quarantined device', () => {
  it.each([
    ['with a wrong password', basic('alice:wrong')],
    ['of a user who is not there', basic('nobody:x')],
    ['without credentials', null],
  ])("%s gets the mail server's own challenge, unchanged, and is not recorded", async (_, credentials) => {
    world = await openQuarantine();
    const { status, headers } = await ask(credentials);
    expect(status).toBe(401);
    expect(headers.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => value)).toEqual([
      'Basic realm="corp"',
      'Bearer',
    ]);
    expect(world.gateway.seen).toEqual([]);
    expect(world.mailRequests()).toEqual([]);
  });

  it('with the right password is recorded and answered', async () => {
    world = await openQuarantine();
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(world.gateway.seen).toEqual([{ user: 'alice', device: 'phone1' }]);
  });

  it('causes one check for all its connections, even simultaneous ones', async () => {
    const waiting: BackendRequest[] = [];
    world = await openQuarantine((request) => void waiting.push(request));
    const answers = Array.from({ length: 50 }, () => ask(basic('alice:secret')));
    await until(() => waiting.length > 0, 'the question');
    await until(() => world.gateway.connections() === 50, 'all phones');
    for (const request of waiting.splice(0)) guarded()(request);
    // One more, without a password: checks whether a success proves the password.
    await until(() => waiting.length > 0, 'the second question');
    for (const request of waiting.splice(0)) guarded()(request);
    for (const answer of answers) expect((await answer).status).toBe(200);
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(questions()).toHaveLength(1);
    expect(questions()[0]?.method).toBe('OPTIONS');
  });

  it('that repeats a wrong password does not bring its user closer to a lock-out', async () => {
    world = await openQuarantine();
    for (let count = 0; count < 5; count++) expect((await ask(basic('alice:wrong'))).status).toBe(401);
    expect(questions()).toHaveLength(1);
  });

  it('whose password was accepted is checked again with another password', async () => {
    world = await openQuarantine();
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect((await ask(basic('alice:secret2'))).status).toBe(401);
  });
});

describe('password guesses', () => {
  it('that repeat one wrong password cause one check, and one request for the challenge', async () => {
    world = await openQuarantine();
    expect(await askAll(times(200, () => ({ login: 'alice:wrong' })))).toEqual({ 401: 200 });
    expect(asked()).toEqual({ with: 1, without: 1 });
  });

  it('of a thousand passwords cause ten checks, and the user can still log in', async () => {
    world = await openQuarantine();
    const statuses = await askAll(times(1_000, (count) => ({ login: `alice:guess-${count}` })));
    expect(statuses).toEqual({ 401: 10, 503: 990 });
    expect(asked()).toEqual({ with: 10, without: 1 });
    // An allowed device of the same user is not affected.
    const allowed = await ask(basic('alice:secret'), 'PHONE2');
    expect([allowed.status, allowed.body.toString()]).toEqual([200, 'ok']);
  });

  it('of many users from one address cause a hundred checks a minute', async () => {
    world = await openQuarantine();
    const { time } = world.gateway;
    expect(await askAll(times(200, (user) => ({ login: `user${user}:x` })))).toEqual({ 401: 100, 503: 100 });
    expect(asked()).toEqual({ with: 100, without: 1 });
    await time.advance(60_001);
    expect((await ask(basic('someone:x'))).status).toBe(401);
    expect(asked()).toEqual({ with: 101, without: 2 });
  });

  it('from all addresses of an IPv6 network count as one address', async () => {
    world = await openQuarantine(guarded(), proxied);
    const statuses = await askAll(
      times(30, (index) => ({ login: `alice:guess-${index}`, from: `2001:db8::${index + 1}` })),
    );
    expect(statuses).toEqual({ 401: 10, 503: 20 });
  });

  it('of one user from many addresses cause sixty checks a minute, and do not lock out a user with the right password', async () => {
    world = await openQuarantine(guarded(), proxied);
    const { time } = world.gateway;
    expect((await ask(basic('alice:secret'), 'PHONE1', '192.0.2.1')).status).toBe(200);
    await time.advance(60_001);
    const guesses = times(200, (index) => ({ login: `alice:guess-${index}`, from: `198.51.100.${index}` }));
    expect(await askAll(guesses)).toEqual({ 401: 60, 503: 140 });
    expect(asked()).toEqual({ with: 1 + 60, without: 2 });
    // No longer cached: checked again, from the same address and from another.
    expect((await ask(basic('alice:secret'), 'PHONE1', '192.0.2.1')).status).toBe(200);
    expect((await ask(basic('alice:secret'), 'PHONE1', '198.51.100.7')).status).toBe(200);
    expect(asked()).toEqual({ with: 1 + 60 + 1, without: 3 });
  });

  it('from the address of a thousand honest phones lock none of them out', async () => {
    world = await openQuarantine(
      taking((login) => login.endsWith(':good')),
      proxied,
    );
    const { time } = world.gateway;
    const office = times(1_000, (user) => ({ login: `user${user}:good`, from: '192.0.2.1' }));
    expect(await askTogether(office)).toEqual({ 200: 1_000 });
    const guesses = times(300, (user) => ({ login: `user${user}:bad`, from: '192.0.2.1' }));
    expect(await askAll(guesses)).toEqual({ 401: 100, 503: 200 });
    await time.advance(50_000);
    expect(await askTogether(office)).toEqual({ 200: 1_000 });
    await time.advance(10_001);
    expect(await askAll(guesses.slice(100))).toEqual({ 401: 100, 503: 100 });
    expect(await askTogether(office)).toEqual({ 200: 1_000 });
    // Challenges, and checks whether a success proves the password: one a minute of each.
    expect(asked()).toEqual({ with: 1_000 + 100 + 100 + 1_000, without: 4 });
  });

  it('of many users at once cause a bounded number of simultaneous checks, fewer from one address', async () => {
    const waiting: BackendRequest[] = [];
    let mayAnswer = false;
    world = await openQuarantine(
      (request) => (mayAnswer ? guarded()(request) : void waiting.push(request)),
      proxied,
    );
    const office = times(70, (user) => ask(basic(`user${user}:x`), 'PHONE1', '192.0.2.1'));
    await until(() => world.gateway.finished.length === 70 - 64, 'those beyond the bound of their address');
    const others = times(70, (user) => ask(basic(`other${user}:x`), 'PHONE1', `198.51.100.${user}`));
    await until(() => world.gateway.finished.length === 140 - 128, 'those beyond the bound');
    mayAnswer = true;
    for (const request of waiting) guarded()(request);
    const statuses = (await Promise.all([...office, ...others])).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(128);
    expect(statuses.filter((status) => status === 503)).toHaveLength(12);
    expect(asked()).toEqual({ with: 128, without: 1 });
  });
});

describe('the challenge', () => {
  const BODY = '<p>Sign in</p>';
  const said = (realm: string): string =>
    `HTTP/1.1 401 Who are you?\r\nSet-Cookie: trace=1\r\nWWW-Authenticate: Basic realm="${realm}"\r\n` +
    `www-authenticate: Bearer authorization_uri="https://login.example/"\r\nContent-Type: text/html\r\n` +
    `Content-Length: ${BODY.length}\r\n\r\n${BODY}`;

  it("is the mail server's own, unchanged, requested once a minute", async () => {
    world = await openQuarantine(
      (request) => void request.connection.socket.write(said(request.header('host') ?? '')),
    );
    const { time } = world.gateway;
    const client = await connect();
    for (let round = 0; round < 3; round++) {
      for (const credentials of [null, basic(`alice:wrong${round}`)]) {
        client.send(folderSync(credentials, 'PHONE1', undefined, 'Mail.example'));
        await client.response();
        await until(() => world.gateway.finished.length > 0, 'the end');
      }
    }
    expect(asked()).toEqual({ with: 3, without: 1 });
    client.send(folderSync(null, 'PHONE1', undefined, 'mail.example'));
    await until(() => client.received.endsWith(BODY), 'the answer');
    expect(client.received).toBe(said('mail.example').replace('Set-Cookie: trace=1\r\n', ''));
    await time.advance(60_001);
    expect((await ask(null)).status).toBe(401);
    expect((await ask(null, 'PHONE1', undefined, 'mail.example')).status).toBe(401);
    expect(asked()).toEqual({ with: 3, without: 3 });
  });

  it('is requested once for all clients that wait for it', async () => {
    const waiting: BackendRequest[] = [];
    world = await openQuarantine((request) => void waiting.push(request));
    const answers = times(50, () => ask(null));
    await until(() => world.gateway.connections() === 50 && waiting.length > 0, 'all phones');
    for (const request of waiting) request.connection.socket.write(said('m'));
    for (const answer of answers) expect((await answer).status).toBe(401);
    expect(asked()).toEqual({ with: 0, without: 1 });
  });

  it('for many host names is requested under eight of them', async () => {
    world = await openQuarantine(
      (request) => void request.connection.socket.write(said(request.header('host') ?? '')),
    );
    for (let name = 0; name < 30; name++)
      expect((await ask(null, 'PHONE1', undefined, `name${name}.example`)).status).toBe(401);
    expect(asked()).toEqual({ with: 0, without: 9 });
  });

  it.each([
    ['takes a stranger in', ok('secret'), 401],
    ['says 403 to strangers', 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n', 403],
  ])('is replaced by the gateway’s own answer for a server that %s', async (_, answer, status) => {
    world = await openQuarantine(({ connection }) => void connection.socket.write(answer));
    for (let count = 0; count < 3; count++) {
      const response = await ask(null);
      expect(response.status).toBe(status);
      expect(response.body).toHaveLength(0);
      if (status === 401) expect(response.header('www-authenticate')).toBe('Basic realm="ActiveSync"');
    }
    expect(asked()).toEqual({ with: 0, without: 1 });
  });

  /** A mail server whose front end has banned one address. */
  const banning = (request: BackendRequest): string =>
    request.header('x-forwarded-for')?.startsWith('192.0.2.66') === true
      ? 'HTTP/1.1 403 Banned\r\nContent-Length: 0\r\n\r\n'
      : said('m');

  it('for an address that the mail server has banned is sent to that address only', async () => {
    world = await openQuarantine(
      (request) => void request.connection.socket.write(banning(request)),
      proxied,
    );
    const statusFor = async (from: string, host?: string) => (await ask(null, 'PHONE1', from, host)).status;
    for (let round = 0; round < 3; round++) expect(await statusFor('192.0.2.66')).toBe(403);
    expect(asked()).toEqual({ with: 0, without: 1 });
    expect(await statusFor('192.0.2.7')).toBe(401);
    expect(await statusFor('192.0.2.66')).toBe(401);
    expect(asked()).toEqual({ with: 0, without: 2 });
    for (let name = 0; name < 30; name++)
      expect(await statusFor('192.0.2.66', `name${name}.example`)).toBe(403);
    expect(asked()).toEqual({ with: 0, without: 2 + 7 + 1 });
  });

  it('for a banned address is not sent to other clients that wait for the challenge', async () => {
    const waiting: BackendRequest[] = [];
    world = await openQuarantine((request) => void waiting.push(request), proxied);
    const banned = ask(null, 'PHONE1', '192.0.2.66');
    await until(() => waiting.length === 1, 'the question');
    const other = ask(null, 'PHONE1', '192.0.2.7');
    await until(() => world.gateway.connections() === 2, 'the other phone');
    await untilRead(world.gateway);
    for (const request of waiting) request.connection.socket.write(banning(request));
    expect((await banned).status).toBe(403);
    const answer = await other;
    expect([answer.status, answer.header('www-authenticate')]).toEqual([401, 'Basic realm="ActiveSync"']);
  });

  it('comes from another server when the first cannot be asked', async () => {
    const other = await startRawBackend(({ connection }) => void connection.socket.write(said('other')));
    world = await openQuarantine(({ connection }) => connection.socket.destroy(), {
      morePorts: [other.port],
    });
    for (let count = 0; count < 4; count++)
      expect((await ask(null)).header('www-authenticate')).toBe('Basic realm="other"');
    expect(other.requests).toHaveLength(1);
    await world.gateway.close();
    await other.close();
  });

  it('is replaced by an error when no server answers', async () => {
    world = await openQuarantine(() => undefined);
    const { time } = world.gateway;
    const answer = ask(null);
    await until(() => world.backend.requests.length === 1, 'the question');
    await time.advance(5_001);
    expect((await answer).status).toBe(504);
    expect(world.gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_TIMEOUT');
    await world.backend.close();
    expect((await ask(null)).status).toBe(502);
  });
});

describe('with time', () => {
  let password = 'secret';
  const changing = taking((login) => login === `alice:${password}`);
  /** A connection that stays open whatever the clock says. */
  async function open(): Promise<{ time: TestGateway['time']; again: (login: string) => Promise<number> }> {
    password = 'secret';
    world = await openQuarantine(changing, { client: { keepAliveTimeoutMs: 3_600_000 } });
    const { time } = world.gateway;
    const client = await connect();
    const again = async (login: string): Promise<number> => {
      client.send(folderSync(basic(login)));
      return (await client.response()).status;
    };
    return { time, again };
  }

  it('a check without an answer of the mail server ends in 503 after the response time-out, and not before', async () => {
    world = await openQuarantine(() => undefined, { upstream: { responseTimeoutMs: 90_000 } });
    const { time } = world.gateway;
    const answer = ask(basic('alice:secret'));
    await until(() => world.backend.requests.length === 1, 'the question');
    await time.advance(89_000);
    expect(world.gateway.finished).toHaveLength(0);
    await time.advance(1_001);
    const { status, headers } = await answer;
    expect([status, headers.find(([name]) => name === 'Retry-After')?.[1]]).toEqual([503, '30']);
    expect(world.gateway.finished[0]?.error).toBe('EASGATE_CREDENTIALS_UNKNOWN');
    await until(() => world.backend.connections.every(({ closed }) => closed), 'the end of the question');
  });

  it('accepted credentials are checked again after a minute on other connections', async () => {
    const { time } = await open();
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    await time.advance(59_000);
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(questions()).toHaveLength(1);
    await time.advance(1_001);
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(questions()).toHaveLength(2);
  });

  it('refused credentials are checked again after five minutes', async () => {
    const { time } = await open();
    expect((await ask(basic('alice:new'))).status).toBe(401);
    password = 'new';
    await time.advance(299_000);
    expect((await ask(basic('alice:new'))).status).toBe(401);
    expect(questions()).toHaveLength(1);
    await time.advance(1_001);
    expect((await ask(basic('alice:new'))).status).toBe(200);
    expect(questions()).toHaveLength(2);
  });

  it('a changed password ends the access of the old one, even for a phone that never pauses', async () => {
    const { time, again } = await open();
    expect(await again('alice:secret')).toBe(200);
    password = 'new';
    const statuses: number[] = [];
    for (let seconds = 0; seconds < 95; seconds += 10) {
      await time.advance(10_000);
      statuses.push(await again('alice:secret'));
    }
    // Its connection reads the shared cache after 30 s, and again after 60 s.
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(statuses.slice(-2)).toEqual([401, 401]);
    expect(questions()).toHaveLength(2);
    expect(await again('alice:new')).toBe(200);
  });

  it('a result is reused for 30 seconds by its connection, and for 60 seconds by the shared cache', async () => {
    const { time, again } = await open();
    expect(await again('alice:secret')).toBe(200);
    await time.advance(31_000);
    expect(await again('alice:secret')).toBe(200);
    password = 'new';
    // The entry has left the shared cache, but not the connection.
    await time.advance(29_500);
    expect(await again('alice:secret')).toBe(200);
    expect((await ask(basic('alice:secret'))).status).toBe(401);
    await time.advance(1_000);
    expect(await again('alice:secret')).toBe(401);
    expect(questions()).toHaveLength(2);
  });

  it('refusals are forgotten after a minute', async () => {
    const { time } = await open();
    const guesses = (round: number) => times(20, (index) => ({ login: `alice:${round}-${index}` }));
    expect(await askAll(guesses(1))).toEqual({ 401: 10, 503: 10 });
    await time.advance(59_000);
    expect(await askAll(guesses(2))).toEqual({ 503: 20 });
    await time.advance(2_000);
    expect(await askAll(guesses(3))).toEqual({ 401: 10, 503: 10 });
  });
});

describe('a mail server', () => {
  it('that is down makes a refused device get 503, and an allowed one the error of the mail server', async () => {
    world = await openQuarantine();
    await world.backend.close();
    const refused = await ask(basic('alice:secret'));
    expect([refused.status, refused.header('retry-after')]).toEqual([503, '30']);
    expect(world.gateway.finished.at(-1)?.error).toBe('EASGATE_CREDENTIALS_UNKNOWN');
    expect((await ask(basic('alice:secret'), 'PHONE2')).status).toBe(502);
  });

  it.each([302, 404, 500])(
    'that answers the check with %i does not accept the credentials',
    async (status) => {
      world = await openQuarantine(
        ({ connection }) =>
          void connection.socket.write(
            `HTTP/1.1 ${status} X\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n`,
          ),
      );
      expect((await ask(basic('alice:secret'))).status).toBe(503);
      expect(world.gateway.seen).toEqual([]);
    },
  );
});

describe('a phone that leaves', () => {
  it('during the check leaves no request open, and the result is used for the next one', async () => {
    const waiting: BackendRequest[] = [];
    world = await openQuarantine((request) => void waiting.push(request));
    const client = await connect();
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
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(questions()).toHaveLength(1);
  });
});
