// Owns the promises about guesses: guessing passwords at the gateway is no way to guess at the mail server, and locks nobody out.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { basic, openLogins, proxied, taking, times } from '../../support/phones/logins.ts';
import type { Logins } from '../../support/phones/logins.ts';
import { guarded } from '../../support/servers/quarantine.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';

checkLeaks();

let world: Logins;

describe('guesses', () => {
  it('that repeat one wrong password become one question, and one for the challenge', async () => {
    world = await openLogins();
    expect(await world.askAll(times(200, () => ({ login: 'alice:wrong' })))).toEqual({ 401: 200 });
    expect(world.asked()).toEqual({ with: 1, without: 1 });
  });

  it('of a thousand passwords become ten at the mail server, and the user still gets in', async () => {
    world = await openLogins();
    const statuses = await world.askAll(times(1_000, (count) => ({ login: `alice:guess-${count}` })));
    expect(statuses).toEqual({ 401: 10, 503: 990 });
    expect(world.asked()).toEqual({ with: 10, without: 1 });
    // An allowed device of the same user is not concerned.
    const allowed = await world.ask(basic('alice:secret'), 'PHONE2');
    expect([allowed.status, allowed.body.toString()]).toEqual([200, 'ok']);
  });

  it('of many users from one address become a hundred in a minute', async () => {
    world = await openLogins();
    const { time } = world.gateway;
    expect(await world.askAll(times(200, (user) => ({ login: `user${user}:x` })))).toEqual({
      401: 100,
      503: 100,
    });
    expect(world.asked()).toEqual({ with: 100, without: 1 });
    await time.advance(60_001);
    expect((await world.ask(basic('someone:x'))).status).toBe(401);
    expect(world.asked()).toEqual({ with: 101, without: 2 });
  });

  it('from all addresses of an IPv6 network count as from one', async () => {
    world = await openLogins(guarded(), proxied);
    const statuses = await world.askAll(
      times(30, (index) => ({ login: `alice:guess-${index}`, from: `2001:db8::${index + 1}` })),
    );
    expect(statuses).toEqual({ 401: 10, 503: 20 });
  });

  it('of one user from everywhere become sixty in a minute, and lock out nobody whose password was good', async () => {
    world = await openLogins(guarded(), proxied);
    const { time } = world.gateway;
    expect((await world.ask(basic('alice:secret'), 'PHONE1', '192.0.2.1')).status).toBe(200);
    await time.advance(60_001);
    const guesses = times(200, (index) => ({ login: `alice:guess-${index}`, from: `198.51.100.${index}` }));
    expect(await world.askAll(guesses)).toEqual({ 401: 60, 503: 140 });
    expect(world.asked()).toEqual({ with: 1 + 60, without: 2 });
    // Not remembered any more: asked about again, from the same place and from elsewhere.
    expect((await world.ask(basic('alice:secret'), 'PHONE1', '192.0.2.1')).status).toBe(200);
    expect((await world.ask(basic('alice:secret'), 'PHONE1', '198.51.100.7')).status).toBe(200);
    expect(world.asked()).toEqual({ with: 1 + 60 + 1, without: 3 });
  });

  it('from an office with a thousand honest phones lock none of them out', async () => {
    world = await openLogins(
      taking((login) => login.endsWith(':good')),
      proxied,
    );
    const { time } = world.gateway;
    const office = times(1_000, (user) => ({ login: `user${user}:good`, from: '192.0.2.1' }));
    expect(await world.askTogether(office)).toEqual({ 200: 1_000 });
    const guesses = times(300, (user) => ({ login: `user${user}:bad`, from: '192.0.2.1' }));
    expect(await world.askAll(guesses)).toEqual({ 401: 100, 503: 200 });
    await time.advance(50_000);
    expect(await world.askTogether(office)).toEqual({ 200: 1_000 });
    await time.advance(10_001);
    expect(await world.askAll(guesses.slice(100))).toEqual({ 401: 100, 503: 100 });
    expect(await world.askTogether(office)).toEqual({ 200: 1_000 });
    // Challenges, and questions whether a yes proves anything: of each, one in a minute.
    expect(world.asked()).toEqual({ with: 1_000 + 100 + 100 + 1_000, without: 4 });
  });

  it('of many users at once do not become as many questions at once, from one address least of all', async () => {
    const waiting: BackendRequest[] = [];
    let mayAnswer = false;
    world = await openLogins(
      (request) => (mayAnswer ? guarded()(request) : void waiting.push(request)),
      proxied,
    );
    const office = times(70, (user) => world.ask(basic(`user${user}:x`), 'PHONE1', '192.0.2.1'));
    await until(() => world.gateway.finished.length === 70 - 64, 'those beyond the bound of their address');
    const others = times(70, (user) => world.ask(basic(`other${user}:x`), 'PHONE1', `198.51.100.${user}`));
    await until(() => world.gateway.finished.length === 140 - 128, 'those beyond the bound');
    mayAnswer = true;
    for (const request of waiting) guarded()(request);
    const statuses = (await Promise.all([...office, ...others])).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(128);
    expect(statuses.filter((status) => status === 503)).toHaveLength(12);
    expect(world.asked()).toEqual({ with: 128, without: 1 });
  });
});
