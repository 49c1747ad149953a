// Owns the promises about credentials: nothing but "allow" is told or written down before the mail server took them, and
// guessing here is no way to guess there.
import { afterEach, describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/leaks.ts';
import { guarded, openQuarantine } from '../support/quarantine.ts';
import type { Quarantine } from '../support/quarantine.ts';
import type { BackendRequest } from '../support/raw-backend.ts';
import { ok } from '../support/raw-backend.ts';
import { RawClient } from '../support/raw-client.ts';
import type { RawResponse } from '../support/raw-client.ts';
import { FOLDER_SYNC } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

checkLeaks();

let world: Quarantine;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await world.close();
});

const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`;

function folderSync(authorization: string | null, device = 'PHONE1'): string {
  return (
    `POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&DeviceId=${device}&DeviceType=iPhone HTTP/1.1\r\nHost: m\r\n` +
    (authorization === null ? '' : `Authorization: ${authorization}\r\n`) +
    'Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: 14.1\r\n' +
    `Content-Length: ${FOLDER_SYNC.length}\r\n\r\n${FOLDER_SYNC.toString('latin1')}`
  );
}

async function connect(): Promise<RawClient> {
  const client = await RawClient.open(world.gateway.port);
  clients.push(client);
  return client;
}

async function ask(authorization: string | null, device?: string): Promise<RawResponse> {
  const client = await connect();
  client.send(folderSync(authorization, device));
  return client.response();
}

/** Requests to the mail server that carried credentials. */
const questions = (): BackendRequest[] =>
  world.backend.requests.filter((request) => request.header('authorization') !== undefined);

describe('a quarantined device', () => {
  it.each([
    ['with a wrong password', basic('alice:wrong')],
    ['of a user who is not there', basic('nobody:x')],
    ['without credentials', null],
  ])(
    "%s gets the mail server's own challenge, word by word, and is not written down",
    async (_, credentials) => {
      world = await openQuarantine();
      const { status, headers } = await ask(credentials);
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
    world = await openQuarantine();
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(world.gateway.seen).toEqual([{ user: 'alice', device: 'phone1' }]);
  });

  it('is asked about once for all its connections, also when they come at the same time', async () => {
    const waiting: BackendRequest[] = [];
    world = await openQuarantine((request) => void waiting.push(request));
    const answers = Array.from({ length: 50 }, () => ask(basic('alice:secret')));
    await until(() => waiting.length > 0, 'the question');
    await until(() => world.gateway.connections() === 50, 'all phones');
    for (const request of waiting) guarded()(request);
    for (const answer of answers) expect((await answer).status).toBe(200);
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(questions()).toHaveLength(1);
    expect(questions()[0]?.method).toBe('OPTIONS');
  });

  it('that repeats a wrong password does not bring its user nearer to a lock', async () => {
    world = await openQuarantine();
    for (let count = 0; count < 5; count++) expect((await ask(basic('alice:wrong'))).status).toBe(401);
    expect(questions()).toHaveLength(1);
  });

  it('whose password was accepted is not vouched for with another one', async () => {
    world = await openQuarantine();
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect((await ask(basic('alice:secret2'))).status).toBe(401);
  });
});

describe('guesses', () => {
  it('of a thousand passwords become ten at the mail server, and the user still gets in', async () => {
    world = await openQuarantine();
    const client = await connect();
    const statuses = new Set<number>();
    for (let count = 0; count < 1_000; count++) {
      client.send(folderSync(basic(`alice:guess-${count}`)));
      statuses.add((await client.response()).status);
    }
    expect(statuses).toEqual(new Set([401, 503]));
    expect(questions()).toHaveLength(10);
    // An allowed device of the same user is not concerned.
    const allowed = await ask(basic('alice:secret'), 'PHONE2');
    expect([allowed.status, allowed.body.toString()]).toEqual([200, 'ok']);
  }, 20_000);

  it('of many users at once do not become as many questions at once', async () => {
    const waiting: BackendRequest[] = [];
    let mayAnswer = false;
    world = await openQuarantine((request) => (mayAnswer ? guarded()(request) : void waiting.push(request)));
    const answers = Array.from({ length: 100 }, (_, user) => ask(basic(`user${user}:x`)));
    expect((await Promise.any(answers)).status).toBe(503);
    await until(() => world.gateway.finished.length === 100 - 64, 'those beyond the bound');
    mayAnswer = true;
    for (const request of waiting) guarded()(request);
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(64);
    expect(questions()).toHaveLength(64);
  });
});

describe('a mail server', () => {
  it('that is away makes a refused device come again later, and an allowed one get its error', async () => {
    world = await openQuarantine();
    await world.backend.close();
    const refused = await ask(basic('alice:secret'));
    expect([refused.status, refused.header('retry-after')]).toEqual([503, '30']);
    expect(world.gateway.finished.at(-1)?.error).toBe('EASGATE_CREDENTIALS_UNKNOWN');
    expect((await ask(basic('alice:secret'), 'PHONE2')).status).toBe(502);
  });

  it.each([302, 404, 500])('that answers the question with %i has not said yes', async (status) => {
    world = await openQuarantine(
      ({ connection }) =>
        void connection.socket.write(`HTTP/1.1 ${status} X\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n`),
    );
    expect((await ask(basic('alice:secret'))).status).toBe(503);
    expect(world.gateway.seen).toEqual([]);
  });
});

describe('a phone that leaves', () => {
  it('while the mail server is asked leaves no request, and the answer serves the next one', async () => {
    const waiting: BackendRequest[] = [];
    world = await openQuarantine((request) => void waiting.push(request));
    const client = await connect();
    client.send(folderSync(basic('alice:secret')));
    await until(() => waiting.length === 1, 'the question');
    client.destroy();
    await until(() => world.gateway.finished.length === 1, 'the end of the request');
    expect(world.gateway.finished[0]).toMatchObject({ error: 'EASGATE_CLIENT_LEFT', authorization: null });
    waiting[0]?.connection.socket.write(ok());
    expect((await ask(basic('alice:secret'))).status).toBe(200);
    expect(questions()).toHaveLength(1);
  });
});
