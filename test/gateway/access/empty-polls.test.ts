// Owns the promise that a poll without folders, which the mail server would hold on the folders it remembers, never mixes the
// quarantine mailbox with the real one.
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deviceKey } from '../../../src/identity/device.ts';
import { fromXml } from '../../../src/eas/wbxml/xml.ts';
import { encodeWbxml } from '../../../src/eas/wbxml/encode.ts';
import { EasClient, find } from '../../support/phones/eas-client.ts';
import type { EasAnswer } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { STORES, openOffice } from '../../support/servers/office.ts';
import type { Node, Office } from '../../support/servers/office.ts';
import { guarded, openQuarantine } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { until } from '../../support/checks/until.ts';
import { deviceReport } from '../../support/servers/directory-records.ts';

checkLeaks();

const WBXML = 'application/vnd.ms-sync.wbxml';
interface Poll {
  readonly command: 'Ping' | 'Sync';
  /** The status that makes the phone send the complete request. */
  readonly sendAll: string;
  readonly full: (folder: string) => string;
  /** A request that names only some of its folders. */
  readonly partial: string;
}

const POLLS: readonly Poll[] = [
  {
    command: 'Ping',
    sendAll: '3',
    full: (folder) =>
      `<Ping xmlns="Ping:"><HeartbeatInterval>600</HeartbeatInterval><Folders><Folder><Id>${folder}</Id><Class>Email</Class></Folder></Folders></Ping>`,
    partial: '<Ping xmlns="Ping:"><HeartbeatInterval>900</HeartbeatInterval></Ping>',
  },
  {
    command: 'Sync',
    sendAll: '13',
    full: (folder) =>
      `<Sync xmlns="AirSync:"><Collections><Collection><SyncKey>7</SyncKey><CollectionId>${folder}</CollectionId></Collection></Collections><Wait>10</Wait></Sync>`,
    partial: '<Sync xmlns="AirSync:"><Wait>12</Wait><Partial/></Sync>',
  },
];

async function openWorld(): Promise<Quarantine> {
  const world = await openQuarantine(guarded());
  return world;
}

const say = (phone: EasClient, { command }: Poll, xml: string): Promise<EasAnswer> =>
  phone.command(command, encodeWbxml(fromXml(xml)), WBXML);
const empty = (phone: EasClient, { command }: Poll): Promise<EasAnswer> => phone.command(command, null);

describe.each(['12.1', '14.1'])('a phone that speaks %s', (version) => {
  describe.each(POLLS)('and sends an empty $command', (poll) => {
    it('after a quarantine must send its folders, leaves the quarantine mailbox, and is then forwarded', async () => {
      const world = await openWorld();
      world.gateway.change('phone1', 'allow');
      const phone = world.phone({ version });
      expect((await say(phone, poll, poll.full('5'))).body.toString()).toBe('ok');
      expect((await empty(phone, poll)).body.toString()).toBe('ok');
      world.gateway.change('phone1', 'quarantine');
      const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
      world.gateway.change('phone1', 'allow');
      const sent = world.mailRequests().length;

      expect((await empty(phone, poll)).easStatus).toBe(poll.sendAll);
      expect(['7', '12']).toContain((await say(phone, poll, poll.full(inbox))).easStatus);
      expect((await empty(phone, poll)).easStatus).toBe(poll.sendAll);
      expect(world.mailRequests()).toHaveLength(sent);
      expect((await say(phone, poll, poll.full('5'))).body.toString()).toBe('ok');
      expect((await empty(phone, poll)).body.toString()).toBe('ok');
      expect((await say(phone, poll, poll.partial)).body.toString()).toBe('ok');
    });

    it('that names only some folders must send all', async () => {
      const world = await openWorld();
      world.gateway.change('phone1', 'allow');
      const phone = world.phone({ version });
      expect((await say(phone, poll, poll.partial)).easStatus).toBe(poll.sendAll);
      expect(world.mailRequests()).toEqual([]);
    });

    it('at the start of a quarantine must send all, then synchronise its folders', async () => {
      const world = await openWorld();
      world.gateway.change('phone1', 'allow');
      const phone = world.phone({ version });
      await say(phone, poll, poll.full('5'));
      world.gateway.change('phone1', 'quarantine');
      expect((await empty(phone, poll)).easStatus).toBe(poll.sendAll);
      expect(['7', '12']).toContain((await say(phone, poll, poll.full('5'))).easStatus);
      expect(world.mailRequests()).toHaveLength(1);
    });

    it('and is quarantined while the mail server holds it must start over at once', async () => {
      const world = await openQuarantine(
        guarded(({ method, body, connection }) => {
          if (method === 'OPTIONS' || body.length > 0)
            connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        }),
      );
      world.gateway.change('phone1', 'allow');
      const phone = world.phone({ version });
      await say(phone, poll, poll.full('5'));
      const held = empty(phone, poll);
      await until(() => world.gateway.heldPolls() === 1, 'the poll to be held');
      world.gateway.change('phone1', 'quarantine');
      expect((await held).easStatus).toBe(poll.command === 'Ping' ? '7' : '12');
    });
  });
});

it('a phone that was never in the quarantine mailbox must send its folders once per gateway, not per connection', async () => {
  const world = await openWorld();
  world.gateway.change('phone1', 'allow');
  const [ping] = POLLS as [Poll];
  const first = world.phone();
  expect((await first.ping()).easStatus).toBe('3');
  await say(first, ping, ping.full('5'));
  const second = world.phone();
  expect((await second.ping()).body.toString()).toBe('ok');
});

