// Threat: a poll, which is held for up to an hour, keeps a phone admitted, or quarantined, after its decision has expired.
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/model/verdict.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import type { EasAnswer } from '../support/phones/eas-client.ts';
import { answerOk, backendOf, gatewayOf, gatewayWith, phoneOf } from '../support/servers/openings.ts';
import { openQuarantine } from '../support/servers/quarantine.ts';
import type { Quarantine } from '../support/servers/quarantine.ts';
import type { BackendRequest } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, PING, request, verdict } from '../support/servers/test-gateway.ts';

checkLeaks();

let world: Quarantine;

describe('a held poll', () => {
  it('ends with the decision that allowed it', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend);
    const { time } = gateway;
    gateway.verdicts.set('abc123', { ...verdict('allow'), validUntil: time.wall() + 60_000 });
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    await time.advance(59_999);
    expect(phone.received).toBe('');
    await time.advance(1);
    const { status, body } = await phone.response();
    expect([status, body.toString('hex')]).toEqual([200, '03016a00000d45470331000101']);
    expect(backend.requests.length).toBe(1);
  });

  it('ends with a decision that replaced the first one while the poll was held', async () => {
    const backend = await backendOf();
    let current: Verdict = verdict('allow');
    const gateway = await gatewayWith(backend, async () => ({ verdict: current }));
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    current = { ...verdict('allow'), validUntil: gateway.time.wall() + 60_000 };
    gateway.change();
    // The change is applied before time passes.
    await gateway.time.advance(0);
    await gateway.time.advance(59_999);
    expect(phone.received).toBe('');
    await gateway.time.advance(1);
    const { status, body } = await phone.response();
    // Status 1: the heartbeat passed (MS-ASCMD 2.2.3.177.11).
    expect([status, body.toString('hex')]).toEqual([200, '03016a00000d45470331000101']);
    await until(() => backend.connections[0]?.closed === true, 'the mail server to be told');
  });

  it('ends with a valid reply when its upstream connection becomes free while the gateway drains', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend, {
      upstream: { maxConnections: 1 },
      balancing: { maxQueued: 1, queueTimeoutMs: 10_000 },
    });
    // The gateway answers this request itself, so it has read everything sent before it.
    gateway.verdicts.set('local', 'unavailable');
    const local = request('FolderSync', FOLDER_SYNC, [], 'LOCAL');
    const first = await phoneOf(gateway);
    first.send(request('FolderSync', FOLDER_SYNC, [], 'FIRST'));
    await until(() => backend.requests.length === 1, 'the first request');
    const phone = await phoneOf(gateway);
    phone.send(local + request('Ping', PING));
    expect((await phone.response()).status).toBe(503);
    const drained = gateway.drain(5_000);
    answerOk(backend.requests[0] as BackendRequest);
    await first.response();
    const { status, body } = await phone.response();
    expect([status, body.toString('hex')]).toEqual([200, '03016a00000d45470331000101']);
    await drained;
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_STORE_UNAVAILABLE', null, null]);
  });
});

describe('a poll of a quarantined phone', () => {
  const RELEASED: Verdict = { ...verdict('allow'), reason: 'individualRule' };
  const quarantined = (at: number, requirement: string): Verdict => ({
    ...verdict('quarantine'),
    validUntil: at,
    requirement,
  });

  async function held(version: string): Promise<{ poll: Promise<EasAnswer> }> {
    world = await openQuarantine();
    const phone = world.phone({ version });
    await phone.folderSync();
    const { time, verdicts } = world.gateway;
    verdicts.set('phone1', quarantined(time.wall() + 60_000, 'until noon'));
    // The first poll reports a message.
    expect((await phone.ping(600, 'easg1-inbox')).easStatus).toBe('2');
    const poll = phone.ping(600, 'easg1-inbox');
    await until(() => world.gateway.heldPolls() === 1, 'the poll to be held');
    return { poll };
  }

  it('ends when the quarantine ends, and the phone is let in', async () => {
    const { poll } = await held('14.1');
    world.gateway.verdicts.set('phone1', RELEASED);
    await world.gateway.time.advance(59_999);
    expect(world.gateway.heldPolls()).toBe(1);
    await world.gateway.time.advance(1);
    expect((await poll).easStatus).toBe('7');
  });

  it('reports a new message when one quarantine replaces another', async () => {
    const { poll } = await held('14.1');
    world.gateway.verdicts.set('phone1', quarantined(Infinity, 'until it is enrolled'));
    await world.gateway.time.advance(60_000);
    expect((await poll).easStatus).toBe('2');
  });

  it('stays held while nothing changes, and ends when the directory is unavailable', async () => {
    const { poll } = await held('14.1');
    const { time, verdicts } = world.gateway;
    verdicts.set('phone1', quarantined(time.wall() + 90_000, 'until noon'));
    await time.advance(60_000);
    await time.advance(29_999);
    expect(world.gateway.heldPolls()).toBe(1);
    verdicts.set('phone1', 'unavailable');
    await time.advance(1);
    expect((await poll).easStatus).toBe('1');
  });
});
