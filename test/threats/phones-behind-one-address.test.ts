// Owns the promise that a site of any size behind one address is served when all its phones come at once, as after a change that ends
// their polls or after a restart, and that somebody who guesses passwords from that address, or has one, does not take that from them.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { basic, folderSync, openLogins, taking, times } from '../support/phones/logins.ts';
import type { Logins } from '../support/phones/logins.ts';
import type { RawClient } from '../support/phones/raw-client.ts';
import { UNAUTHORIZED, isBare } from '../support/servers/raw-backend.ts';
import type { BackendRequest } from '../support/servers/raw-backend.ts';

checkLeaks();

const PHONES = 400;
const owners = times(PHONES, (index) => ({ login: `owner${index}:secret`, device: `PHONE${index}` }));

const ROOMY = { client: { maxConnections: 5_000 } };
const good = taking((login) => login.endsWith(':secret'));

/** A mail server that keeps questions with credentials until {@link Held.answer}. */
interface Held {
  readonly waiting: BackendRequest[];
  holds: boolean;
  /** Most questions that waited at once. */
  most: number;
  answer(): void;
}

interface HoldingServer extends Held {
  readonly onRequest: (request: BackendRequest) => void;
}

function holding(): HoldingServer {
  const held = {
    waiting: [] as BackendRequest[],
    holds: true,
    most: 0,
    answer(): void {
      for (const request of held.waiting.splice(0)) good(request);
    },
    onRequest: (request: BackendRequest): void => {
      if (!held.holds || isBare(request)) {
        good(request);
        return;
      }
      held.waiting.push(request);
      held.most = Math.max(held.most, held.waiting.length);
    },
  };
  return held;
}

/** Each phone's FolderSync on a connection of its own; the statuses come later. */
async function comeAtOnce(world: Logins, phones = owners, host?: string): Promise<() => Promise<number[]>> {
  const clients = await Promise.all(phones.map(() => world.connect()));
  for (const [index, client] of clients.entries()) {
    const { login, device } = phones[index] ?? { login: '', device: '' };
    client.send(folderSync(basic(login), device, undefined, host));
  }
  return async () => Promise.all(clients.map(async (client) => (await client.response()).status));
}

/** Answers what waits at the mail server until the phones have their answers. */
async function served(server: Held, statuses: () => Promise<number[]>): Promise<Record<number, number>> {
  let isOver = false;
  const all = statuses().finally(() => (isOver = true));
  while (!isOver) {
    await until(() => isOver || server.waiting.length > 0, 'questions or answers');
    server.answer();
  }
  return Object.fromEntries(
    Map.groupBy(await all, (status) => status)
      .entries()
      .map(([status, of]) => [status, of.length]),
  );
}

/** Allowed phones whose passwords the mail server accepted, and which are quarantined then. */
async function openKnown(server: HoldingServer): Promise<Logins> {
  server.holds = false;
  const world = await openLogins(server.onRequest, { ...ROOMY, known: true });
  expect(new Set(await (await comeAtOnce(world))())).toEqual(new Set([200]));
  for (const { device } of owners) world.gateway.change(device.toLowerCase(), 'quarantine');
  server.holds = true;
  return world;
}

