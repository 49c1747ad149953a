// Owns the promises of the sample phone besides its reactions to answers: actions of its user, empty requests, recovery.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commandByName } from '../../src/eas/commands.ts';
import { parseEasQuery, queryParameters } from '../../src/eas/query-parser.ts';
import type { EasQuery } from '../../src/eas/query.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { DeviceRecord } from '../../src/model/device.ts';
import type { PhoneOptions } from '../../src/sample/phone/options.ts';
import { Phone } from '../../src/sample/phone/phone.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { openOffice } from '../support/servers/office.ts';
import type { Office } from '../support/servers/office.ts';
import { deep, onlyStatus, startScriptedServer } from '../support/servers/scripted-server.ts';
import type { ScriptedServer } from '../support/servers/scripted-server.ts';
import { until } from '../support/checks/until.ts';
import { BY_TEST, decision, deviceReport, wipeDecision } from '../support/servers/directory-records.ts';

checkLeaks();

const never = new AbortController().signal;
const DEVICE = 'BEHAVINGPHONE';
const KEY = deviceKey(DEVICE);
const ENROL = 'Enrol this device to get your mail';
const REAL = ['Welcome', 'Floor plan', 'Lunch'];
const VERSIONS = ['2.5', '12.0', '12.1', '14.0', '14.1', '16.0', '16.1'];

