// Owns the promises about held polls whose cached facts are older than `cache.lifetimeSeconds` ("old facts"): when these facts still decide, and when the
// phone is looked up (decisions/0195).
import { describe, expect, it } from 'vitest';
import type { OnAnswer } from '../../../src/directory/refresh.ts';
import type { Verdict } from '../../../src/model/verdict.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { LONG_PING } from '../../support/phones/held-polls.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';
import { FOLDER_SYNC, request, verdict } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../../support/servers/test-gateway.ts';

checkLeaks();

const DEVICE = 'abc123';
const ALLOWED = verdict('allow');
const LAPSE_MS = 60_000;

/** A poll at the mail server, whose verdict is known only by old facts. */
async function openPoll(allowed: Verdict = ALLOWED, overrides: SettingsOverrides = {}) {
  const backend = await backendOf(() => undefined);
  const gateway = await gatewayOf(backend, overrides);
  gateway.verdicts.set(DEVICE, allowed);
  const phone = await phoneOf(gateway);
  phone.send(request('Ping', LONG_PING));
  await until(() => gateway.heldPolls() === 1, 'the poll at the mail server');
  const asked = { count: 0 };
  gateway.lookUpWith(async () => void asked.count++);
  gateway.verdicts.set(DEVICE, 'miss');
  return { backend, gateway, phone, asked };
}

describe('a new policy', () => {
  it('that denies a phone by old facts ends its poll without a look-up', async () => {
    const { gateway, phone, asked } = await openPoll();
    gateway.old.set(DEVICE, verdict('block'));
    gateway.publish();
    expect((await phone.response()).status).toBe(200);
    expect([gateway.heldPolls(), asked.count]).toEqual([0, 0]);
  });

  it('that changes nothing by old facts has the phone looked up, and ends the poll if it is denied by new ones', async () => {
    const { gateway, phone, asked } = await openPoll();
    gateway.old.set(DEVICE, ALLOWED);
    gateway.publish();
    await until(() => asked.count === 1, 'the look-up');
    expect([gateway.heldPolls(), phone.received]).toEqual([1, '']);
    gateway.lookUpWith(async () => void gateway.verdicts.set(DEVICE, verdict('block')));
    gateway.publish();
    expect((await phone.response()).status).toBe(200);
  });

  it('cuts no answer in progress for old facts', async () => {
    const backend = await backendOf(({ connection }) => {
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
    });
    const gateway = await gatewayOf(backend);
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => phone.received.endsWith('half'), 'half of the answer');
    const asked = { count: 0 };
    gateway.lookUpWith(async () => void asked.count++);
    gateway.verdicts.set(DEVICE, 'miss');
    gateway.old.set(DEVICE, verdict('block'));
    gateway.publish();
    await until(() => asked.count === 1, 'the look-up');
    backend.requests[0]?.connection.socket.write('half');
    expect((await phone.response()).body.toString()).toBe('halfhalf');
  });
});

const lapsing = (now: number): Verdict => ({ ...ALLOWED, validUntil: now + LAPSE_MS });

describe('the lapse of a verdict', () => {
  it('ends no poll by old facts that new ones disprove: a later check-in is no change', async () => {
    const { gateway, phone, asked } = await openPoll(lapsing(Date.now()));
    gateway.old.set(DEVICE, { ...verdict('quarantine'), reason: 'notCheckedIn' });
    gateway.lookUpWith(async () => {
      asked.count++;
      gateway.verdicts.set(DEVICE, ALLOWED);
    });
    await gateway.time.advance(2 * LAPSE_MS);
    expect([gateway.heldPolls(), phone.received, asked.count]).toEqual([1, '', 1]);
  });

  it('looks up no poll that old facts allow', async () => {
    const { gateway, phone, asked } = await openPoll(lapsing(Date.now()));
    gateway.old.set(DEVICE, ALLOWED);
    await gateway.time.advance(2 * LAPSE_MS);
    expect([gateway.heldPolls(), phone.received, asked.count]).toEqual([1, '', 0]);
  });
});

describe('the lapse of a verdict, while the directory does not answer,', () => {
  it('lets a poll go on that old facts allow', async () => {
    const { gateway, phone } = await openPoll(lapsing(Date.now()));
    gateway.verdicts.set(DEVICE, 'unavailable');
    gateway.old.set(DEVICE, { ...ALLOWED, reason: 'inGracePeriod' });
    await gateway.time.advance(2 * LAPSE_MS);
    expect([gateway.heldPolls(), phone.received]).toEqual([1, '']);
  });

  it('ends a poll that old facts deny', async () => {
    const { gateway, phone } = await openPoll(lapsing(Date.now()));
    gateway.verdicts.set(DEVICE, 'unavailable');
    gateway.old.set(DEVICE, verdict('quarantine'));
    await gateway.time.advance(2 * LAPSE_MS);
    expect((await phone.response()).status).toBe(200);
    expect(gateway.heldPolls()).toBe(0);
  });
});

describe('a poll that is looked up with others', () => {
  const held = (): { readonly answers: OnAnswer[]; readonly overrides: SettingsOverrides } => {
    const answers: OnAnswer[] = [];
    return { answers, overrides: { refresh: (_asked, onAnswer) => void answers.push(onAnswer) } };
  };

  it('goes on while the directory does not answer, is looked up again, and ends when it is denied', async () => {
    const { answers, overrides } = held();
    const { gateway, phone, asked } = await openPoll(ALLOWED, overrides);
    gateway.announce([DEVICE]);
    answers[0]?.(0, false);
    await gateway.time.advance(1_000);
    await until(() => answers.length === 2, 'the second question');
    expect([gateway.heldPolls(), phone.received]).toEqual([1, '']);
    gateway.verdicts.set(DEVICE, verdict('block'));
    answers[1]?.(0, true);
    expect((await phone.response()).status).toBe(200);
    expect(asked.count).toBe(0);
  });

  it('is looked up by itself when it changed meanwhile', async () => {
    const { answers, overrides } = held();
    const { gateway, phone } = await openPoll(ALLOWED, overrides);
    gateway.announce([DEVICE]);
    gateway.lookUpWith(async () => void gateway.verdicts.set(DEVICE, verdict('block')));
    answers[0]?.(0, true);
    expect((await phone.response()).status).toBe(200);
  });

  it('may end before the answer', async () => {
    const { answers, overrides } = held();
    const { gateway, phone } = await openPoll(ALLOWED, overrides);
    gateway.announce([DEVICE]);
    phone.destroy();
    await until(() => gateway.heldPolls() === 0, 'the phone to have left');
    gateway.verdicts.set(DEVICE, verdict('block'));
    answers[0]?.(0, true);
    await until(() => gateway.connections() === 0);
    expect(gateway.trouble).toEqual([]);
  });
});