describe('four hundred phones behind one address', () => {
  it('are all served when a change ends their polls at once', async () => {
    const server = holding();
    const world = await openKnown(server);
    const statuses = await comeAtOnce(world);
    await until(() => server.waiting.length === 128, 'as many questions as there may be');
    expect(await served(server, statuses)).toEqual({ 200: PHONES });
    expect(server.most).toBe(128);
  });

  it('are all served after a restart of the gateway, when no password is known yet', async () => {
    const server = holding();
    const world = await openLogins(server.onRequest, { ...ROOMY, known: true });
    for (const { device } of owners) world.gateway.change(device.toLowerCase(), 'quarantine');
    const statuses = await comeAtOnce(world);
    await until(() => server.waiting.length === 64, 'as many questions as one address may have');
    expect(await served(server, statuses)).toEqual({ 200: PHONES });
    // Another address finds places.
    expect(server.most).toBe(64);
  });

  it('are all served beside somebody who guesses four times as many passwords as are checked', async () => {
    const server = holding();
    const world = await openKnown(server);
    const guesses = times(PHONES, (index) => ({ login: `owner${index}:guess`, device: `PHONE${index}` }));
    const guessed = await comeAtOnce(world, guesses);
    await until(() => server.waiting.length === 64, 'the guesses that are checked');
    const statuses = await comeAtOnce(world);
    await until(() => server.waiting.length === 64 + 128, 'the phones');
    expect(await served(server, statuses)).toEqual({ 200: PHONES });
    // As many as an address has in a minute.
    expect(await served(server, guessed)).toEqual({ 401: 100, 503: PHONES - 100 });
  });

  it('are all served beside one of their users who asks under hundreds of names of the gateway', async () => {
    const server = holding();
    const world = await openKnown(server);
    const clients = await Promise.all(times(300, () => world.connect()));
    for (const [index, client] of clients.entries())
      client.send(folderSync(basic('owner0:secret'), 'PHONE0', undefined, `host${index}`));
    await until(() => server.waiting.length === 64, 'half of the places');
    const others = await comeAtOnce(world, owners.slice(1, 65));
    await until(() => server.waiting.length === 127, 'the others, who wait for none of these');
    expect(await served(server, others)).toEqual({ 200: 64 });
    const statuses = async (): Promise<number[]> =>
      Promise.all(clients.map(async (client) => (await client.response()).status));
    expect(await served(server, statuses)).toEqual({ 200: 300 });
  });
});

describe('a phone that finds no place for its check', () => {
  it('gets 503 with its own code after fifteen seconds, and not before', async () => {
    const server = holding();
    const world = await openLogins(server.onRequest, {
      ...ROOMY,
      known: true,
      upstream: { responseTimeoutMs: 120_000 },
    });
    for (const { device } of owners) world.gateway.change(device.toLowerCase(), 'quarantine');
    const first = await comeAtOnce(world, owners.slice(0, 64));
    await until(() => server.waiting.length === 64, 'the places to be taken');
    const last = await comeAtOnce(world, owners.slice(64, 65));
    await until(() => world.gateway.connections() === 65, 'the last phone');
    const { time } = world.gateway;
    await time.advance(14_000);
    expect(world.gateway.finished).toEqual([]);
    await time.advance(2_000);
    expect(await last()).toEqual([503]);
    expect(world.gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_CREDENTIALS_BUSY']);
    server.answer();
    expect(new Set(await first())).toEqual(new Set([200]));
  });

  it('waits for wrong passwords under way, which may turn out to be good ones', async () => {
    const server = holding();
    const world = await openLogins(server.onRequest, { ...ROOMY, known: true });
    world.gateway.change('phone1', 'quarantine');
    const all: RawClient[] = [];
    // Ten of one user from one address are checked at once; the limit is on refused ones.
    for (let index = 0; index < 12; index++) {
      const client = await world.connect();
      client.send(folderSync(basic('alice:secret'), 'PHONE1', undefined, `host${index}`));
      all.push(client);
    }
    await until(() => server.waiting.length === 10, 'ten of them');
    const statuses = async (): Promise<number[]> =>
      Promise.all(all.map(async (client) => (await client.response()).status));
    expect(await served(server, statuses)).toEqual({ 200: 12 });
  });

  it('gets another code than one whose address sent too many wrong passwords', async () => {
    const world = await openLogins(({ connection }) => connection.socket.write(UNAUTHORIZED));
    const guesses = times(12, (index) => ({ login: `alice:wrong${index}` }));
    expect(await world.askAll(guesses)).toEqual({ 401: 10, 503: 2 });
    expect(world.gateway.finished.at(-1)?.error).toBe('EASGATE_CREDENTIALS_LIMITED');
  });
});