describe('with a gateway and a mail server, a phone', () => {
  let office: Office;
  beforeEach(async () => {
    office = closeAtEnd(await openOffice('embedded'));
  });

  let observation = 0;
  const mdmSays = (facts: Partial<DeviceRecord>): Promise<void> => {
    observation++;
    const record = deviceReport(KEY, { version: observation, observedAt: observation, ...facts });
    return office.heard(() => office.operator.putDevices([record]));
  };
  const allow = (): Promise<void> => mdmSays({ managed: true, compliant: true });
  const quarantine = (): Promise<void> => mdmSays({ managed: false });
  const block = (): Promise<void> =>
    office.heard(() => office.operator.decide({ user: null, device: KEY }, decision('block'), BY_TEST));
  const unblock = (): Promise<void> =>
    office.heard(() => office.operator.decide({ user: null, device: KEY }, null, BY_TEST));

  async function withMail(options: Partial<PhoneOptions> = {}): Promise<Phone> {
    await allow();
    const phone = office.phone({ deviceId: DEVICE, family: 'ios', ...options });
    await phone.settle(never);
    expect(phone.screen.subjects).toEqual(REAL);
    return phone;
  }

  it.each([
    ['12.1', 'android'],
    ['12.1', 'ios'],
    ['14.1', 'android'],
    ['16.1', 'outlook'],
  ] as const)(
    'that speaks %s (%s) stops showing a refusal after the first successful answer',
    async (version, family) => {
      await quarantine();
      const phone = office.phone({ deviceId: DEVICE, family, version });
      await phone.settle(never);
      await block();
      await phone.step(never);
      await phone.settle(never);
      expect(phone.screen.state).toBe('denied');
      await allow();
      await unblock();
      await phone.settle(never);
      expect(phone.screen).toMatchObject({ state: 'connected', subjects: REAL });
      expect(phone.idle).toBe(true);
    },
  );

  it.each(['android', 'ios'] as const)(
    'that was blocked while it was set up continues once it is allowed (%s)',
    async (family) => {
      await allow();
      await block();
      const phone = office.phone({ deviceId: DEVICE, family, version: '12.1' });
      await phone.settle(never);
      expect(phone.screen.state).toBe('denied');
      await unblock();
      await phone.settle(never);
      expect(phone.screen).toMatchObject({ state: 'connected', subjects: REAL });
      expect(phone.idle).toBe(true);
    },
  );

  it.each(VERSIONS)(
    'that speaks %s marks as read, deletes and sends, which other phones of the user see',
    async (version) => {
      const phone = await withMail({ version });
      const other = office.phone({ deviceId: 'OTHERPHONE', family: 'ios', version });
      await office.heard(() =>
        office.operator.putDevices([
          deviceReport(deviceKey('OTHERPHONE'), { managed: true, compliant: true }),
        ]),
      );
      const [welcome, plan] = phone.screen.messagesOf('2').map(({ id }) => id);
      expect(await phone.markRead(welcome ?? '', never)).toBe(true);
      expect(await phone.deleteMessage(plan ?? '', never)).toBe(true);
      expect(await phone.sendMail('bob@example.com', 'Thanks', 'Fine.', never)).toBe(true);
      await other.settle(never);
      expect(phone.screen.messagesOf('2').map(({ subject, read }) => [subject, read])).toEqual([
        ['Welcome', true],
        ['Lunch', false],
      ]);
      expect(other.screen.messagesOf('2').map(({ subject, read }) => [subject, read])).toEqual([
        ['Welcome', true],
        ['Lunch', false],
      ]);
      const bob = office.phone({
        deviceId: 'OTHERPHONE',
        family: 'ios',
        version,
        user: 'bob',
        password: 'bob-pw',
      });
      await bob.settle(never);
      expect(bob.screen.messagesOf('2').at(-1)).toMatchObject({ subject: 'Thanks', text: 'Fine.' });
    },
  );

  it.each(VERSIONS)(
    'that speaks %s and is quarantined sends nothing, and may delete the message',
    async (version) => {
      await quarantine();
      const phone = office.phone({ deviceId: DEVICE, family: 'ios', version });
      await phone.settle(never);
      const [message] = phone.screen.messagesOf('2');
      expect(await phone.sendMail('bob@example.com', 'Thanks', 'Fine.', never)).toBe(false);
      expect(await phone.markRead(message?.id ?? '', never)).toBe(true);
      expect(await phone.deleteMessage(message?.id ?? '', never)).toBe(true);
      phone.tryAgain();
      await phone.settle(never);
      expect(phone.screen.subjects).toEqual([]);
      expect(phone.screen.state).toBe('connected');
    },
  );

  it('that changes a message of its former mailbox changes nothing, and starts over', async () => {
    const phone = await withMail();
    const [message] = phone.screen.messagesOf('2');
    await quarantine();
    expect(await phone.deleteMessage(message?.id ?? '', never)).toBe(false);
    await phone.settle(never);
    expect(phone.screen.subjects).toEqual([ENROL]);
  });

  it.each(['14.0', '14.1', '16.1'])(
    'that writes base64 queries (%s) is recognised as the same phone',
    async (version) => {
      await quarantine();
      const phone = office.phone({ deviceId: DEVICE, family: 'ios', version, query: 'base64' });
      await phone.settle(never);
      expect(phone.screen.subjects).toEqual([ENROL]);
      const poll = phone.step(never);
      await until(() => office.gateway.heldPolls() === 1, 'the poll to be held');
      await allow();
      await poll;
      await phone.settle(never);
      expect(phone.screen).toMatchObject({ state: 'connected', subjects: REAL });
      expect(await phone.sendMail('alice@example.com', 'Self', 'Text', never)).toBe(true);
      await phone.step(never);
      await phone.settle(never);
      expect(phone.screen.subjects).toEqual([...REAL, 'Self']);
    },
  );

  it.each([
    ['ping', '2.5'],
    ['ping', '16.1'],
    ['sync', '14.1'],
    ['sync', '16.1'],
  ] as const)('gets new mail while its %s is sent empty (%s)', async (push, version) => {
    const phone = await withMail({ version, push, emptyPolls: true, heartbeat: 1 });
    // The first poll is complete.
    await phone.step(never);
    const poll = phone.step(never);
    await until(() => office.mail.held() === 1, 'the poll to be held');
    office.mail.deliver('alice', 'News', 'Text');
    await poll;
    await phone.settle(never);
    expect(phone.screen.subjects).toEqual([...REAL, 'News']);
    expect(phone.loops).toBe(0);
  });

  it.each(['ping', 'sync'] as const)(
    'that sends its %ss empty goes into quarantine and out of it',
    async (push) => {
      const phone = await withMail({ version: '14.1', push, emptyPolls: true, heartbeat: 1 });
      await phone.step(never);
      await quarantine();
      // Empty, then complete; a heartbeat of a second is too short for the gateway.
      for (let count = 0; count < 4 && !phone.screen.subjects.includes(ENROL); count++) {
        await phone.step(never);
        await phone.settle(never);
      }
      expect(phone.screen.subjects).toEqual([ENROL]);
      if (push === 'ping') await phone.step(never);
      const poll = phone.step(never);
      await until(() => office.gateway.heldPolls() === 1, 'the poll to be held');
      await allow();
      await poll;
      await phone.settle(never);
      expect(phone.screen).toMatchObject({ state: 'connected', subjects: REAL, passwordPrompts: 0 });
      expect(phone.loops).toBe(0);
    },
  );

  it.each(['wipe', 'accountWipe'] as const)(
    'that cannot carry out a %s reports the failure, and gets the order again',
    async (action) => {
      const phone = await withMail({ version: '16.1', wipeFails: true });
      const user = action === 'wipe' ? null : ('alice' as never);
      await office.heard(() =>
        office.operator.decide(
          { user: user, device: KEY },
          wipeDecision(Date.now(), action, 'alice', KEY),
          BY_TEST,
        ),
      );
      await phone.step(never);
      await phone.settle(never);
      expect(phone.screen).toMatchObject({ state: 'denied', subjects: REAL });
      const stored =
        user === null
          ? (await office.operator.getDevice(KEY))?.decided.decision
          : (await office.operator.lookup(user, KEY)).partnershipDecision;
      expect(stored).toMatchObject({ action, wipe: { deviceStatus: 2 } });
    },
  );
});

