// Owns the promise that the holes found by the review of the answers on 25 November 2026 stay closed.
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { fromXml, toXml } from '../../src/eas/wbxml/xml.ts';
import { treeOf } from '../../src/gateway/access/body-tree.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import type { EasAnswer, EasClient } from '../support/phones/eas-client.ts';
import { collector } from '../support/checks/heap.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { guarded, openQuarantine } from '../support/servers/quarantine.ts';
import type { Quarantine } from '../support/servers/quarantine.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, request, untilLeft, verdict, wipeOrder } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

let world: Quarantine;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await world.close();
});

async function connect(): Promise<RawClient> {
  const client = await RawClient.open(world.gateway.port);
  clients.push(client);
  return client;
}

describe('a password that was accepted on a connection', () => {
  it('is asked about again after a while, however often the connection is used', async () => {
    let changed = false;
    world = await openQuarantine(
      ({ connection, ...rest }) => {
        if (changed) connection.socket.write('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n');
        else guarded()({ connection, ...rest });
      },
      { client: { keepAliveTimeoutMs: 600_000 } },
    );
    const phone = await connect();
    const ask = async (): Promise<number> => {
      phone.send(request('FolderSync', FOLDER_SYNC, [], 'PHONE1'));
      return (await phone.response()).status;
    };
    expect(await ask()).toBe(200);
    changed = true;
    // A minute in the memory all connections share, half a minute on its own.
    const statuses: number[] = [];
    for (let seconds = 0; seconds < 100; seconds += 20) {
      await world.gateway.time.advance(20_000);
      statuses.push(await ask());
    }
    expect(statuses.at(-1)).toBe(401);
  });
});

const ORDER: Verdict = {
  ...verdict('wipe'),
  reason: 'wipeRequested',
  wipe: wipeOrder(),
};
const provision = (phone: EasClient, inner = ''): Promise<EasAnswer> =>
  phone.command('Provision', fromXml(`<Provision xmlns="Provision:">${inner}</Provision>`));
const xml = ({ tree }: EasAnswer): string => (tree === undefined ? '' : toXml(tree));

describe('a wipe that is taken back', () => {
  it('while the directory is read is not ordered', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    world.gateway.confirmWith(async () => {
      world.gateway.change('phone1', 'block');
      return ORDER;
    });
    const answer = await provision(world.phone());
    expect([answer.status, xml(answer)]).toEqual([503, '']);
    world.gateway.confirmWith(undefined);
    expect((await provision(world.phone())).easStatus).toBe('129');
  });

  it('while a phone says that it failed is not ordered once more', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    world.gateway.acknowledgeWith(() => {
      world.gateway.change('phone1', 'block');
      return false;
    });
    const answer = await provision(world.phone(), '<RemoteWipe><Status>2</Status></RemoteWipe>');
    expect(xml(answer)).not.toContain('Wipe');
    expect(answer.easStatus).toBe('129');
    expect(world.gateway.acknowledged).toEqual([]);
  });

  it('while a phone says that it failed, and given anew, is ordered by the new one', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    const stands = [false, true];
    world.gateway.acknowledgeWith(() => stands.shift() ?? true);
    const answer = await provision(world.phone(), '<RemoteWipe><Status>2</Status></RemoteWipe>');
    expect(xml(answer)).toContain('<RemoteWipe/>');
    expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 2 }]);
  });
});

describe('a wipe', () => {
  it('that a phone carries out without waiting for an answer is written down', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', ORDER);
    const reading = Promise.withResolvers<Verdict>();
    let asked = false;
    world.gateway.confirmWith(() => {
      asked = true;
      return reading.promise;
    });
    const phone = await connect();
    const said = fromXml(
      '<Provision xmlns="Provision:"><RemoteWipe><Status>1</Status></RemoteWipe></Provision>',
    );
    phone.send(request('Provision', encodeWbxml(said), [], 'PHONE1'));
    await until(() => asked, 'the directory to be read');
    phone.destroy();
    await untilLeft(world.gateway);
    await until(() => world.gateway.connections() === 0, 'the phone to be gone');
    reading.resolve(ORDER);
    await until(() => world.gateway.acknowledged.length > 0, 'the word of the phone');
    expect(world.gateway.acknowledged).toEqual([{ device: 'phone1', status: 1 }]);
  });
});

