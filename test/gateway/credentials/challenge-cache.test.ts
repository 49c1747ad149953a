// Owns the promises about the challenge for strangers: the mail server's own, asked for seldom.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { basic, folderSync, openLogins, proxied, times } from '../../support/phones/logins.ts';
import type { Logins } from '../../support/phones/logins.ts';
import { untilRead } from '../../support/phones/raw-client.ts';
import { ok, startRawBackend } from '../../support/servers/raw-backend.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';

checkLeaks();

let world: Logins;

describe('the challenge', () => {
  const BODY = '<p>Sign in</p>';
  const said = (realm: string): string =>
    `HTTP/1.1 401 Who are you?\r\nSet-Cookie: trace=1\r\nWWW-Authenticate: Basic realm="${realm}"\r\n` +
    `www-authenticate: Bearer authorization_uri="https://login.example/"\r\nContent-Type: text/html\r\n` +
    `Content-Length: ${BODY.length}\r\n\r\n${BODY}`;

  it("is the mail server's own, word by word, asked for once a minute", async () => {
    world = await openLogins(
      (request) => void request.connection.socket.write(said(request.header('host') ?? '')),
    );
    const { time } = world.gateway;
    const client = await world.connect();
    for (let round = 0; round < 3; round++) {
      for (const credentials of [null, basic(`alice:wrong${round}`)]) {
        client.send(folderSync(credentials, 'PHONE1', undefined, 'Mail.example'));
        await client.response();
        await until(() => world.gateway.finished.length > 0, 'the end');
      }
    }
    expect(world.asked()).toEqual({ with: 3, without: 1 });
    client.send(folderSync(null, 'PHONE1', undefined, 'mail.example'));
    await until(() => client.received.endsWith(BODY), 'the answer');
    expect(client.received).toBe(said('mail.example').replace('Set-Cookie: trace=1\r\n', ''));
    await time.advance(60_001);
    expect((await world.ask(null)).status).toBe(401);
    expect((await world.ask(null, 'PHONE1', undefined, 'mail.example')).status).toBe(401);
    expect(world.asked()).toEqual({ with: 3, without: 3 });
  });

  it('is asked for once by all that wait for it', async () => {
    const waiting: BackendRequest[] = [];
    world = await openLogins((request) => void waiting.push(request));
    const answers = times(50, () => world.ask(null));
    await until(() => world.gateway.connections() === 50 && waiting.length > 0, 'all phones');
    for (const request of waiting) request.connection.socket.write(said('m'));
    for (const answer of answers) expect((await answer).status).toBe(401);
    expect(world.asked()).toEqual({ with: 0, without: 1 });
  });

  it('of a storm of names is asked for under eight of them', async () => {
    world = await openLogins(
      (request) => void request.connection.socket.write(said(request.header('host') ?? '')),
    );
    for (let name = 0; name < 30; name++)
      expect((await world.ask(null, 'PHONE1', undefined, `name${name}.example`)).status).toBe(401);
    expect(world.asked()).toEqual({ with: 0, without: 9 });
  });

  it.each([
    ['takes a stranger in', ok('secret'), 401],
    ['says 403 to strangers', 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n', 403],
  ])('of a server that %s is no other answer', async (_, answer, status) => {
    world = await openLogins(({ connection }) => void connection.socket.write(answer));
    for (let count = 0; count < 3; count++) {
      const response = await world.ask(null);
      expect(response.status).toBe(status);
      expect(response.body).toHaveLength(0);
      if (status === 401) expect(response.header('www-authenticate')).toBe('Basic realm="ActiveSync"');
    }
    expect(world.asked()).toEqual({ with: 0, without: 1 });
  });

  /** A mail server whose front end has banned one address. */
  const banning = (request: BackendRequest): string =>
    request.header('x-forwarded-for')?.startsWith('192.0.2.66') === true
      ? 'HTTP/1.1 403 Banned\r\nContent-Length: 0\r\n\r\n'
      : said('m');

  it('of an address that the mail server has banned is told to that address alone', async () => {
    world = await openLogins((request) => void request.connection.socket.write(banning(request)), proxied);
    const statusFor = async (from: string, host?: string) =>
      (await world.ask(null, 'PHONE1', from, host)).status;
    for (let round = 0; round < 3; round++) expect(await statusFor('192.0.2.66')).toBe(403);
    expect(world.asked()).toEqual({ with: 0, without: 1 });
    expect(await statusFor('192.0.2.7')).toBe(401);
    expect(await statusFor('192.0.2.66')).toBe(401);
    expect(world.asked()).toEqual({ with: 0, without: 2 });
    for (let name = 0; name < 30; name++)
      expect(await statusFor('192.0.2.66', `name${name}.example`)).toBe(403);
    expect(world.asked()).toEqual({ with: 0, without: 2 + 7 + 1 });
  });

  it('of a banned address is not told to those that wait for the same answer', async () => {
    const waiting: BackendRequest[] = [];
    world = await openLogins((request) => void waiting.push(request), proxied);
    const banned = world.ask(null, 'PHONE1', '192.0.2.66');
    await until(() => waiting.length === 1, 'the question');
    const other = world.ask(null, 'PHONE1', '192.0.2.7');
    await until(() => world.gateway.connections() === 2, 'the other phone');
    await untilRead(world.gateway);
    for (const request of waiting) request.connection.socket.write(banning(request));
    expect((await banned).status).toBe(403);
    const answer = await other;
    expect([answer.status, answer.header('www-authenticate')]).toEqual([401, 'Basic realm="ActiveSync"']);
  });

  it('comes from another server when the first cannot be asked', async () => {
    const other = await startRawBackend(({ connection }) => void connection.socket.write(said('other')));
    world = await openLogins(({ connection }) => connection.socket.destroy(), {
      morePorts: [other.port],
    });
    for (let count = 0; count < 4; count++)
      expect((await world.ask(null)).header('www-authenticate')).toBe('Basic realm="other"');
    expect(other.requests).toHaveLength(1);
    await world.gateway.close();
    await other.close();
  });

  it('does not come when no server answers: the phone is told so', async () => {
    world = await openLogins(() => undefined);
    const { time } = world.gateway;
    const answer = world.ask(null);
    await until(() => world.backend.requests.length === 1, 'the question');
    await time.advance(5_001);
    expect((await answer).status).toBe(504);
    expect(world.gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_TIMEOUT');
    await world.backend.close();
    expect((await world.ask(null)).status).toBe(502);
  });
});