describe('a phone, as the server sees it,', () => {
  let server: ScriptedServer;
  beforeAll(async () => {
    server = await startScriptedServer();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.asked.length = 0;
    server.script = () => null;
  });

  async function settled(options: Partial<PhoneOptions>): Promise<Phone> {
    const account = { server: server.url, user: 'alice', password: 'pw', deviceId: DEVICE };
    const phone = closeAtEnd(new Phone({ ...account, family: 'ios', ...options }));
    await phone.settle(never);
    server.asked.length = 0;
    return phone;
  }
  const bodies = (): string[] =>
    server.asked.map(({ command, body }) => `${command}${body.length === 0 ? ' empty' : ''}`);

  it('sends an unchanged Ping empty, and complete when the server has forgotten it', async () => {
    const phone = await settled({ version: '14.1', emptyPolls: true });
    await phone.step(never);
    await phone.step(never);
    server.script = ({ command, body }) =>
      command === 'Ping' && body.length === 0 ? onlyStatus('Ping', 3) : null;
    await phone.step(never);
    await phone.step(never);
    expect(bodies()).toEqual(['Ping', 'Ping empty', 'Ping empty', 'Ping']);
    expect(server.asked[1]?.headers['content-type']).toBeUndefined();
  });

  it.each(['12.1', '16.1'])(
    'sends a Sync empty while nothing changes, and complete when the server has forgotten it (%s)',
    async (version) => {
      const phone = await settled({ version, emptyPolls: true, push: 'sync' });
      await phone.step(never);
      await phone.step(never);
      server.script = ({ command, body }) =>
        command === 'Sync' && body.length === 0 ? onlyStatus('Sync', 13) : null;
      await phone.step(never);
      await phone.step(never);
      expect(bodies()).toEqual(['Sync', 'Sync empty', 'Sync empty', 'Sync']);
    },
  );

  it('sends no empty requests unless so configured', async () => {
    const phone = await settled({ version: '14.1' });
    await phone.step(never);
    await phone.step(never);
    expect(bodies()).toEqual(['Ping', 'Ping']);
  });

  it.each(['12.1', '14.0', '14.1', '16.0', '16.1'])(
    'writes complete base64 queries (%s)',
    async (version) => {
      const phone = await settled({ version, query: 'base64' });
      await phone.step(never);
      await phone.sendMail('bob@example.com', 'Subject', 'Text', never);
      const [ping, mail] = server.asked.map(({ query }) => parseEasQuery(query, false));
      expect(ping).not.toBeTypeOf('string');
      expect(ping).toMatchObject({
        form: 'base64',
        command: commandByName('Ping'),
        device: DEVICE.toLowerCase(),
        deviceType: 'iPhone',
        versionByte: Number(version) * 10,
        policyKey: null,
        locale: 0x0409,
        userClaim: 'alice',
      });
      expect(mail).toMatchObject({ command: commandByName('SendMail'), policyKey: 77 });
      expect(queryParameters(mail as EasQuery)).toMatchObject({ SaveInSent: true });
      for (const { headers } of server.asked) {
        expect(headers['ms-asprotocolversion']).toBeUndefined();
        expect(headers['x-ms-policykey']).toBeUndefined();
      }
    },
  );

  it('writes an id of 32 hex digits as 16 bytes', async () => {
    const id = '00112233445566778899AABBCCDDEEFF';
    const phone = await settled({ version: '16.1', query: 'base64', deviceId: id });
    await phone.step(never);
    const query = parseEasQuery(server.asked[0]?.query ?? '', false);
    expect(query).toMatchObject({ device: id.toLowerCase() });
  });

  it.each([
    ['12.1', 'message/rfc822'],
    ['14.0', 'application/vnd.ms-sync.wbxml'],
  ])('sends mail in the form of %s', async (version, type) => {
    const phone = await settled({ version });
    expect(await phone.sendMail('bob@example.com', 'Subject', 'Text', never)).toBe(true);
    const [asked] = server.asked;
    expect(asked?.headers['content-type']).toBe(type);
    const mime = version === '12.1' ? asked?.body.toString() : deep(asked?.root ?? null, 'Mime');
    expect(mime).toContain('To: bob@example.com\r\nSubject: Subject\r\n');
    expect(new URLSearchParams(asked?.query).get('SaveInSent')).toBe('T');
  });

  it('keeps mail in its outbox that the server refuses', async () => {
    const phone = await settled({ version: '14.1' });
    server.script = () => onlyStatus('SendMail', 120);
    expect(await phone.sendMail('bob@example.com', 'Subject', 'Text', never)).toBe(false);
    server.script = () => ({ http: 507 });
    expect(await phone.sendMail('bob@example.com', 'Subject', 'Text', never)).toBe(false);
  });

  it('keeps its policy key when it asks for a wipe and there is none', async () => {
    const phone = await settled({ version: '14.1' });
    let told = false;
    server.script = ({ command }) => {
      if (command !== 'FolderSync' || told) return null;
      told = true;
      return onlyStatus('FolderSync', 140);
    };
    phone.tryAgain();
    await phone.settle(never);
    expect(
      server.asked.map(({ command, headers }) => [command, headers['x-ms-policykey']]).slice(0, 3),
    ).toEqual([
      ['FolderSync', '77'],
      ['Provision', '77'],
      ['FolderSync', '77'],
    ]);
  });
});
