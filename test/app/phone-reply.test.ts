// Owns the promises of what is shown as the answer to a phone: the same as the gateway gives.
import { describe, expect, it } from 'vitest';
import { phoneReply } from '../../src/app/phone-reply.ts';
import { configSchema } from '../../src/config/schema.ts';
import { allCommands } from '../../src/eas/commands.ts';
import { isElement } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import { find } from '../support/phones/eas-client.ts';
import type { EasAnswer, EasClient } from '../support/phones/eas-client.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openQuarantine } from '../support/servers/quarantine.ts';
import { wipeOrder } from '../support/servers/test-gateway.ts';
import { seen } from './office.ts';

checkLeaks();

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
    const ordered = { ...verdict('wipe', 'wipeRequested'), wipe: wipeOrder() };
    expect(phoneReply(config, ordered, who, null)).toMatchObject({ kind: 'wipe' });
    expect(phoneReply(config, verdict('quarantine', 'awaitingReport'), who, null)).toMatchObject({
      kind: 'comeAgain',
    });
  });
});

const PHONE = { user: 'alice' as UserKey, device: 'phone1' as DeviceKey };

describe('the gateway gives a phone what is shown', () => {
  const order = { wipe: wipeOrder('phone1', { told: false }) };
  const verdicts: readonly (readonly [string, Verdict, string])[] = [
    ['blocked', verdict('block', 'individualRule'), 'refusal'],
    ['one too many', verdict('block', 'tooManyDevices'), 'refusal'],
    ['with a record that cannot be read', verdict('block', 'storeUnavailable'), 'comeAgain'],
    ['that awaits a report', verdict('quarantine', 'awaitingReport'), 'comeAgain'],
    ['to be wiped', { ...verdict('wipe', 'wipeRequested'), ...order }, 'wipe'],
    ['whose account is to be wiped', { ...verdict('accountWipe', 'wipeRequested'), ...order }, 'by version'],
    ['to be wiped under another name', verdict('wipe', 'wipeRequested'), 'refusal'],
  ];

  it.each(verdicts)('%s', async (_name, held, wanted) => {
    const world = await openQuarantine();
    world.gateway.verdicts.set('phone1', held);
    for (const version of ['12.1', '14.1', '16.1']) {
      const more = { protocolVersion: version, deviceType: 'Test', userAgent: 'easgate-test/1' };
      const { kind, answers } = phoneReply(config, held, PHONE, seen('alice', 'phone1', 1, more));
      expect(kind).toBe(wanted === 'by version' ? (version === '16.1' ? 'wipe' : 'refusal') : wanted);
      const phone = world.phone({ version });
      phone.policyKey = '4711';
      for (const { command, http, status } of answers) {
        const { status: given, easStatus = null } = await ask(phone, command, version);
        expect({ version, command, http: given, status: easStatus }).toEqual({
          version,
          command,
          http,
          status,
        });
      }
      const { tree } = await ask(phone, 'Provision', version);
      const order = ['RemoteWipe', 'AccountOnlyRemoteWipe'].find((name) => hasElement(tree, name));
      const ordered = held.action === 'wipe' ? 'RemoteWipe' : 'AccountOnlyRemoteWipe';
      expect([version, order]).toEqual([version, kind === 'wipe' ? ordered : undefined]);
    }
  });

  it('in every language, of the policy too', async () => {
    const world = await openQuarantine();
    const settings = configSchema.parse({ messages: { enrolmentUrl: 'https://enrol.example.com/' } });
    for (const message of [undefined, { en: 'Update it.', pl: 'Zaktualizuj telefon.' }]) {
      const held: Verdict = {
        ...verdict('quarantine', 'osTooOld'),
        model: 'Pixel 4',
        ...(message !== undefined && { message }),
      };
      world.gateway.verdicts.set('phone1', held);
      const { messages } = phoneReply(settings, held, PHONE, null);
      expect(messages.map(({ language }) => language).includes('pl')).toBe(message !== undefined);
      for (const { language, subject, text } of messages)
        expect({ language, ...(await received(world.phone({ acceptLanguage: language }))) }).toEqual({
          language,
          subject,
          text,
        });
    }
  });

  /** The smallest request of a command. */
  function ask(phone: EasClient, name: string, version: string): Promise<EasAnswer> {
    const namespace = allCommands().find((one) => one.name === name)?.namespace ?? '';
    if (name === 'SendMail' && Number(version) < 14)
      return phone.command(name, Buffer.from('To: bob@example.com\r\n\r\nx\r\n'), 'message/rfc822');
    return phone.command(name, { namespace, name, children: [] });
  }

  function hasElement(tree: WbxmlElement | undefined, name: string): boolean {
    return (
      tree?.children.some((one) => isElement(one) && (one.name === name || hasElement(one, name))) === true
    );
  }

  /** The message that a phone reads. */
  async function received(phone: EasClient): Promise<{ readonly subject: string; readonly text: string }> {
    const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
    await phone.sync(inbox);
    const { tree } = await phone.sync(inbox);
    const text = (find(tree, 'Data') ?? '').replaceAll('\r\n', '\n').trimEnd();
    return { subject: find(tree, 'Subject') ?? '', text };
  }
});
