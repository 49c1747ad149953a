// Owns the promises of what is shown as the answer to a phone: the same as the gateway gives.
import { describe, expect, it } from 'vitest';
import { phoneReply } from '../../src/app/phone-reply.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import { seen } from './office.ts';

const config = configSchema.parse({ store: { kind: 'embedded', path: ':memory:' } });
const who = { user: 'alice@contoso.com' as UserKey, device: 'old2' as DeviceKey };

function verdict(action: Verdict['action'], reason: Verdict['reason']): Verdict {
  const rule = 'baseline';
  return { action, reason, rule, validUntil: Infinity, since: Date.parse('2026-12-01T10:00:00Z') };
}

describe('what a phone gets', () => {
  it('is its mail when it is allowed', () => {
    expect(phoneReply(config, verdict('allow', 'compliant'), who, null)).toEqual({
      kind: 'mail',
      messages: [],
      answers: [],
    });
  });

  it('is the message of the quarantine mailbox, in every language', () => {
    const { kind, messages } = phoneReply(
      config,
      verdict('quarantine', 'notEncrypted'),
      who,
      seen('alice@contoso.com', 'old2', 1, { model: 'Pixel 8' }),
    );
    expect(kind).toBe('mailbox');
    expect(messages.map(({ language }) => language).toSorted()).toEqual(['de', 'en', 'es', 'fr', 'ja']);
    expect(messages[0]).toMatchObject({ language: 'en', text: expect.stringContaining('Pixel 8') as string });
    expect(messages[0]?.text).toContain('alice@contoso.com');
  });

  it('is a refusal by command where there is no mailbox', () => {
    const blocking = configSchema.parse({
      store: { kind: 'embedded', path: ':memory:' },
      quarantine: { answer: 'block' },
    });
    const phone = seen('alice@contoso.com', 'old2', 1, { protocolVersion: '14.1' });
    const { kind, messages, answers } = phoneReply(
      blocking,
      verdict('quarantine', 'notEncrypted'),
      who,
      phone,
    );
    expect([kind, messages]).toEqual(['refusal', []]);
    expect(answers).toContainEqual({ command: 'Sync', http: 200, status: '129' });
  });

  it('is an HTTP status for protocol versions without one in the body', () => {
    const phone = seen('alice@contoso.com', 'old2', 1, { protocolVersion: '12.1' });
    const { answers } = phoneReply(config, verdict('block', 'individualRule'), who, phone);
    expect(answers).toContainEqual({ command: 'Sync', http: 403, status: null });
  });

  it('is the order of a wipe, and to come again while a feed may still report it', () => {
    expect(phoneReply(config, verdict('wipe', 'wipeRequested'), who, null)).toMatchObject({ kind: 'wipe' });
    expect(phoneReply(config, verdict('quarantine', 'awaitingReport'), who, null)).toMatchObject({
      kind: 'comeAgain',
    });
  });
});