it('a coded poll of folders of the quarantine mailbox leaves that mailbox too', async () => {
  const world = await openWorld();
  world.gateway.change('phone1', 'allow');
  const [ping] = POLLS as [Poll];
  const body = gzipSync(encodeWbxml(fromXml(ping.full('easg1-inbox'))));
  const client = await RawClient.open(world.gateway.port);
  client.send(
    'POST /Microsoft-Server-ActiveSync?Cmd=Ping&User=alice&DeviceId=PHONE1&DeviceType=iPhone HTTP/1.1\r\n' +
      'Host: m\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 14.1\r\nContent-Encoding: gzip\r\n' +
      `Content-Type: ${WBXML}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  client.send(body);
  expect((await client.response()).body.toString('hex')).toBe('03016a00000d45470337000101');
  expect(world.mailRequests()).toEqual([]);
  client.destroy();
});

it('all polls are forwarded when the quarantine mailbox is off', async () => {
  const world = await openQuarantine(guarded(), { quarantine: null });
  world.gateway.change('phone1', 'allow');
  expect((await world.phone().ping()).body.toString()).toBe('ok');
});

describe.each(STORES)('with two gateways on the %s store', (kind) => {
  const KEY = deviceKey('PHONE1');
  let office: Office;
  let other: Node;
  const phoneAt = (port: number): EasClient => {
    const phone = new EasClient({ port, user: 'alice', password: 'alice-pw', device: 'PHONE1' });
    onTestFinished(() => phone.close());
    return phone;
  };

  it('a phone that was never denied polls without folders after a restart', async () => {
    office = await openOffice(kind);
    onTestFinished(() => office.close());
    await office.heard(() => office.operator.putDevices([deviceReport(KEY, { compliant: true })]));
    const phone = phoneAt(office.gateway.port);
    const folder = find((await phone.folderSync()).tree, 'ServerId') ?? '';
    const full = phone.ping(600, folder);
    await until(() => office.mail.held() === 1, 'the mail server to hold the poll');
    office.mail.deliver('alice', 'News', 'Text');
    expect((await full).easStatus).toBe('2');
    const record = async () => (await office.operator.getDevice(KEY))?.partnerships[0]?.lastVerdict;
    await until(async () => (await record()) === 'allow', 'the record of the phone');

    const restarted = await office.node();
    const empty = phoneAt(restarted.port).ping();
    await until(() => office.mail.held() === 1, 'the mail server to hold the empty poll');
    office.mail.deliver('alice', 'More', 'Text');
    expect((await empty).easStatus).toBe('2');
  });

  it('a phone that was in the quarantine mailbox must send its folders after a restart', async () => {
    office = await openOffice(kind);
    onTestFinished(() => office.close());
    await office.heard(() => office.operator.putDevices([deviceReport(KEY, { compliant: false })]));
    const phone = phoneAt(office.gateway.port);
    expect(find((await phone.folderSync()).tree, 'ServerId')).toMatch(/^easg1-/);
    await until(
      async () => (await office.operator.getDevice(KEY))?.partnerships[0]?.lastVerdict === 'quarantine',
      'the record',
    );
    await office.heard(() =>
      office.operator.putDevices([deviceReport(KEY, { compliant: true, version: 1 })]),
    );
    const restarted = await office.node();
    expect((await phoneAt(restarted.port).ping()).easStatus).toBe('3');
    expect(office.mail.held()).toBe(0);
  });

  it('a phone that was in the quarantine mailbox at one must send its folders to the other', async () => {
    office = await openOffice(kind);
    onTestFinished(() => office.close());
    let version = 0;
    const heardByBoth = async (compliant: boolean): Promise<void> => {
      await other.heard(() =>
        office.heard(() =>
          office.operator.putDevices([deviceReport(KEY, { compliant, version: ++version })]),
        ),
      );
    };
    other = await office.node();
    await heardByBoth(true);
    const there = phoneAt(other.port);
    const folder = find((await there.folderSync()).tree, 'ServerId') ?? '';
    const poll = there.ping(600, folder);
    await until(() => office.mail.held() === 1, 'the mail server to hold the poll');
    office.mail.deliver('alice', 'News', 'Text');
    expect((await poll).easStatus).toBe('2');

    await heardByBoth(false);
    const here = phoneAt(office.gateway.port);
    expect(find((await here.folderSync()).tree, 'ServerId')).toMatch(/^easg1-/);
    await heardByBoth(true);
    expect((await there.ping()).easStatus).toBe('3');
    expect(other.gateway.heldPolls()).toBe(0);

    // A report without news causes no extra request of the phone.
    const again = there.ping(600, folder);
    await until(() => office.mail.held() === 1, 'the mail server to hold the poll');
    await office.operator.putDevices([deviceReport(KEY, { version: ++version, observedAt: 2 })]);
    office.mail.deliver('alice', 'More', 'Text');
    expect((await again).easStatus).toBe('2');
    const empty = there.ping();
    await until(() => office.mail.held() === 1, 'the mail server to hold the empty poll');
    office.mail.deliver('alice', 'And more', 'Text');
    expect((await empty).easStatus).toBe('2');
  });
});
