// Owns the promise that the gateway waits for a mail server that takes long to refuse a password (Z-Push: 6 to 36 s): the phone
// gets the 401 and asks its user, and slow refusals delay no other phone.
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { guarded, openQuarantine } from '../support/servers/quarantine.ts';
import type { Quarantine } from '../support/servers/quarantine.ts';
import type { BackendRequest } from '../support/servers/raw-backend.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import type { RawResponse } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, request, verdict } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { OFFER, UNAUTHORIZED, isBare, ok } from '../support/servers/raw-backend.ts';
import { backendOf, gatewayOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

let world: Quarantine;
const GOOD = Buffer.from('alice:secret').toString('base64');

async function ask(login: string): Promise<RawResponse> {
  const client = await RawClient.open(world.gateway.port);
  onTestFinished(() => client.destroy());
  const other = Buffer.from(login).toString('base64');
  client.send(
    request('FolderSync', FOLDER_SYNC, [], 'PHONE1').replace(GOOD, other).replace('User=alice&', ''),
  );
  return client.response();
}

/** Wrong passwords wait in `waiting`. */
async function openSlow(waiting: BackendRequest[]): Promise<void> {
  const answer = guarded();
  world = await openQuarantine(
    (asked) => {
      const wrong = asked.header('authorization') !== undefined && !asked.head.includes(GOOD);
      if (wrong) waiting.push(asked);
      else answer(asked);
    },
    { upstream: { responseTimeoutMs: 120_000 } },
  );
}

const refuse = (waiting: BackendRequest[]): void => {
  for (const asked of waiting.splice(0)) guarded()(asked);
};

describe('a password that the mail server refuses slowly', () => {
  it.each([6, 12, 36, 60])('brings the phone its 401 after %i seconds', async (seconds) => {
    const waiting: BackendRequest[] = [];
    await openSlow(waiting);
    const { time } = world.gateway;
    const answer = ask('alice:wrong');
    await until(() => waiting.length === 1, 'the question');
    await time.advance(seconds * 1_000);
    refuse(waiting);
    const response = await answer;
    expect(response.status).toBe(401);
    expect(response.header('www-authenticate')).toBe('Basic realm="corp"');
  });

  it('keeps no other phone waiting, also behind the same address', async () => {
    const waiting: BackendRequest[] = [];
    await openSlow(waiting);
    const wrong = Array.from({ length: 40 }, (_, user) => ask(`user${user}:wrong`));
    await until(() => waiting.length === 40, 'forty questions at once');
    expect((await ask('alice:secret')).status).toBe(200);
    refuse(waiting);
    for (const answer of wrong) expect((await answer).status).toBe(401);
  });
});

describe('wrong passwords that the mail server refuses slowly', () => {
  it('keep no phone waiting whose password was accepted before', async () => {
    const backend = await backendOf((asked) => {
      if (isBare(asked)) asked.connection.socket.write(UNAUTHORIZED);
      else if (asked.header('authorization') === 'Basic YWxpY2U6c2VjcmV0')
        asked.connection.socket.write(ok('ok', OFFER));
    });
    const gateway = await gatewayOf(backend, {
      identity: { trustedProxies: ['127.0.0.1'] },
    });
    gateway.verdicts.set('abc123', verdict('block'));
    const clients: RawClient[] = [];
    const ask = async (address: string, login: string): Promise<RawClient> => {
      const client = await phoneOf(gateway);
      clients.push(client);
      const text = request('FolderSync', FOLDER_SYNC, [`X-Forwarded-For: ${address}`]);
      client.send(
        text
          .replace('Basic YWxpY2U6c2VjcmV0', `Basic ${Buffer.from(login).toString('base64')}`)
          .replace('User=alice&', ''),
      );
      return client;
    };
    const first = await (await ask('192.0.2.1', 'alice:secret')).response();
    await gateway.time.advance(120_000);
    for (let guess = 0; guess < 64; guess++) await ask(`198.51.100.${guess % 4}`, `user${guess}:wrong`);
    await until(() => backend.requests.length >= 9, 'the mail server to be busy with guesses');
    const phone = await ask('192.0.2.1', 'alice:secret');
    await until(() => phone.received !== '', 'an answer').catch(() => undefined);
    const status = Number(phone.received.slice(9, 12));
    expect([first.status, status]).toEqual([200, 200]);
  });
});
