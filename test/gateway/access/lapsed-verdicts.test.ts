// Owns the promises of held polls whose verdict lapses: it is decided again, and a poll that may go on does.
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../src/model/verdict.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { LONG_PING } from '../../support/phones/held-polls.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { RawBackend } from '../../support/servers/raw-backend.ts';
import { request, verdict } from '../../support/servers/test-gateway.ts';
import type { TestGateway } from '../../support/servers/test-gateway.ts';

checkLeaks();

const LAPSE_MS = 60_000;

interface Poll {
  readonly backend: RawBackend;
  readonly gateway: TestGateway;
  readonly phone: RawClient;
}

const lapsing = (gateway: TestGateway, inMs: number): Verdict => ({
  ...verdict('allow'),
  validUntil: gateway.time.wall() + inMs,
});

/** A poll at the mail server under a verdict that lapses in a minute. */
async function openPoll(): Promise<Poll> {
  const backend = await backendOf(() => undefined);
  const gateway = await gatewayOf(backend);
  gateway.verdicts.set('abc123', lapsing(gateway, LAPSE_MS));
  const phone = await phoneOf(gateway);
  phone.send(request('Ping', LONG_PING));
  await until(() => backend.requests.length === 1, 'the poll at the mail server');
  return { backend, gateway, phone };
}

describe('a poll at the mail server whose verdict lapses', () => {
  it('goes on while it may, lapse after lapse, and gets what its server says', async () => {
    const { backend, gateway, phone } = await openPoll();
    for (let lapse = 0; lapse < 3; lapse++) {
      gateway.verdicts.set('abc123', lapsing(gateway, 2 * LAPSE_MS));
      await gateway.time.advance(LAPSE_MS);
      expect([gateway.heldPolls(), phone.received]).toEqual([1, '']);
    }
    backend.requests[0]?.connection.socket.write(ok('news'));
    expect((await phone.response()).body.toString()).toBe('news');
  });

  it('ends at once when it may not go on', async () => {
    const { gateway, phone } = await openPoll();
    gateway.verdicts.set('abc123', verdict('block'));
    await gateway.time.advance(LAPSE_MS - 1_000);
    expect(phone.received).toBe('');
    await gateway.time.advance(1_000);
    expect((await phone.response()).status).toBe(200);
    expect(gateway.heldPolls()).toBe(0);
  });

  it('ends as if its heartbeat had passed when the directory does not answer', async () => {
    const { gateway, phone } = await openPoll();
    gateway.verdicts.set('abc123', 'unavailable');
    await gateway.time.advance(LAPSE_MS);
    expect((await phone.response()).status).toBe(200);
    expect(gateway.heldPolls()).toBe(0);
  });

  it('still ends with its heartbeat', async () => {
    const { gateway, phone } = await openPoll();
    gateway.verdicts.set('abc123', verdict('allow'));
    await gateway.time.advance(LAPSE_MS);
    expect(gateway.heldPolls()).toBe(1);
    await gateway.time.advance(3_540_000);
    expect((await phone.response()).status).toBe(504);
  });
});