describe('mail that a quarantined phone sends', () => {
  it('is never read as requests', async () => {
    world = await openQuarantine();
    const phone = await connect();
    const hidden = request('FolderSync', FOLDER_SYNC, [], 'PHONE2');
    phone.send(
      'POST /Microsoft-Server-ActiveSync?Cmd=SendMail&DeviceId=PHONE1&DeviceType=iPhone&SaveInSent=T HTTP/1.1\r\n' +
        'Host: m\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 12.1\r\n' +
        `Content-Type: message/rfc822\r\nContent-Length: ${100_010 + hidden.length}\r\n\r\nSubject: x`,
    );
    phone.send(hidden);
    phone.send('x'.repeat(100_000));
    expect((await phone.response()).status).toBe(507);
    phone.send(request('FolderSync', FOLDER_SYNC, [], 'PHONE1'));
    expect((await phone.response()).status).toBe(200);
    expect(world.gateway.seen.map(({ device }) => device)).not.toContain('phone2');
    expect(world.mailRequests()).toEqual([]);
  });

  it.each(['14.1', '16.1'])('in version %s is refused as such also when it is large', async (version) => {
    world = await openQuarantine();
    const sent = await world.phone({ version }).sendMail('bob@example.com', 'A picture', 'x'.repeat(300_000));
    expect([sent.status, sent.easStatus]).toEqual([200, '120']);
  });

  it('is not asked for where it waits to be', async () => {
    world = await openQuarantine();
    const phone = await connect();
    phone.send(
      request('SendMail', Buffer.alloc(0), ['Expect: 100-continue', 'Content-Length: 20'], 'PHONE1'),
    );
    const { status, body } = await phone.response();
    expect([status, toXml(decodeWbxml(body))]).toEqual([
      200,
      '<SendMail xmlns="ComposeMail:"><Status>120</Status></SendMail>',
    ]);
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
    // The first one is told that there is a message.
    expect((await phone.ping(600, 'easg1-inbox')).easStatus).toBe('2');
    const poll = phone.ping(600, 'easg1-inbox');
    await until(() => world.gateway.heldPolls() === 1, 'the poll to be held');
    return { poll };
  }

  it('is not held longer than what holds it: the phone is let in when its quarantine ends', async () => {
    const { poll } = await held('14.1');
    world.gateway.verdicts.set('phone1', RELEASED);
    await world.gateway.time.advance(59_999);
    expect(world.gateway.heldPolls()).toBe(1);
    await world.gateway.time.advance(1);
    expect((await poll).easStatus).toBe('7');
  });

  it('tells of another message when one quarantine ends in another', async () => {
    const { poll } = await held('14.1');
    world.gateway.verdicts.set('phone1', quarantined(Infinity, 'until it is enrolled'));
    await world.gateway.time.advance(60_000);
    expect((await poll).easStatus).toBe('2');
  });

  it('goes on being held when nothing is new, and ends when the directory cannot say', async () => {
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

describe('a body of few octets that unpack to very many elements', () => {
  it('is not read', async () => {
    world = await openQuarantine();
    const phone = await connect();
    const elements = Buffer.alloc(100_000, 0x05);
    const body = gzipSync(Buffer.concat([Buffer.from('03016a0045', 'hex'), elements, Buffer.from([1])]));
    expect(body.length).toBeLessThan(400);
    phone.send(request('Sync', body, ['Content-Encoding: gzip'], 'PHONE1'));
    expect((await phone.response()).status).toBe(400);
  });

  it('is refused long before all of them are read', () => {
    const elements = Buffer.alloc(19_000, 0x05);
    const start = Buffer.from('03016a0045', 'hex');
    const few = Buffer.concat([start, elements, Buffer.from([1])]);
    const many = Buffer.concat([start, elements, elements, Buffer.from([1])]);
    expect(treeOf(gzipSync(few), 'gzip-wbxml')?.children).toHaveLength(19_000);
    expect(treeOf(gzipSync(many), 'gzip-wbxml')).toBeUndefined();
  });
});

describe('a phone that is let in', () => {
  const sync = (key: string, folder: string, text: string): Buffer =>
    encodeWbxml(
      fromXml(
        '<Sync xmlns="AirSync:"><Collections><Collection>' +
          `<SyncKey>${key}</SyncKey><CollectionId>${folder}</CollectionId>` +
          '<Commands><Add><ClientId>1</ClientId><ApplicationData>' +
          `<Body xmlns="AirSyncBase:"><Data>${text}</Data></Body>` +
          '</ApplicationData></Add></Commands></Collection></Collections></Sync>',
      ),
    );

  async function letIn(): Promise<{ phone: EasClient; folderKey: string }> {
    world = await openQuarantine();
    const phone = world.phone({ version: '16.1' });
    await phone.folderSync();
    world.gateway.change('phone1', 'allow');
    return { phone, folderKey: phone.folderKey };
  }

  it('brings no key of the quarantine mailbox to the mail server in a body that is coded', async () => {
    const { folderKey } = await letIn();
    const phone = await connect();
    const tree = fromXml(`<FolderSync xmlns="FolderHierarchy:"><SyncKey>${folderKey}</SyncKey></FolderSync>`);
    const body = gzipSync(encodeWbxml(tree));
    phone.send(request('FolderSync', body, ['Content-Encoding: gzip'], 'PHONE1'));
    const answer = await phone.response();
    expect(toXml(decodeWbxml(answer.body))).toContain('<Status>9</Status>');
    const real = gzipSync(
      encodeWbxml(fromXml('<FolderSync xmlns="FolderHierarchy:"><SyncKey>7</SyncKey></FolderSync>')),
    );
    phone.send(request('FolderSync', real, ['Content-Encoding: gzip'], 'PHONE1'));
    expect((await phone.response()).body.toString()).toBe('ok');
    expect(world.mailRequests().map(({ body }) => body)).toEqual([real]);
  });

  it.each([
    ['of a length it tells', 'Content-Length'],
    ['in chunks', 'Transfer-Encoding'],
    ['that is coded', 'Content-Encoding'],
  ])('brings none of its folders there in a large body %s', async (_, way) => {
    await letIn();
    const phone = await connect();
    // Random enough to be large when it is coded too.
    const text = Array.from({ length: 12_000 }, (_, index) => Math.sin(index).toString(36)).join('');
    const plain = sync('easg1-AAAA', 'easg1-drafts', text);
    const body = way === 'Content-Encoding' ? gzipSync(plain) : plain;
    expect(body.length).toBeGreaterThan(64 * 1024);
    if (way === 'Transfer-Encoding') {
      phone.send(request('Sync', Buffer.alloc(0), ['Transfer-Encoding: chunked'], 'PHONE1'));
      phone.send(`${body.length.toString(16)}\r\n`);
      phone.send(body);
    } else {
      const coding = way === 'Content-Encoding' ? ['Content-Encoding: gzip'] : [];
      phone.send(request('Sync', body, coding, 'PHONE1'));
    }
    const answer = await phone.response();
    expect(toXml(decodeWbxml(answer.body))).toContain('<Status>12</Status>');
    expect(world.mailRequests()).toEqual([]);
  });

  it('uploads a large draft to its real folder as it is', async () => {
    const { phone } = await letIn();
    const draft = sync('17', '3', 'x'.repeat(300_000));
    expect((await phone.command('Sync', draft)).body.toString()).toBe('ok');
    expect(world.mailRequests().map(({ body }) => body.equals(draft))).toEqual([true]);
  });

  it('is told to start over only with its password', async () => {
    const { folderKey } = await letIn();
    const stranger = world.phone({ password: 'wrong' });
    stranger.folderKey = folderKey;
    expect((await stranger.folderSync()).status).toBe(401);
    expect((await stranger.ping()).status).toBe(401);
    const phone = world.phone();
    expect((await phone.ping()).easStatus).toBe('3');
    phone.folderKey = folderKey;
    expect((await phone.folderSync()).easStatus).toBe('9');
    expect(world.mailRequests()).toEqual([]);
  });

  it.each([
    ['Ping', '3'],
    ['Sync', '13'],
  ] as const)(
    'and repeats its last %s without a body is not led back into its real mailbox',
    async (command, status) => {
      const { phone } = await letIn();
      const again = (): Promise<EasAnswer> => phone.command(command, null);
      expect((await again()).easStatus).toBe(status);
      expect((await phone.folderSync()).easStatus).toBe('9');
      expect(world.mailRequests()).toEqual([]);
      phone.folderKey = '0';
      expect((await phone.folderSync()).body.toString()).toBe('ok');
      // What it shows now is known when it names a folder.
      expect((await again()).easStatus).toBe(status);
      expect((await phone.ping(600, '5')).body.toString()).toBe('ok');
      expect((await again()).body.toString()).toBe('ok');
      expect(world.mailRequests()).toHaveLength(3);
    },
  );

  it.each(['SmartReply', 'SmartForward'] as const)(
    'has a mail made by %s from the message of the gateway sent without it',
    async (command) => {
      const { phone } = await letIn();
      const made = (folder: string, item: string): Promise<EasAnswer> =>
        phone.command(
          command,
          fromXml(
            `<${command} xmlns="ComposeMail:"><ClientId>1</ClientId><Source><FolderId>${folder}</FolderId>` +
              `<ItemId>${item}</ItemId></Source><Mime>${'x'.repeat(100_000)}</Mime></${command}>`,
          ),
        );
      const answer = await made('easg1-inbox', 'easg1-inbox:0123456789ab');
      expect([answer.status, answer.easStatus]).toEqual([200, '150']);
      expect(world.mailRequests()).toEqual([]);
      expect((await made('5', '5:1')).body.toString()).toBe('ok');

      const older = world.phone({ version: '12.1' });
      const mail = Buffer.from('To: bob@example.com\r\n\r\nSee easg1-inbox\r\n');
      const ids = { CollectionId: 'easg1-inbox', ItemId: 'easg1-inbox:0123456789ab' };
      expect((await older.command(command, mail, 'message/rfc822', ids)).status).toBe(500);
      expect(world.mailRequests()).toHaveLength(1);
      const real = { CollectionId: '5', ItemId: '5:1' };
      expect((await older.command(command, mail, 'message/rfc822', real)).body.toString()).toBe('ok');
      expect(world.mailRequests()).toHaveLength(2);
    },
  );
});

/** A recorder whose store only counts. */
function recording(): { store: { written: number }; recorder: PartnershipRecorder } {
  const store = {
    written: 0,
    recordSeen: async (batch: readonly unknown[]) => {
      store.written += batch.length;
      return [];
    },
  };
  return { store, recorder: new PartnershipRecorder(store as unknown as DirectoryStore) };
}

describe('what is written down of a phone', () => {
  it('has a bound, and nothing that a terminal obeys', async () => {
    world = await openQuarantine();
    const phone = await connect();
    const agent = `Apple\u009b31m${'x'.repeat(8_000)}`;
    phone.send(request('FolderSync', FOLDER_SYNC, [`User-Agent: ${agent}`], 'PHONE1'));
    expect((await phone.response()).status).toBe(200);
    expect(world.gateway.agents).toEqual([`Apple31m${'x'.repeat(248)}`]);
  });

  it('keeps no whole heads in memory', async () => {
    world = await openQuarantine();
    const { store, recorder } = recording();
    const collect = collector();
    const before = collect();
    for (let index = 0; index < 2_000; index++) {
      const head = Buffer.alloc(16_000, 0x41 + (index % 26)).toString('latin1') + 'Apple-iPhone15C2/2107.102';
      recorder.seen({
        user: `user${index}` as UserKey,
        device: `phone${index}` as DeviceKey,
        spelling: `phone${index}`,
        deviceType: 'iPhone',
        userAgent: head.slice(16_000),
        protocolVersion: '16.1',
        verdict: verdict('allow'),
        information: null,
      });
    }
    await recorder.flush();
    expect(store.written).toBe(2_000);
    // The heads were 32 MB.
    expect(collect() - before).toBeLessThan(8_000_000);
    await recorder.close();
  });
});
